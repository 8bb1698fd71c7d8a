//! One pool of a plan, and its order: the strategy's, then what the limits, the caller and the targets' health add.

use super::{Question, Strategy, Verdict, Weights, Within, standing, strategy};
use crate::outcome::Reason;

/// Where a pool comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The route that was named.
    Own,
    /// The one target that was named.
    Direct,
    /// The caller's list of further models.
    Caller,
    /// A `fallback` list.
    Fallback,
    /// A `fallback_on` list.
    On,
}

/// One pool: a stretch of a plan's verdicts, ordered by itself.
pub(super) struct Pool<'a> {
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) strategy: Strategy,
    pub(super) explore: f64,
    pub(super) weights: Weights,
    /// Limits of its own, besides those of the plan.
    pub(super) within: Option<&'a Within>,
    pub(super) place: Place,
}

/// What counts for all pools of a plan.
pub(super) struct View<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) within: &'a Within,
    /// Whether limits were given up, so that everybody kept breaks one.
    pub(super) relaxed: bool,
}

impl Pool<'_> {
    /// Orders the kept of this pool, and says why each stands where it stands.
    pub(super) fn line_up(&self, kept: &mut [Verdict], view: &View<'_>) {
        let (question, hints) = (view.question, view.question.hints);
        let look = strategy::View {
            question,
            weights: &self.weights,
        };
        self.strategy.order(kept, &look);
        let timed = self.timed(view);
        if timed {
            let unproven = |verdict: &Verdict| {
                let proven = |within: &Within| within.proven(&verdict.candidate);
                !(proven(view.within) && self.within.is_none_or(proven))
            };
            kept.sort_by_cached_key(unproven);
        }
        if timed || self.strategy.needs_times() {
            strategy::explore(kept, self.explore, question.seed);
        }
        if !hints.order.is_empty() {
            as_the_caller_orders(kept, view);
        }
        for verdict in kept.iter_mut() {
            if view.relaxed {
                verdict.reason = Reason::Relaxed;
            }
            if let Some(reason) = self.reason(verdict.reason) {
                verdict.reason = reason;
            }
        }
        standing::line_up(kept, question.seed, self.strategy.draws());
        if self.place == Place::Own && !hints.allow_fallbacks && hints.order.is_empty() {
            let others = kept.iter_mut().skip(1);
            others.for_each(|verdict| verdict.drop(Reason::CallerExcludes));
        }
    }

    /// Whether a limit on time counts here.
    fn timed(&self, view: &View<'_>) -> bool {
        view.within.needs_times() || self.within.is_some_and(Within::needs_times)
    }

    /// The reason this place in the plan gives, where it says more than the strategy's.
    fn reason(&self, present: Reason) -> Option<Reason> {
        if present == Reason::Relaxed {
            return None;
        }
        match self.place {
            Place::Own => None,
            Place::Direct => Some(Reason::Direct),
            Place::Caller => Some(Reason::CallerOrder),
            Place::Fallback => Some(Reason::Fallback),
            Place::On => Some(Reason::FallbackOn),
        }
    }
}

/// Puts first whom the caller names, in the caller's order.
fn as_the_caller_orders(kept: &mut [Verdict], view: &View<'_>) {
    let hints = view.question.hints;
    let place = |verdict: &Verdict| {
        let candidate = &verdict.candidate;
        hints.place(&candidate.target.card.name, &candidate.name)
    };
    kept.sort_by_cached_key(place);
    for verdict in kept.iter_mut() {
        if place(verdict) < hints.order.len() {
            verdict.reason = Reason::CallerOrder;
        }
    }
}
