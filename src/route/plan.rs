//! A plan: candidates in order, each with its reason.

use std::sync::Arc;

use super::{Candidate, Question, Retry, Strategy, Timeouts};
use crate::{
    catalog::NanoDollars,
    facts::Circuit,
    outcome::{ErrorClass, Reason},
    policy::Policy,
};

/// What became of one candidate, and why.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The candidate.
    pub candidate: Candidate,
    /// Whether it may be tried.
    pub kept: bool,
    /// Why it stands here, or why it was dropped.
    pub reason: Reason,
    /// Whether it comes from a fallback list: the last attempt is kept for such.
    pub fallback: bool,
    /// Whether the request can be sent there only without something it asks for.
    pub adapted: bool,
    /// What the strategy compared, the lowest first: dollars, seconds, a score; nothing where it did not compare.
    pub score: Option<f64>,
}

impl Verdict {
    pub(super) fn keep(candidate: Candidate) -> Self {
        Self {
            candidate,
            kept: true,
            reason: Reason::ListOrder,
            fallback: false,
            adapted: false,
            score: None,
        }
    }

    pub(super) fn drop(&mut self, reason: Reason) {
        self.kept = false;
        self.reason = reason;
    }

    /// Whether it may be tried although its circuit is open, or its key was refused: whoever asks it needs leave to.
    pub fn is_panic(&self) -> bool {
        let facts = &self.candidate.facts;
        self.kept && (facts.is_refused() || matches!(facts.circuit, Circuit::Open { .. }))
    }
}

/// The order in which targets are tried for one request.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The route that planned; `None` where the caller named one target directly.
    pub route: Option<Arc<str>>,
    /// How the pool was ordered.
    pub strategy: Strategy,
    /// The chance the order was drawn with.
    pub seed: u64,
    /// Attempt budget and backoff.
    pub retry: Retry,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// What the route decides for other rooms.
    pub policy: Policy,
    pub(super) verdicts: Vec<Verdict>,
    /// What the route says of failures, by class.
    pub(super) on: Vec<(ErrorClass, Vec<Verdict>)>,
}

/// What comes after a failure, by the route's `fallback_on`.
#[derive(Clone, Debug)]
pub enum Turn<'a> {
    /// The route says nothing of this class, or whom it names cannot be asked: the order of the plan.
    Usual,
    /// Nothing is tried after a failure of this class.
    Stop,
    /// These are tried first, in this order; at least one.
    To(Vec<&'a Verdict>),
}

impl Plan {
    /// Those that may be tried, in order; at least one.
    pub fn order(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| verdict.kept)
    }

    /// Whom to try first.
    pub fn first(&self) -> &Verdict {
        // A plan without a kept verdict is `NoPlan`.
        self.order().next().unwrap_or(&self.verdicts[0])
    }

    /// What one attempt costs at most, whoever of these is asked; nothing where no price is known.
    pub fn worst_price(&self, question: &Question<'_>) -> Option<NanoDollars> {
        let on = self.on.iter().flat_map(|(_, verdicts)| verdicts);
        let tried = self.order().chain(on.filter(|verdict| verdict.kept));
        tried
            .filter_map(|verdict| verdict.candidate.worst_price(question))
            .max()
    }

    /// Every candidate with its reason, kept ones in order.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// The route's `fallback_on` list for a class of failure, dropped ones included; `None` where it says nothing.
    pub fn on(&self, class: ErrorClass) -> Option<&[Verdict]> {
        let (_, verdicts) = self.on.iter().find(|(listed, _)| *listed == class)?;
        Some(verdicts)
    }

    /// Every list of `fallback_on` with its class.
    pub fn listed(&self) -> impl Iterator<Item = (ErrorClass, &[Verdict])> {
        self.on.iter().map(|(class, list)| (*class, &**list))
    }

    /// Whom to try after `failed` failed like this. After a prompt that was too long, only targets that may take
    /// more than the failed one.
    pub fn turn(&self, class: ErrorClass, failed: &Candidate) -> Turn<'_> {
        let Some(listed) = self.on(class) else {
            return Turn::Usual;
        };
        if listed.is_empty() {
            return Turn::Stop;
        }
        let useful = |verdict: &&Verdict| {
            verdict.kept
                && verdict.candidate.name != failed.name
                && (class != ErrorClass::ContextLength
                    || verdict.candidate.may_take_more_than(failed))
        };
        let next: Vec<&Verdict> = listed.iter().filter(useful).collect();
        if next.is_empty() {
            Turn::Usual
        } else {
            Turn::To(next)
        }
    }
}
