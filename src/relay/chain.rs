//! What happens after a failed attempt: who is next, or nobody. Pure: chance, time left and the budget are
//! arguments.
//!
//! Rules, in order: a failure that would happen anywhere stops the chain, unless the route's `fallback_on` says
//! otherwise. An answer that is none may be asked for once more, with what was wrong. A target whose key was
//! refused or is at its limit is tried with another key. Then those of `fallback_on`, then the next target of the
//! plan, at once, while attempts are left; the last attempt is kept for the route's fallback. Only when no other
//! target is left is the same one tried again, after a backoff, and only where that can help: a target that could
//! not be reached; one that failed, once; one that named a short wait.
//!
//! The first change of target is free. Every further try draws on the route's retry budget, so that an outage is
//! not amplified: callers' SDKs try again, too.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{
    outcome::{AttemptKind, ErrorClass, Failure, Fate},
    route::{Candidate, Plan, Turn, Verdict},
};

/// The longest wait a provider may ask for that is worth waiting out at the same target.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// Base of the backoff after a rate limit, where the provider named no wait; AWS SDKs' rule of 2026.
const THROTTLED_BASE: Duration = Duration::from_secs(1);

/// One attempt to make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    /// Whom to ask.
    pub(super) candidate: &'a Candidate,
    /// Why.
    pub(super) kind: AttemptKind,
    /// The wait before it.
    pub(super) wait: Duration,
    /// Whether somebody else is left to be asked.
    pub(super) others: bool,
    /// Whether it may be asked although its circuit is open.
    pub(super) panic: bool,
    /// Whether the model is asked once more, with what was wrong with its answer.
    pub(super) reask: bool,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next<'a> {
    /// This attempt.
    Try(Step<'a>),
    /// Nothing.
    Stop(Why),
}

/// Why nothing comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Another try would not help, or there is nobody left.
    Done,
    /// The route's budget of retries is used up.
    Budget,
}

/// How an attempt failed, as far as the next one depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed<'a> {
    /// What went wrong.
    pub(super) failure: &'a Failure,
    /// Whether the provider was asked at all: an open circuit or a full target costs no attempt.
    pub(super) asked: bool,
    /// Whether the target could be asked with another key.
    pub(super) other_key: bool,
    /// Whether its answer was none and the model may be asked once more.
    pub(super) reask: bool,
}

/// What is left for this request.
pub(super) struct Means<'a> {
    /// The time to the deadline.
    pub(super) remaining: Duration,
    /// Takes one retry after a failure of this class from the route's budget, if there is one left.
    pub(super) budget: &'a mut dyn FnMut(ErrorClass) -> bool,
    /// Random.
    pub(super) chance: u64,
}

/// Where one request stands in its plan.
pub(super) struct Chain<'a> {
    plan: &'a Plan,
    order: Vec<&'a Verdict>,
    /// The next of the plan's order.
    next: usize,
    /// Those `fallback_on` names for what happened, in their order.
    detour: VecDeque<&'a Verdict>,
    /// The target in turn.
    present: &'a Verdict,
    /// Targets that had their turn.
    tried: Vec<Arc<str>>,
    /// Attempts that reached for the network.
    made: u32,
    /// Attempts at the present target beyond its first.
    repeated: u32,
    /// Changes of target or key after an attempt.
    changes: u32,
    reasked: bool,
}

impl<'a> Chain<'a> {
    /// At the start of a plan.
    pub(super) fn new(plan: &'a Plan) -> Self {
        let present = plan.first();
        Self {
            plan,
            order: plan.order().collect(),
            next: 1,
            detour: VecDeque::new(),
            present,
            tried: vec![present.candidate.name.clone()],
            made: 0,
            repeated: 0,
            changes: 0,
            reasked: false,
        }
    }

