//! How long a target takes, learned from what it took.
//!
//! Streams and plain answers are learned apart, for a stream's first piece and the whole of a plain answer are
//! different things under one name. Times are kept by the size of the input, since reading a long prompt takes
//! long; where a size has too few samples, all sizes together speak for it. The time for the rest of an answer
//! is learned per output token, so that it can be said for any length.

use std::{borrow::Cow, time::Duration};

use tokio::time::Instant;

use super::{
    histogram::Histogram,
    recent::{HALF_LIFE, Recent},
};
use crate::facts::Estimate;

/// What is usual changes more slowly than what is now.
const USUAL_HALF_LIFE: Duration = Duration::from_secs(600);

/// Fewer samples say nothing of a size.
const ENOUGH: f64 = 3.0;

/// Below this many samples nothing is usual yet, and so nothing slow: a reasoning model may think for a minute
/// before its first token.
const ENOUGH_TO_BE_USUAL: f64 = 30.0;

/// Slower than this many times the usual 95th percentile is slow.
const TIMES_USUAL: f64 = 3.0;

/// What a slow first piece counts for in what is usual. Counted whole, an outage would be its own yardstick
/// within seconds; not counted at all, a lasting change would never become usual.
const SLOW_COUNTS: f32 = 0.1;

/// A shorter answer says little about the time per token.
const SHORTEST_PACE: u64 = 8;

/// How long everything before a plain answer's first token takes, in tokens' worth of time: about half a second
/// at a hundred tokens a second. It keeps short answers from looking free.
const OVERHEAD: f64 = 50.0;

/// Longer answers than this are a provider's miscount.
const MOST_TOKENS: u64 = 10_000_000;

/// The largest inputs of all sizes but the last, in tokens.
const SIZES: [u64; 3] = [1_000, 8_000, 32_000];

/// One value for each size of input.
type BySize<T> = [T; SIZES.len() + 1];

/// What will be asked, as far as it decides how long the answer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Tokens of the prompt, about.
    pub input_tokens: u64,
    /// Tokens the answer will have, about.
    pub output_tokens: u64,
}

/// Predicted times of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Times {
    /// To the first piece of a stream.
    pub(super) first_token: Option<Estimate>,
    /// To the end.
    pub(super) total: Option<Estimate>,
    /// Whether the newest answers were far quicker than these times say.
    pub(super) promising: bool,
}

/// What was measured of one target.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// Milliseconds to the first piece of a stream.
    first_token: BySize<Recent>,
    /// The same over a longer time, for what is usual.
    usual: BySize<Histogram>,
    /// Microseconds for each further token of a stream.
    pace: Recent,
    /// Milliseconds of plain answers.
    plain: BySize<Recent>,
    /// Mean output tokens of plain answers, by a moving average.
    plain_tokens: f64,
}

impl Latency {
    /// A stream's first piece came after `took`. Says whether that is slow: longer than `slow_after` and than
    /// three times the usual. `steady` is whether the target was well so far; else what is slow is also what is
    /// learned, so that a lasting change becomes usual.
    pub(super) fn began(
        &mut self,
        input_tokens: u64,
        took: Duration,
        slow_after: Duration,
        steady: bool,
        now: Instant,
    ) -> bool {
        let size = size(input_tokens);
        self.first_token[size].add(millis(took), took, now);
        let usual = &mut self.usual[size];
        let known = usual.samples(USUAL_HALF_LIFE, now) >= ENOUGH_TO_BE_USUAL;
        let limit = usual.quantile(0.95).filter(|_| known);
        let slow =
            limit.is_some_and(|usual| millis(took) > TIMES_USUAL * usual) && took > slow_after;
        let share = if slow && steady { SLOW_COUNTS } else { 1.0 };
        usual.add(millis(took), share, USUAL_HALF_LIFE, now);
        slow
    }

    /// A stream took `took` for `output_tokens` from its first piece on.
    pub(super) fn streamed(&mut self, output_tokens: u64, took: Duration, now: Instant) {
        if output_tokens >= SHORTEST_PACE {
            let pace = took.as_secs_f64() * 1e6 / output_tokens.min(MOST_TOKENS) as f64;
            self.pace.add(pace, took, now);
        }
    }

