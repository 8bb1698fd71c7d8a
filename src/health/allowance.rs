//! What is left of a provider's rate limit, and for how long that is known.

use std::time::Duration;

use tokio::time::Instant;

use crate::facts::Allowance;

/// The longest reset believed.
const LONGEST: Duration = Duration::from_secs(600);

/// How long a share is believed whose reset is unknown: most limits are per minute.
const USUAL: Duration = Duration::from_secs(60);

/// What a provider said at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standing {
    share: f64,
    reset: Option<Duration>,
    noted: Instant,
}

impl Standing {
    pub(super) fn new(allowance: Allowance, now: Instant) -> Self {
        Self {
            share: allowance.share.clamp(0.0, 1.0),
            reset: allowance.reset.map(|reset| reset.min(LONGEST)),
            noted: now,
        }
    }

    /// The share that is left, 0 to 1; unknown once the limit has been reset.
    pub(super) fn share(&self, now: Instant) -> Option<f64> {
        let age = now.saturating_duration_since(self.noted);
        (age < self.reset.unwrap_or(USUAL)).then_some(self.share)
    }

    /// Until when there is nothing left, counted from when it was said.
    pub(super) fn exhausted(&self) -> Option<Duration> {
        self.reset
            .filter(|reset| self.share <= 0.0 && !reset.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(share: f64, reset: Option<u64>, now: Instant) -> Standing {
        let reset = reset.map(Duration::from_secs);
        Standing::new(Allowance { share, reset }, now)
    }

    #[test]
    fn a_share_is_known_until_the_reset() {
        let now = Instant::now();
        let check = |reset, age, expected| {
            let later = now + Duration::from_secs(age);
            assert_eq!(
                standing(0.25, reset, now).share(later),
                expected,
                "{reset:?} {age}"
            );
        };
        check(Some(10), 9, Some(0.25));
        check(Some(10), 10, None);
        check(None, 59, Some(0.25));
        check(None, 60, None);
        check(Some(u64::MAX), 600, None);
    }

    #[test]
    fn nothing_left_is_nothing_until_the_reset_of_ten_minutes_at_most() {
        let now = Instant::now();
        let check = |share, reset, expected: Option<u64>| {
            let found = standing(share, reset, now).exhausted();
            assert_eq!(
                found,
                expected.map(Duration::from_secs),
                "{share} {reset:?}"
            );
        };
        check(0.0, Some(10), Some(10));
        check(0.0, Some(u64::MAX), Some(600));
        check(-5.0, Some(10), Some(10));
        check(0.0, Some(0), None);
        check(0.0, None, None);
        check(0.01, Some(10), None);
    }
}
