//! Running a tool again after a fault that may pass by itself.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::SmallRng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{problem::Problem, span::Span};

/// How often a call may run its tool, and the waits between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Runs of one call, the first included; more than 1 needs the annotation readOnlyHint or idempotentHint. Only faults that may pass are tried again: timeout, unavailable.
    pub attempts: u32,
    /// The longest wait before the second run; doubled with each further one. The wait is drawn between zero and that, so that calls that failed together do not come back together.
    pub backoff: Span,
    /// The most a wait is doubled to.
    pub max_backoff: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 1,
            backoff: Span::millis(200),
            max_backoff: Span::secs(2),
        }
    }
}

/// More runs than this are no retry but a siege.
const MOST_ATTEMPTS: u32 = 10;

impl Retry {
    /// What is wrong with it; paths start at its keys.
    pub(super) fn problems(&self, repeatable: bool) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(1..=MOST_ATTEMPTS).contains(&self.attempts) {
            let message = format!("{} is no number of attempts", self.attempts);
            let problem = Problem::new(["attempts"], message);
            problems.push(problem.expected(format!("1 to {MOST_ATTEMPTS}")));
        } else if self.attempts > 1 && !repeatable {
            let message = "the tool may change something each time it runs";
            let problem = Problem::new(["attempts"], message);
            problems.push(problem.expected(REPEATABLE));
        }
        if self.max_backoff < self.backoff {
            let message = format!(
                "{} is shorter than `backoff`, {}",
                self.max_backoff, self.backoff
            );
            problems.push(Problem::new(["max_backoff"], message).expected("at least `backoff`"));
        }
        problems
    }

    /// The waits of one call, as `seed` draws them.
    pub(super) fn waits(self, seed: u64) -> impl Iterator<Item = Duration> {
        let mut chance = SmallRng::seed_from_u64(seed);
        (0..self.attempts.saturating_sub(1)).map(move |wait| {
            let doubled = 1_u32.checked_shl(wait).unwrap_or(u32::MAX);
            let longest = self.backoff.get().saturating_mul(doubled);
            longest
                .min(self.max_backoff.get())
                .mul_f64(chance.random::<f64>())
        })
    }
}

/// What must be said of a tool before it is run more often than it is asked to.
pub(super) const REPEATABLE: &str =
    "`annotations: { readOnlyHint: true }` or `{ idempotentHint: true }`, if that is so";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_drawn_below_a_doubling_bound() {
        let retry = Retry {
            attempts: 6,
            ..Retry::default()
        };
        let mut longest = [Duration::ZERO; 5];
        for seed in 0..500 {
            for (wait, longest) in retry.waits(seed).zip(&mut longest) {
                *longest = wait.max(*longest);
            }
        }
        let bounds = [200, 400, 800, 1_600, 2_000].map(Duration::from_millis);
        for (longest, bound) in longest.into_iter().zip(bounds) {
            assert!(
                longest <= bound && longest > bound / 2,
                "{longest:?} {bound:?}"
            );
        }
        assert!(retry.waits(7).eq(retry.waits(7)), "the seed decides");
    }

    #[test]
    fn more_than_one_run_must_be_harmless() {
        let retry = |attempts| Retry {
            attempts,
            ..Retry::default()
        };
        let paths = |attempts, repeatable| {
            let problems = retry(attempts).problems(repeatable);
            problems
                .into_iter()
                .flat_map(|found| found.path)
                .collect::<Vec<_>>()
        };
        assert_eq!(paths(1, false), Vec::<String>::new());
        assert_eq!(paths(3, true), Vec::<String>::new());
        for (attempts, repeatable) in [(3, false), (0, true), (11, true)] {
            assert_eq!(paths(attempts, repeatable), ["attempts"], "{attempts}");
        }
    }
}
