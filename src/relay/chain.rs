//! What happens after a failed attempt: who is next, or nobody. Pure: chance and time left are arguments.
//!
//! Rules, in order: a failure that would happen anywhere stops the chain. Another target is tried at once,
//! while attempts are left; the last attempt is kept for the route's fallback. Only when no other target is
//! left is the same one tried again, after a backoff, and only where that can help: a target that could not be
//! reached; one that failed, once; one that named a short wait.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{
    outcome::{AttemptKind, ErrorClass, Failure, Fate},
    route::{Candidate, Plan, Retry},
};

/// The longest wait a provider may ask for that is worth waiting out at the same target.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// Base of the backoff after a rate limit, where the provider named no wait; AWS SDKs' rule of 2026.
const THROTTLED_BASE: Duration = Duration::from_secs(1);

/// One attempt to make.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Whom to ask.
    pub(super) candidate: Candidate,
    /// Why.
    pub(super) kind: AttemptKind,
    /// The wait before it.
    pub(super) wait: Duration,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// This attempt.
    Try(Box<Step>),
    /// Nothing.
    Stop,
}

/// Where one request stands in its plan.
#[derive(Debug)]
pub(super) struct Chain {
    /// Whom to ask, and whether it is a fallback.
    order: Vec<(Candidate, bool)>,
    retry: Retry,
    at: usize,
    /// Attempts that reached for the network.
    made: u32,
    /// Attempts at the present target beyond its first.
    repeated: u32,
}

impl Chain {
    /// At the start of a plan.
    pub(super) fn new(plan: &Plan) -> Self {
        let order = plan
            .order()
            .map(|verdict| (verdict.candidate.clone(), verdict.fallback));
        Self {
            order: order.collect(),
            retry: plan.retry,
            at: 0,
            made: 0,
            repeated: 0,
        }
    }

    /// The first attempt.
    pub(super) fn first(&self) -> Step {
        self.step(AttemptKind::Primary, Duration::ZERO)
    }

    /// What comes after the present attempt failed. `chance` is random; `remaining` the time to the deadline.
    pub(super) fn after(&mut self, failure: &Failure, chance: u64, remaining: Duration) -> Next {
        let asked = failure.class != ErrorClass::Unsupported;
        self.made += u32::from(asked);
        if failure.fate == Fate::Stop || remaining.is_zero() {
            return Next::Stop;
        }
        let left = self.retry.attempts.saturating_sub(self.made);
        if left == 0 {
            return Next::Stop;
        }
        if let Some(next) = self.next_target(left) {
            self.at = next;
            self.repeated = 0;
            let kind = if self.made == 0 {
                AttemptKind::Primary
            } else {
                AttemptKind::Fallback
            };
            return Next::Try(self.step(kind, Duration::ZERO).into());
        }
        match self.wait_here(failure, chance, remaining) {
            Some(wait) => {
                self.repeated += 1;
                Next::Try(self.step(AttemptKind::Retry, wait).into())
            }
            None => Next::Stop,
        }
    }

    /// The position of the next target, if any: with one attempt left, the first fallback not yet reached.
    fn next_target(&self, left: u32) -> Option<usize> {
        let next = self.at + 1;
        let fallback = self.order.iter().position(|(_, fallback)| *fallback);
        match fallback {
            Some(fallback) if left == 1 && fallback > next => Some(fallback),
            _ => (next < self.order.len()).then_some(next),
        }
    }

    /// The wait before the same target is tried again; `None` where that is no use.
    fn wait_here(&self, failure: &Failure, chance: u64, remaining: Duration) -> Option<Duration> {
        if failure.fate != Fate::RetryHere {
            return None;
        }
        let wait = match (failure.class, failure.retry_after) {
            (ErrorClass::RateLimit, Some(asked)) if asked <= SHORT_WAIT.min(remaining / 4) => asked,
            (_, Some(_)) => return None,
            (ErrorClass::Unreachable, None) => self.backoff(self.retry.base.get(), chance),
            (ErrorClass::ServerError | ErrorClass::Timeout, None) if self.repeated == 0 => {
                self.backoff(self.retry.base.get(), chance)
            }
            (ErrorClass::RateLimit, None) if self.repeated == 0 => {
                self.backoff(self.retry.base.get().max(THROTTLED_BASE), chance)
            }
            _ => return None,
        };
        (wait < remaining).then_some(wait)
    }

    /// Full jitter: anything between nothing and the doubled base, so that callers do not come back in step.
    fn backoff(&self, base: Duration, chance: u64) -> Duration {
        let doubled = base.saturating_mul(1u32.checked_shl(self.repeated).unwrap_or(u32::MAX));
        let longest = doubled.min(self.retry.cap.get());
        longest.mul_f64(SmallRng::seed_from_u64(chance).random_range(0.0..=1.0))
    }

    fn step(&self, kind: AttemptKind, wait: Duration) -> Step {
        let (candidate, _) = self.order[self.at].clone();
        Step {
            candidate,
            kind,
            wait,
        }
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
