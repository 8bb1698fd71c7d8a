//! When the tokens come.
//!
//! The time to the first token is log-normal around the configured median, every later token follows after
//! its interval with some jitter. A whole answer takes exactly as long as the stream of the same answer.

use std::time::Duration;

use super::{
    Run,
    dice::{Dice, Use},
};
use crate::catalog::Fault;

/// Spread of the first token's time. Its 95th percentile is then 1.8 times and its 99th 2.3 times the median:
/// uneven enough that strategies which go by latency have something to learn, even enough that a minute of
/// traffic shows the medians.
const SIGMA: f64 = 0.35;

/// No first token takes more than this many medians.
const LONGEST: f64 = 10.0;

/// How many times as long a slow answer takes to begin.
const SLOWED: u32 = 10;

/// An interval between tokens differs from the mean by up to this share of it.
const JITTER: f64 = 0.3;

/// No single wait is longer than a day, whatever the settings say.
const DAY: f64 = 86_400.0;

/// The time to the first token of this request.
pub(super) fn first_token(run: &Run<'_>) -> Duration {
    let stretch = (SIGMA * run.dice(Use::FirstToken).normal()).exp();
    seconds(run.settings.first_token.as_secs_f64() * stretch.min(LONGEST))
}

/// The time to the beginning of an answer, which a fault may stretch.
pub(super) fn beginning(run: &Run<'_>, fault: Fault) -> Duration {
    let stretch = if fault == Fault::Slow { SLOWED } else { 1 };
    first_token(run).saturating_mul(stretch)
}

/// The time to an answer that no model was asked for: a refusal at the door.
pub(super) fn refusal(run: &Run<'_>) -> Duration {
    first_token(run) / 10
}

/// The time of the tokens after the first.
pub(super) struct Pace {
    dice: Dice,
    interval: f64,
}

impl Pace {
    /// The pace of this request.
    pub(super) fn new(run: &Run<'_>) -> Self {
        Self {
            dice: run.dice(Use::Pace),
            interval: 1.0 / run.settings.tokens_per_second,
        }
    }

    /// The time of the next so many tokens.
    pub(super) fn tokens(&mut self, count: u64) -> Duration {
        let mut sum = 0.0;
        for _ in 0..count {
            sum += self.interval * (1.0 + JITTER * (2.0 * self.dice.share() - 1.0));
        }
        seconds(sum)
    }
}

/// Never panics: what is no time (a speed of 0 or less) is no wait.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.clamp(0.0, DAY)).unwrap_or_default()
}
