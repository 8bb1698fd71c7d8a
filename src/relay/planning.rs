//! From a request to its plan: what the rules choose, the question for `route`, and the facts from `health`.

use std::{borrow::Cow, sync::Arc};

use tokio::time::Instant;

use super::Desk;
use crate::{
    access::Caller,
    catalog::Ability,
    chat::Outline,
    facts::Facts,
    health::{Condition, Shape},
    policy::Breaker,
    route::{
        Candidate, Choice, Detail, Erring, Hints, NoPlan, Plan, Question, Rights, Rules, Subject,
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
    /// The chance to draw with.
    pub seed: u64,
}

/// What is to be planned, after the rules had their say.
pub(super) struct Chosen<'a> {
    inquiry: &'a Inquiry<'a>,
    /// The rule that decided.
    pub(super) rule: Option<&'a Choice>,
    /// Rules that could not be tested.
    pub(super) erring: Vec<Erring>,
    /// The tool on whose behalf a completion is asked.
    pub(super) tool: Option<String>,
    hints: Cow<'a, Hints>,
}

impl<'a> Chosen<'a> {
    /// Lets the rules choose.
    pub(super) fn by(rules: &'a Rules, inquiry: &'a Inquiry<'a>) -> Self {
        let tool = inquiry.subject.tool();
        let mut chosen = Self {
            inquiry,
            rule: None,
            erring: Vec::new(),
            tool: (!tool.is_empty()).then(|| tool.into_owned()),
            hints: Cow::Borrowed(inquiry.hints),
        };
        if !rules.is_empty() {
            (chosen.rule, chosen.erring) = rules.choose(&inquiry.subject);
            if let Some(rule) = chosen.rule {
                rule.adds_to(chosen.hints.to_mut());
            }
        }
        chosen
    }

    fn outline(&self) -> &'a Outline {
        &self.inquiry.subject.ask.outline
    }

    /// The model to plan for: a route's name, or a target's.
    pub(super) fn model(&self) -> &'a str {
        let chosen = self.rule.and_then(|rule| rule.route.as_deref());
        chosen.unwrap_or(&self.outline().model)
    }

    /// What the times of an answer depend on.
    pub(super) fn shape(&self, desk: &Desk) -> Shape {
        let outline = self.outline();
        let learned = desk.health.learned(self.model());
        Shape {
            stream: outline.stream,
            input_tokens: outline.input_tokens(),
            output_tokens: learned
                .expected_output(self.tool.as_deref())
                .saturating_mul(outline.n.max(1))
                .min(outline.max_output().unwrap_or(u64::MAX)),
        }
    }

    /// Plans within the caller's rights, without asking anybody; `then` also sees what exactly was asked.
    pub(super) fn plan<T>(
        &self,
        desk: &Desk,
        now: Instant,
        then: impl FnOnce(&Question<'_>, Result<Plan, NoPlan>) -> T,
    ) -> T {
        let (outline, name) = (self.outline(), self.model());
        let shape = self.shape(desk);
        let sticky = desk.router.keeps_conversations(name, &self.hints);
        let rights = Of(self.inquiry.caller);
        let question = Question {
            input_tokens: shape.input_tokens,
            max_output: outline.max_output(),
            expected_output: shape.output_tokens,
            needs: &Ability::needed(&outline.needs),
            stream: outline.stream,
            prefix: if sticky {
                self.inquiry.subject.ask.prefix()
            } else {
                0
            },
            seed: self.inquiry.seed,
            hints: &self.hints,
            rights: &rights,
        };
        let breaker = desk.router.policy(name).breaker;
        let gather = |candidate: &Candidate, detail| {
            let condition = desk.condition(candidate, &breaker);
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

impl Desk {
    /// The condition of a target under a route's breaker.
    pub(super) fn condition(&self, candidate: &Candidate, breaker: &Breaker) -> Arc<Condition> {
        self.health.of(&candidate.target, breaker)
    }
}

/// A caller's rights, as `route` asks for them.
struct Of<'a>(&'a Caller);

impl Rights for Of<'_> {
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
