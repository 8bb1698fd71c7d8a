//! The calls of the last few seconds: a ring of ten buckets.
//!
//! Calls are counted, not weighted by the time between them, so that a burst of failures within one
//! millisecond weighs what it is. Whole buckets expire: the window is between nine and ten tenths long.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::Settings;

/// Buckets of a window.
const BUCKETS: usize = 10;

/// Counted calls.
#[derive(Debug)]
pub(super) struct Window {
    limits: Settings,
    buckets: [Counts; BUCKETS],
    /// When the first bucket began; the first call sets it.
    origin: Option<Instant>,
    /// The number of the present bucket, counted from `origin`.
    tick: u64,
    /// Failures since the last call that went well.
    in_a_row: u32,
}

/// What happened in one bucket, or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    fine: u32,
    failed: u32,
    /// Streams whose first piece came, and how many of them were slow.
    timed: u32,
    slow: u32,
}

/// Why a circuit opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trip {
    /// Too large a share of calls failed.
    FailureRate,
    /// Too many calls in a row failed.
    Consecutive,
    /// Too large a share of streams began slowly.
    SlowRate,
    /// A probe failed, or was slow.
    Probe,
}

impl Trip {
    /// The label in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::FailureRate => "failure_rate",
            Self::Consecutive => "consecutive",
            Self::SlowRate => "slow_rate",
            Self::Probe => "probe",
        }
    }
}

impl Window {
    pub(super) fn new(limits: Settings) -> Self {
        Self {
            limits,
            buckets: Default::default(),
            origin: None,
            tick: 0,
            in_a_row: 0,
        }
    }

    /// Counts a call that has ended.
    pub(super) fn ended(&mut self, fine: bool, now: Instant) {
        let bucket = self.bucket(now);
        if fine {
            bucket.fine += 1;
            self.in_a_row = 0;
        } else {
            bucket.failed += 1;
            self.in_a_row += 1;
        }
    }

    /// Counts a stream that has begun.
    pub(super) fn began(&mut self, slow: bool, now: Instant) {
        let bucket = self.bucket(now);
        bucket.timed += 1;
        bucket.slow += u32::from(slow);
    }

    /// Whether what is counted is too much, as of the last call.
    pub(super) fn verdict(&self) -> Option<Trip> {
        let Settings {
            failure_rate,
            min_calls,
            consecutive,
            slow_rate,
            ..
        } = self.limits;
        let all = self.sum();
        let reached = |part: u32, whole: u32, share: f64| {
            whole >= min_calls && f64::from(part) >= share * f64::from(whole)
        };
        if self.in_a_row >= consecutive {
            Some(Trip::Consecutive)
        } else if reached(all.failed, all.fine + all.failed, failure_rate) {
            Some(Trip::FailureRate)
        } else {
            reached(all.slow, all.timed, slow_rate).then_some(Trip::SlowRate)
        }
    }

    /// The share of failed calls, 0 to 1; 0 without calls.
    pub(super) fn failure_rate(&mut self, now: Instant) -> f64 {
        if self.origin.is_none() {
            return 0.0;
        }
        self.bucket(now);
        let all = self.sum();
        f64::from(all.failed) / f64::from((all.fine + all.failed).max(1))
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    fn sum(&self) -> Counts {
        let add = |sum: Counts, bucket: &Counts| Counts {
            fine: sum.fine + bucket.fine,
            failed: sum.failed + bucket.failed,
            timed: sum.timed + bucket.timed,
            slow: sum.slow + bucket.slow,
        };
        self.buckets.iter().fold(Counts::default(), add)
    }

    /// The bucket of `now`, with the expired ones emptied. A time before the present bucket, which racing
    /// callers bring, counts into the present one.
    fn bucket(&mut self, now: Instant) -> &mut Counts {
        let origin = *self.origin.get_or_insert(now);
        let width = (self.limits.window.get() / BUCKETS as u32).max(Duration::from_millis(1));
        let age = now.saturating_duration_since(origin).as_nanos() / width.as_nanos();
        let tick = u64::try_from(age).unwrap_or(u64::MAX).max(self.tick);
        let passed = (tick - self.tick).min(BUCKETS as u64);
        for expired in 0..passed {
            self.buckets[place(tick - expired)] = Counts::default();
        }
        self.tick = tick;
        &mut self.buckets[place(tick)]
    }
}

fn place(tick: u64) -> usize {
    (tick % BUCKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn calls_expire_with_their_bucket() {
        let start = Instant::now();
        let mut window = Window::new(Settings::default());
        window.ended(false, start);
        window.ended(true, at(start, 5_000));
        assert_eq!(window.failure_rate(at(start, 9_999)), 0.5);
        assert_eq!(window.failure_rate(at(start, 10_000)), 0.0);
        window.ended(false, at(start, 1_000_000));
        assert_eq!(window.failure_rate(at(start, 1_000_000)), 1.0);
    }

    #[test]
    fn a_share_counts_from_the_fewest_calls_on() {
        let start = Instant::now();
        let mut window = Window::new(Settings {
            consecutive: 100,
            ..Settings::default()
        });
        for call in 0..19 {
            window.ended(call % 2 == 0, start);
            assert_eq!(window.verdict(), None);
        }
        // The twentieth call went well, and half of twenty failed only with it counted.
        window.ended(false, start);
        assert_eq!(window.verdict(), Some(Trip::FailureRate));
    }

    #[test]
    fn slow_streams_are_judged_among_streams() {
        let start = Instant::now();
        let mut window = Window::new(Settings::default());
        for _ in 0..100 {
            window.ended(true, start);
        }
        for _ in 0..19 {
            window.began(true, start);
        }
        assert_eq!(window.verdict(), None);
        window.began(true, start);
        assert_eq!(window.verdict(), Some(Trip::SlowRate));
    }

    #[test]
    fn a_time_that_runs_backwards_counts_into_the_present() {
        let start = Instant::now();
        let mut window = Window::new(Settings::default());
        window.ended(true, at(start, 50_000));
        window.ended(false, start);
        assert_eq!(window.failure_rate(at(start, 50_000)), 0.5);
    }
}
