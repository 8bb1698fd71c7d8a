//! Tokens per minute: a bucket that can be debited late.
//!
//! The bucket holds one minute's tokens and refills evenly. A reservation needs its tokens to be there; a
//! settlement never fails: a request that used more than it reserved leaves a debt, which later requests wait
//! for. So no one is let through on tokens that are not there, and nothing used is forgotten.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// One caller's tokens.
#[derive(Debug)]
pub struct Bucket {
    per_minute: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Tokens there; negative is debt.
    level: f64,
    /// When `level` was true.
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn new(per_minute: u64, now: Instant) -> Self {
        let state = State {
            level: per_minute as f64,
            at: now,
        };
        Self {
            per_minute,
            state: Mutex::new(state),
        }
    }

    /// Its size: tokens per minute.
    pub fn per_minute(&self) -> u64 {
        self.per_minute
    }

    /// Takes `tokens`, or says how long to wait for them; `None` when a full bucket would not do.
    pub fn reserve(&self, tokens: u64, now: Instant) -> Result<(), Option<Duration>> {
        if tokens > self.per_minute {
            return Err(None);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(state.at).as_secs_f64();
        let refilled = state.level + elapsed * self.per_second();
        state.level = refilled.min(self.per_minute as f64);
        state.at = state.at.max(now);
        let missing = tokens as f64 - state.level;
        if missing > 0.0 {
            let wait = Duration::try_from_secs_f64(missing / self.per_second());
            return Err(Some(wait.unwrap_or(Duration::MAX)));
        }
        state.level -= tokens as f64;
        Ok(())
    }

    /// Replaces a reservation of `reserved` tokens by the `used` ones.
    pub fn settle(&self, reserved: u64, used: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let level = state.level + reserved as f64 - used as f64;
        state.level = level.min(self.per_minute as f64);
    }

    fn per_second(&self) -> f64 {
        self.per_minute as f64 / 60.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(start: Instant, secs: u64) -> Instant {
        start + Duration::from_secs(secs)
    }

    #[test]
    fn a_debt_is_waited_for() {
        let start = Instant::now();
        let bucket = Bucket::new(600, start);
        bucket.reserve(100, start).unwrap();
        bucket.settle(100, 900);
        // 300 in debt and 100 wanted, at 10 a second.
        assert_eq!(
            bucket.reserve(100, start),
            Err(Some(Duration::from_secs(40)))
        );
        bucket.reserve(100, secs(start, 40)).unwrap();
    }

    #[test]
    fn what_was_reserved_and_not_used_comes_back() {
        let start = Instant::now();
        let bucket = Bucket::new(600, start);
        bucket.reserve(600, start).unwrap();
        assert!(bucket.reserve(1, start).is_err());
        bucket.settle(600, 100);
        bucket.reserve(500, start).unwrap();
    }

    #[test]
    fn more_than_a_full_bucket_is_never_there() {
        let start = Instant::now();
        assert_eq!(Bucket::new(600, start).reserve(601, start), Err(None));
    }

    proptest! {
        /// Whatever is reserved, settled and waited, no more passes than a full bucket and its refill.
        #[test]
        fn never_lets_more_through_than_there_is(
            steps in proptest::collection::vec((0u64..400, 0u64..30, 0u64..400), 1..60),
        ) {
            let start = Instant::now();
            let bucket = Bucket::new(600, start);
            let (mut elapsed, mut used_in_all) = (0, 0);
            for (tokens, wait, used) in steps {
                elapsed += wait;
                if bucket.reserve(tokens, secs(start, elapsed)).is_ok() {
                    // What is used beyond the reservation is debt: allowed once, then waited for.
                    let overdraft = used.saturating_sub(tokens);
                    used_in_all += used;
                    prop_assert!(used_in_all <= 600 + elapsed * 10 + overdraft + 1);
                    bucket.settle(tokens, used);
                }
            }
        }
    }
}
