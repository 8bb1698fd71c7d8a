//! Times of late, which give way at once when the newest contradict them.
//!
//! A half-life alone forgets too slowly where it matters: a target that turned slow is asked now and then only, so its
//! few new times are outweighed for minutes by what came before. Hence *streaks*: a value far from nearly everything
//! remembered waits aside, and when four in a row lie on the same side, what was remembered is over, and they are all
//! that is known. Chance alone does that once in ten thousand, however heavy a tail is; a change does it in four.

use std::{borrow::Cow, time::Duration};

use tokio::time::Instant;

use super::histogram::Histogram;

/// Half of the weight is of the last two minutes: long enough that one look in twenty seconds still knows of a heavy
/// tail, short enough to follow a provider through its rush hour. Sudden changes do not wait for it.
pub(super) const HALF_LIFE: Duration = Duration::from_secs(120);

/// So many in a row are no chance: 0.1^4.
const STREAK: usize = 4;

/// A value contradicts when less than this share of what is remembered is like it, or further on the same side.
const RARE: f32 = 0.1;

/// Values within this factor are alike.
const ALIKE: f64 = 1.5;

/// Which side of what is remembered a value lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Quicker,
    Slower,
}

/// One kind of time of one target.
#[derive(Debug, Default)]
pub(super) struct Recent {
    remembered: Histogram,
    /// The newest values in a row that contradict, all on the same side; fewer than make a streak.
    aside: Histogram,
    /// How many these are.
    row: usize,
    side: Option<Side>,
    /// When the newest answer that is remembered began.
    agreed: Option<Instant>,
}

impl Recent {
    /// Learns a value of an answer that took `took` until `now`.
    pub(super) fn add(&mut self, value: f64, took: Duration, now: Instant) {
        let began = now.checked_sub(took);
        // Slow answers end after quick ones that began later, and these do not say that it is slow now.
        let is_newest = began > self.agreed;
        let side = self.contradicted(value).filter(|_| is_newest);
        if side != self.side {
            self.remembered = self.known(now).into_owned();
            self.aside = Histogram::default();
            (self.row, self.side) = (0, side);
        }
        if side.is_none() {
            self.remembered.add(value, 1.0, HALF_LIFE, now);
            self.agreed = self.agreed.max(began);
            return;
        }
        self.aside.add(value, 1.0, HALF_LIFE, now);
        self.row += 1;
        if self.row == STREAK {
            self.remembered = std::mem::take(&mut self.aside);
            self.agreed = began;
            (self.row, self.side) = (0, None);
        }
    }

    /// The side on which nearly nothing remembered is like this value.
    fn contradicted(&self, value: f64) -> Option<Side> {
        let up_to = |value| self.remembered.share_up_to(value);
        if up_to(value * ALIKE)? < RARE {
            Some(Side::Quicker)
        } else if 1.0 - up_to(value / ALIKE)? < RARE {
            Some(Side::Slower)
        } else {
            None
        }
    }

    /// Whether the newest values are far quicker than what is remembered, and too few to believe yet.
    pub(super) fn is_promising(&self) -> bool {
        self.side == Some(Side::Quicker)
    }

    /// Whether nothing was ever measured.
    pub(super) fn is_empty(&self) -> bool {
        self.remembered.is_empty()
    }

    /// All that is known: what waits aside counts, too.
    pub(super) fn known(&self, now: Instant) -> Cow<'_, Histogram> {
        if self.side.is_none() {
            return Cow::Borrowed(&self.remembered);
        }
        let both = [&self.remembered, &self.aside];
        Cow::Owned(Histogram::merged(both, HALF_LIFE, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Learns a time in milliseconds.
    fn add(recent: &mut Recent, millis: f64, now: Instant) {
        recent.add(millis, Duration::from_secs_f64(millis / 1e3), now);
    }

    fn quantile(recent: &Recent, share: f32, now: Instant) -> f64 {
        recent.known(now).quantile(share).unwrap()
    }

    /// A hundred times in milliseconds, one a second, and when half a minute has passed after them.
    fn usual(millis: impl Fn(u32) -> f64) -> (Recent, Instant) {
        let mut recent = Recent::default();
        let start = Instant::now();
        (0..100).for_each(|at| add(&mut recent, millis(at), start + at * SECOND));
        (recent, start + 130 * SECOND)
    }

    #[test]
    fn four_in_a_row_replace_what_was() {
        for (changed, promising) in [(100.0, true), (10_000.0, false)] {
            let (mut recent, now) = usual(|_| 1_000.0);
            for _ in 0..3 {
                add(&mut recent, changed, now);
                assert_eq!(recent.is_promising(), promising);
                assert!((800.0..1_250.0).contains(&quantile(&recent, 0.5, now)));
            }
            add(&mut recent, changed, now);
            assert!(!recent.is_promising());
            for share in [0.01, 0.5, 0.99] {
                let found = quantile(&recent, share, now) / changed;
                assert!((0.8..1.25).contains(&found), "{found}");
            }
        }
    }

    #[test]
    fn a_broken_row_is_remembered_with_the_rest() {
        let (mut recent, now) = usual(|_| 1_000.0);
        for millis in [100.0, 100.0, 100.0, 1_000.0] {
            add(&mut recent, millis, now);
        }
        assert!(!recent.is_promising());
        assert!(quantile(&recent, 0.01, now) < 130.0);
        assert!(quantile(&recent, 0.5, now) > 800.0);
        // One on the other side breaks a row, too.
        let later = now + 20 * SECOND;
        for millis in [9_000.0, 9_000.0, 9_000.0, 10.0] {
            add(&mut recent, millis, later);
        }
        assert!(recent.is_promising());
        assert!((800.0..1_250.0).contains(&quantile(&recent, 0.5, later)));
        assert!(quantile(&recent, 0.99, later) > 8_000.0);
    }

    #[test]
    fn slow_answers_that_began_before_quick_ones_are_no_row() {
        let (mut recent, now) = usual(|_| 1_000.0);
        // All began together with the slow ones below, or later.
        (0..5).for_each(|_| add(&mut recent, 1_000.0, now));
        let later = now + 8 * SECOND;
        (0..6).for_each(|_| add(&mut recent, 9_000.0, later));
        assert!((800.0..1_250.0).contains(&quantile(&recent, 0.5, later)));
        assert!(quantile(&recent, 0.99, later) > 8_000.0);
    }

    #[test]
    fn a_heavy_tail_is_no_row() {
        let (mut recent, now) = usual(|at| if at % 8 == 0 { 12_000.0 } else { 800.0 });
        for millis in [12_000.0; 4].into_iter().chain([800.0; 40]) {
            add(&mut recent, millis, now);
            assert!(!recent.is_promising());
            assert!(quantile(&recent, 0.5, now) < 1_000.0);
            assert!(quantile(&recent, 0.98, now) > 10_000.0);
        }
    }
}
