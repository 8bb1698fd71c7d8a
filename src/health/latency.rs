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
#[path = "latency_tests.rs"]
mod tests;