    /// A plain answer of `output_tokens` took `took`.
    pub(super) fn answered(
        &mut self,
        input_tokens: u64,
        output_tokens: u64,
        took: Duration,
        now: Instant,
    ) {
        let output = output_tokens.min(MOST_TOKENS) as f64;
        let first = self.plain.iter().all(Recent::is_empty);
        let step = if first { 1.0 } else { 0.1 };
        self.plain_tokens += step * (output - self.plain_tokens);
        self.plain[size(input_tokens)].add(millis(took), took, now);
    }

    /// What a request of this shape will take. A plain answer takes what plain answers took; only where there
    /// were none, what a stream takes to its end.
    pub(super) fn predict(&self, shape: Shape, now: Instant) -> Times {
        let streamed = || {
            let first_token = estimate(&self.first_token, shape.input_tokens, now)?;
            let total = self.to_the_end(first_token, shape.output_tokens, now);
            Some((first_token, total))
        };
        let plain = || {
            let total = estimate(&self.plain, shape.input_tokens, now)?;
            Some(self.for_length(total, shape.output_tokens))
        };
        let promising = self.is_promising(shape);
        let (first_token, total) = if shape.stream {
            match streamed() {
                Some((first_token, total)) => (Some(first_token), total.or_else(plain)),
                None => (None, plain()),
            }
        } else {
            (None, plain().or_else(|| streamed()?.1))
        };
        Times {
            first_token,
            total,
            promising,
        }
    }

    /// Whether the newest answers of this kind were far quicker than what is remembered.
    fn is_promising(&self, shape: Shape) -> bool {
        let size = size(shape.input_tokens);
        if shape.stream {
            self.first_token[size].is_promising() || self.pace.is_promising()
        } else {
            self.plain[size].is_promising()
        }
    }

    /// A stream's total. Its slow case is a slow start followed by a slow rest: rather too long than too short.
    fn to_the_end(
        &self,
        first_token: Estimate,
        output_tokens: u64,
        now: Instant,
    ) -> Option<Estimate> {
        let pace = self.pace.known(now);
        let output = output_tokens.min(MOST_TOKENS) as f64;
        let rest = |share| {
            Some(Duration::from_secs_f64(
                pace.quantile(share)? * output / 1e6,
            ))
        };
        Some(Estimate {
            p50: first_token.p50 + rest(0.5)?,
            p95: first_token.p95 + rest(0.95)?,
            samples: first_token.samples,
        })
    }

    /// A plain total for another length than the mean of those measured; a quarter to four times it.
    fn for_length(&self, total: Estimate, output_tokens: u64) -> Estimate {
        let output = output_tokens.min(MOST_TOKENS) as f64;
        let factor = ((output + OVERHEAD) / (self.plain_tokens + OVERHEAD)).clamp(0.25, 4.0);
        Estimate {
            p50: total.p50.mul_f64(factor),
            p95: total.p95.mul_f64(factor),
            samples: total.samples,
        }
    }
}

/// By the samples of this size, or of all when it has too few.
fn estimate(by_size: &BySize<Recent>, input_tokens: u64, now: Instant) -> Option<Estimate> {
    let own = by_size[size(input_tokens)].known(now);
    if own.samples(HALF_LIFE, now) >= ENOUGH {
        read(&own, now)
    } else {
        let all = by_size.each_ref().map(|size| size.known(now));
        let all = Histogram::merged(all.iter().map(Cow::as_ref), HALF_LIFE, now);
        read(&all, now)
    }
}

fn read(histogram: &Histogram, now: Instant) -> Option<Estimate> {
    let at = |share| Some(Duration::from_secs_f64(histogram.quantile(share)? / 1e3));
    Some(Estimate {
        p50: at(0.5)?,
        p95: at(0.95)?,
        samples: histogram.samples(HALF_LIFE, now),
    })
}

