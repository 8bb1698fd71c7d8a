//! From a request to its plan: what the rules choose, the question for `route`, and the facts from `health`.

use std::{borrow::Cow, sync::Arc};

use tokio::time::Instant;

use super::{Desk, desk::Lasting};
use crate::{
    access::Caller,
    catalog::Ability,
    chat::Outline,
    facts::Facts,
    health::Shape,
    route::{
        self, Candidate, Choice, Detail, Erring, Everything, Hints, NoPlan, Plan, Question,
        Strategy, Subject,
    },
};

/// Who asks for what, on whose behalf.
pub struct Inquiry<'a> {
    /// What is asked, and where.
    pub subject: Subject<'a>,
    /// Who asks.
    pub caller: &'a Caller,
    /// What the caller asks for beyond a model.
    pub hints: &'a Hints,
    /// Whose rights decide what may be asked.
    pub rights: Rights,
    /// What the completion belongs to, where that is known better than by how its prompt begins; else 0.
    pub affinity: u64,
    /// The chance to draw with.
    pub seed: u64,
}

/// Whose rights decide what may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rights {
    /// The caller's: it named the model.
    #[default]
    Caller,
    /// The operator's, who wrote the tool: whoever may call a tool may use what it stands on.
    Operator,
}

/// What is to be planned, after the rules had their say.
pub(super) struct Chosen<'a> {
    desk: &'a Desk,
    inquiry: &'a Inquiry<'a>,
    /// The rule that decided.
    pub(super) rule: Option<&'a Choice>,
    /// Rules that could not be tested.
    pub(super) erring: Vec<Erring>,
    /// The tool on whose behalf a completion is asked.
    pub(super) tool: Option<String>,
    hints: Cow<'a, Hints>,
    /// What is remembered of the route.
    pub(super) lasting: &'a Lasting,
}

impl<'a> Chosen<'a> {
    /// Lets the rules choose.
    pub(super) fn by(desk: &'a Desk, inquiry: &'a Inquiry<'a>) -> Self {
        let tool = inquiry.subject.tool();
        let mut chosen = Self {
            desk,
            inquiry,
            rule: None,
            erring: Vec::new(),
            tool: (!tool.is_empty()).then(|| tool.into_owned()),
            hints: Cow::Borrowed(inquiry.hints),
            lasting: desk.lasting(&inquiry.subject.ask.outline.model),
        };
        if !desk.rules.is_empty() {
            (chosen.rule, chosen.erring) = desk.rules.choose(&inquiry.subject);
            if let Some(rule) = chosen.rule {
                rule.adds_to(chosen.hints.to_mut());
                chosen.lasting = desk.lasting(chosen.model());
            }
        }
        chosen
    }

    /// The chance of the plan.
    pub(super) fn seed(&self) -> u64 {
        self.inquiry.seed
    }

    fn outline(&self) -> &'a Outline {
        &self.inquiry.subject.ask.outline
    }

    /// The model to plan for: a route's name, or a target's.
    pub(super) fn model(&self) -> &'a str {
        let chosen = self.rule.and_then(|rule| rule.route.as_deref());
        chosen.unwrap_or(&self.outline().model)
    }

    /// The route that plans, and how it orders its pool; nothing where the model is no route.
    pub(super) fn heading(&self) -> Option<(Arc<str>, Strategy)> {
        self.desk.router.heading(self.model(), &self.hints)
    }

    /// What the times of an answer depend on.
    pub(super) fn shape(&self) -> Shape {
        let outline = self.outline();
        Shape {
            stream: outline.stream,
            input_tokens: outline.input_tokens(),
            output_tokens: self
                .lasting
                .learned
                .expected_output(self.tool.as_deref())
                .saturating_mul(outline.n.max(1))
                .min(outline.max_output().unwrap_or(u64::MAX)),
        }
    }

    /// Plans within the caller's rights, without asking anybody; `then` also sees what exactly was asked.
    pub(super) fn plan<T>(
        &self,
        now: Instant,
        then: impl FnOnce(&Question<'_>, Result<Plan, NoPlan>) -> T,
    ) -> T {
        let (desk, outline, name) = (self.desk, self.outline(), self.model());
        let shape = self.shape();
        let sticky = desk.router.keeps_conversations(name, &self.hints);
        let own = Of(self.inquiry.caller);
        let rights: &dyn route::Rights = match self.inquiry.rights {
            Rights::Caller => &own,
            Rights::Operator => &Everything,
        };
        let question = Question {
            input_tokens: shape.input_tokens,
            max_output: outline.max_output(),
            expected_output: shape.output_tokens,
            needs: &Ability::needed(&outline.needs),
            stream: outline.stream,
            prefix: match self.inquiry.affinity {
                _ if !sticky => 0,
                0 => self.inquiry.subject.ask.prefix(),
                affinity => affinity,
            },
            seed: self.inquiry.seed,
            hints: &self.hints,
            rights,
        };
        let gather = |candidate: &Candidate, detail| {
            let condition = desk.condition(self.lasting, candidate);
            match detail {
                Detail::Gate => condition.gate_facts(now),
                Detail::Times => condition.facts(shape, now),
            }
        };
        let plan = desk.router.plan(name, &question, &gather);
        then(&question, plan)
    }
}

/// Whether a caller who names `model` would get a plan, were every target well.
pub fn would_ask(desk: &Desk, model: &str, caller: &Caller) -> bool {
    let well = |_: &Candidate, _| Facts::default();
    let rights = Of(caller);
    desk.router
        .plan(model, &Question::of(&rights), &well)
        .is_ok()
}

/// A caller's rights, as `route` asks for them.
struct Of<'a>(&'a Caller);

impl route::Rights for Of<'_> {
    fn allows_route(&self, route: &str) -> bool {
        self.0.may_use_route(route)
    }

    fn allows_direct(&self, target: &str) -> bool {
        self.0.may_name_target(target)
    }

    fn allows_target(&self, target: &str) -> bool {
        self.0.may_use_target(target)
    }
}