    /// The first attempt.
    pub(super) fn first(&self) -> Step<'a> {
        self.step(AttemptKind::Primary, Duration::ZERO)
    }

    /// What comes after the present attempt failed.
    pub(super) fn after(&mut self, failed: Failed<'_>, mut means: Means<'_>) -> Next<'a> {
        self.made += u32::from(failed.asked);
        let left = self.plan.retry.attempts.saturating_sub(self.made);
        if means.remaining.is_zero() || left == 0 {
            return Next::Stop(Why::Done);
        }
        let class = failed.failure.class;
        match self.plan.turn(class, &self.present.candidate) {
            Turn::Stop => return Next::Stop(Why::Done),
            Turn::Usual if failed.failure.fate == Fate::Stop => return Next::Stop(Why::Done),
            Turn::Usual => {}
            Turn::To(listed) => self.go_to(listed),
        }
        if failed.reask && !self.reasked {
            self.reasked = true;
            return self.again(class, &mut means, |chain| Step {
                reask: true,
                ..chain.step(AttemptKind::Retry, Duration::ZERO)
            });
        }
        if failed.other_key {
            return self.change(failed.asked, class, &mut means);
        }
        if let Some(next) = self.take_next(left, failed.failure) {
            self.present = next;
            self.repeated = 0;
            self.tried.push(next.candidate.name.clone());
            return self.change(failed.asked, class, &mut means);
        }
        match self.wait_here(&failed, &means) {
            None => Next::Stop(Why::Done),
            Some(wait) => self.again(class, &mut means, |chain| {
                chain.repeated += 1;
                chain.step(AttemptKind::Retry, wait)
            }),
        }
    }

    /// Puts those of `fallback_on` that had no turn yet before the plan's order.
    fn go_to(&mut self, listed: Vec<&'a Verdict>) {
        let untried = |verdict: &&Verdict| !self.tried.contains(&verdict.candidate.name);
        self.detour = listed.into_iter().filter(untried).collect();
    }

    /// An attempt at another target or with another key. The first after an attempt is free.
    fn change(&mut self, asked: bool, class: ErrorClass, means: &mut Means<'_>) -> Next<'a> {
        self.changes += u32::from(asked);
        if asked && self.changes > 1 && !(means.budget)(class) {
            return Next::Stop(Why::Budget);
        }
        let kind = if self.made == 0 {
            AttemptKind::Primary
        } else {
            AttemptKind::Fallback
        };
        Next::Try(self.step(kind, Duration::ZERO))
    }

    /// An attempt at the same target.
    fn again(
        &mut self,
        class: ErrorClass,
        means: &mut Means<'_>,
        step: impl FnOnce(&mut Self) -> Step<'a>,
    ) -> Next<'a> {
        if (means.budget)(class) {
            Next::Try(step(self))
        } else {
            Next::Stop(Why::Budget)
        }
    }

    /// The next target, if any: those of `fallback_on` first; then the plan's, with one attempt left from its
    /// fallbacks. A prompt that was too long goes to larger windows only.
    fn take_next(&mut self, left: u32, failure: &Failure) -> Option<&'a Verdict> {
        if let Some(next) = self.detour.pop_front() {
            return Some(next);
        }
        // What fails anywhere goes nowhere but where `fallback_on` says.
        if failure.fate == Fate::Stop {
            return None;
        }
        let failed = &self.present.candidate;
        let useful = |verdict: &&'a Verdict| {
            let larger = failure.class != ErrorClass::ContextLength
                || verdict.candidate.may_take_more_than(failed);
            larger && !self.tried.contains(&verdict.candidate.name)
        };
        let rest = self.order.get(self.next..).unwrap_or_default();
        let at = |wanted: &dyn Fn(&&'a Verdict) -> bool| rest.iter().position(wanted);
        let at = match at(&|verdict| verdict.fallback && useful(verdict)) {
            Some(fallback) if left == 1 => fallback,
            _ => at(&useful)?,
        };
        let next = *rest.get(at)?;
        self.next += at + 1;
        Some(next)
    }

    /// The wait before the same target is tried again; `None` where that is no use.
    fn wait_here(&self, failed: &Failed<'_>, means: &Means<'_>) -> Option<Duration> {
        let failure = failed.failure;
        if failure.fate != Fate::RetryHere || !failed.asked {
            return None;
        }
        let remaining = means.remaining;
        let base = self.plan.retry.base.get();
        let wait = match (failure.class, failure.retry_after) {
            (ErrorClass::RateLimit, Some(asked)) if asked <= SHORT_WAIT.min(remaining / 4) => asked,
            (_, Some(_)) => return None,
            (ErrorClass::Unreachable, None) => self.backoff(base, means.chance),
            (ErrorClass::ServerError | ErrorClass::Timeout, None) if self.repeated == 0 => {
                self.backoff(base, means.chance)
            }
            (ErrorClass::RateLimit, None) if self.repeated == 0 => {
                self.backoff(base.max(THROTTLED_BASE), means.chance)
            }
            _ => return None,
        };
        (wait < remaining).then_some(wait)
    }

    /// Full jitter: anything between nothing and the doubled base, so that callers do not come back in step.
    fn backoff(&self, base: Duration, chance: u64) -> Duration {
        let doubled = base.saturating_mul(1u32.checked_shl(self.repeated).unwrap_or(u32::MAX));
        let longest = doubled.min(self.plan.retry.cap.get());
        longest.mul_f64(SmallRng::seed_from_u64(chance).random_range(0.0..=1.0))
    }

    /// Whether a target is left that had no turn, and an attempt for it.
    fn others(&self) -> bool {
        let untried = |verdict: &&Verdict| !self.tried.contains(&verdict.candidate.name);
        let rest = self.order.get(self.next..).unwrap_or_default();
        let attempts = self.plan.retry.attempts > self.made + 1;
        attempts && (!self.detour.is_empty() || rest.iter().any(untried))
    }

    fn step(&self, kind: AttemptKind, wait: Duration) -> Step<'a> {
        Step {
            candidate: &self.present.candidate,
            kind,
            wait,
            others: self.others(),
            panic: self.present.is_panic(),
            reask: false,
        }
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
