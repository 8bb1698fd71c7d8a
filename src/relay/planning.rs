//! From a request to its plan: the question for `route`, and the facts from `health`.

use std::sync::Arc;

use tokio::time::Instant;

use super::Desk;
use crate::{
    access::Caller,
    chat::Outline,
    facts::Facts,
    health::{Condition, Learned, Shape},
    policy::Breaker,
    route::{Candidate, Detail, Hints, NoPlan, Plan, Question, Rights},
};

/// Who asks for what, as far as planning cares.
pub struct Inquiry<'a> {
    /// What is asked.
    pub outline: &'a Outline,
    /// Who asks.
    pub caller: &'a Caller,
    /// What the caller asks for beyond a model.
    pub hints: &'a Hints,
    /// The tool on whose behalf the completion is asked.
    pub tool: Option<&'a str>,
    /// The chance to draw with.
    pub seed: u64,
}

/// A plan, and what its answers teach.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) learned: Arc<Learned>,
}

/// Plans within the caller's rights, without asking anybody.
pub(super) fn plan(desk: &Desk, inquiry: &Inquiry<'_>, now: Instant) -> Result<Planned, NoPlan> {
    let plan = with_question(desk, inquiry, now, |_, plan| plan)?;
    let learned = desk.health.learned(&inquiry.outline.model);
    Ok(Planned { plan, learned })
}

/// The same, for whoever wants to know what exactly was asked.
pub(super) fn with_question<T>(
    desk: &Desk,
    inquiry: &Inquiry<'_>,
    now: Instant,
    then: impl FnOnce(&Question<'_>, Result<Plan, NoPlan>) -> T,
) -> T {
    let outline = inquiry.outline;
    let name = &*outline.model;
    let shape = Shape {
        stream: outline.stream,
        input_tokens: outline.input_tokens(),
        output_tokens: expected_output(desk, inquiry),
    };
    let rights = Of(inquiry.caller);
    let question = Question {
        input_tokens: shape.input_tokens,
        max_output: outline.max_output(),
        expected_output: shape.output_tokens,
        stream: outline.stream,
        seed: inquiry.seed,
        hints: inquiry.hints,
        ..Question::of(&rights)
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

/// Output tokens to be expected, by what the route's answers have taught, within what the caller allows.
fn expected_output(desk: &Desk, inquiry: &Inquiry<'_>) -> u64 {
    let outline = inquiry.outline;
    let learned = desk.health.learned(&outline.model);
    learned
        .expected_output(inquiry.tool)
        .saturating_mul(outline.n.max(1))
        .min(outline.max_output().unwrap_or(u64::MAX))
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