fn size(input_tokens: u64) -> usize {
    SIZES.partition_point(|&largest| largest < input_tokens)
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW_AFTER: Duration = Duration::from_secs(5);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn near(found: Duration, expected_ms: f64) -> bool {
        let ratio = found.as_secs_f64() * 1e3 / expected_ms;
        (0.8..1.25).contains(&ratio)
    }

    fn shape(stream: bool, input_tokens: u64, output_tokens: u64) -> Shape {
        Shape {
            stream,
            input_tokens,
            output_tokens,
        }
    }

    #[test]
    fn an_unknown_target_has_no_times() {
        let latency = Latency::default();
        assert_eq!(
            latency.predict(shape(true, 10, 10), Instant::now()),
            Times::default()
        );
    }

    #[test]
    fn streams_and_plain_answers_are_not_mixed() {
        let now = Instant::now();
        let mut latency = Latency::default();
        for _ in 0..20 {
            latency.began(500, ms(200), SLOW_AFTER, true, now);
            // 10 ms a token.
            latency.streamed(100, ms(1_000), now);
            latency.answered(500, 100, ms(9_000), now);
        }
        let stream = latency.predict(shape(true, 500, 100), now);
        assert!(near(stream.first_token.unwrap().p50, 200.0), "{stream:?}");
        assert!(near(stream.total.unwrap().p50, 1_200.0), "{stream:?}");
        let plain = latency.predict(shape(false, 500, 100), now);
        assert_eq!(plain.first_token, None);
        assert!(near(plain.total.unwrap().p50, 9_000.0), "{plain:?}");
    }

    #[test]
    fn longer_answers_take_longer() {
        let now = Instant::now();
        let mut latency = Latency::default();
        for _ in 0..20 {
            latency.began(500, ms(200), SLOW_AFTER, true, now);
            latency.streamed(100, ms(1_000), now);
        }
        let total = |output| {
            latency
                .predict(shape(true, 500, output), now)
                .total
                .unwrap()
        };
        assert!(near(total(1_000).p50, 10_200.0));
        // A count no answer can have does not overflow.
        assert!(total(u64::MAX).p50 > total(1_000).p50);
        // Without plain answers, a stream's total speaks for them.
        let plain = latency.predict(shape(false, 500, 1_000), now);
        assert!(near(plain.total.unwrap().p50, 10_200.0));
    }

    #[test]
    fn each_size_speaks_for_itself_once_it_has_samples() {
        let now = Instant::now();
        let mut latency = Latency::default();
        let first = |latency: &Latency, input| {
            latency
                .predict(shape(true, input, 1), now)
                .first_token
                .unwrap()
                .p50
        };
        for _ in 0..20 {
            latency.began(1_000, ms(100), SLOW_AFTER, true, now);
        }
        assert!(near(first(&latency, 100_000), 100.0), "all sizes speak");
        for _ in 0..5 {
            latency.began(100_000, ms(4_000), SLOW_AFTER, true, now);
        }
        assert!(near(first(&latency, 100_000), 4_000.0));
        assert!(near(first(&latency, 1_000), 100.0));
    }

    #[test]
    fn nothing_is_slow_before_it_is_known_what_is_usual() {
        let now = Instant::now();
        let mut latency = Latency::default();
        for _ in 0..100 {
            assert!(!latency.began(500, ms(40_000), SLOW_AFTER, true, now));
        }
        assert!(!latency.began(500, ms(100_000), SLOW_AFTER, true, now));
        assert!(latency.began(500, ms(150_000), SLOW_AFTER, true, now));
        // Another size has its own measure: a caller's long prompts are no fault of the target.
        assert!(!latency.began(50_000, ms(150_000), SLOW_AFTER, true, now));
    }

    #[test]
    fn an_outage_is_not_its_own_yardstick_and_a_lasting_change_becomes_usual() {
        let start = Instant::now();
        let mut latency = Latency::default();
        for _ in 0..200 {
            latency.began(500, ms(500), SLOW_AFTER, true, start);
        }
        let slow = |latency: &mut Latency, steady| {
            latency.began(500, ms(6_000), SLOW_AFTER, steady, start)
        };
        assert!((0..50).all(|_| slow(&mut latency, true)));
        assert!((0..200).any(|_| !slow(&mut latency, false)));
    }
}
