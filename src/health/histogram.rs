//! Quantiles of what was measured of late, older values counting less.
//!
//! Buckets grow by a quarter of a doubling, so a quantile is off by a tenth at most, and each value is
//! weighted by its age (forward decay: new values weigh more, so nothing old is ever touched). That replaces a
//! ring of exact histograms: a few hundred bytes, one addition for each value, and no step when a ring turns.

use std::time::Duration;

use tokio::time::Instant;

/// Buckets for each doubling.
const STEPS: f32 = 4.0;

/// Buckets: twenty doublings, as from a millisecond to seventeen minutes.
const BUCKETS: usize = 80;

/// At this many half-lives a new value weighs a million old ones, and all weights are scaled back.
const RESCALE: f32 = 20.0;

/// Decaying counts of values from 1 to 2^20; others count as the nearest of these.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    /// Weights by bucket; nothing until the first value.
    weights: Option<Box<[f32; BUCKETS]>>,
    /// When a value weighs 1.
    landmark: Option<Instant>,
}

impl Histogram {
    /// Counts a value once, or as the part of once that `share` says.
    pub(super) fn add(&mut self, value: f64, share: f32, half_life: Duration, now: Instant) {
        let landmark = *self.landmark.get_or_insert(now);
        let mut age = half_lives(landmark, now, half_life);
        let weights = self.weights.get_or_insert_with(|| Box::new([0.0; BUCKETS]));
        if age > RESCALE {
            let scale = (-age).exp2();
            weights.iter_mut().for_each(|weight| *weight *= scale);
            self.landmark = Some(now);
            age = 0.0;
        }
        weights[bucket(value)] += share * age.exp2();
    }

    /// How many values it rests on at `now`, older ones counting less.
    pub(super) fn samples(&self, half_life: Duration, now: Instant) -> f64 {
        let (Some(weights), Some(landmark)) = (&self.weights, self.landmark) else {
            return 0.0;
        };
        let sum: f32 = weights.iter().sum();
        f64::from(sum * (-half_lives(landmark, now, half_life)).exp2())
    }

    /// The value that a `share` (0 to 1) of all do not exceed; `None` without values.
    pub(super) fn quantile(&self, share: f32) -> Option<f64> {
        let weights = self.weights.as_deref()?;
        let wanted = share * weights.iter().sum::<f32>();
        let mut below = 0.0;
        let mut last = None;
        for (place, weight) in weights
            .iter()
            .enumerate()
            .filter(|(_, weight)| **weight > 0.0)
        {
            let inside = ((wanted - below) / weight).clamp(0.0, 1.0);
            last = Some(f64::from(((place as f32 + inside) / STEPS).exp2()));
            below += weight;
            if below >= wanted {
                break;
            }
        }
        last
    }

    /// Whether no value was ever counted.
    pub(super) fn is_empty(&self) -> bool {
        self.weights.is_none()
    }

    /// The share (0 to 1) of all that do not exceed `value`, to a bucket's width; `None` without values.
    pub(super) fn share_up_to(&self, value: f64) -> Option<f32> {
        let weights = self.weights.as_deref()?;
        let all = weights.iter().sum::<f32>();
        let below = weights[..=bucket(value)].iter().sum::<f32>();
        (all > 0.0).then(|| below / all)
    }

    /// All values of several histograms in one, as of `now`.
    pub(super) fn merged<'a>(
        parts: impl IntoIterator<Item = &'a Self>,
        half_life: Duration,
        now: Instant,
    ) -> Self {
        let mut all = Self::default();
        for part in parts {
            let (Some(weights), Some(landmark)) = (&part.weights, part.landmark) else {
                continue;
            };
            let scale = (-half_lives(landmark, now, half_life)).exp2();
            let sum = all.weights.get_or_insert_with(|| Box::new([0.0; BUCKETS]));
            all.landmark = Some(now);
            for (sum, weight) in sum.iter_mut().zip(weights.iter()) {
                *sum += weight * scale;
            }
        }
        all
    }
}

fn half_lives(from: Instant, to: Instant, half_life: Duration) -> f32 {
    to.saturating_duration_since(from).as_secs_f32() / half_life.as_secs_f32()
}

fn bucket(value: f64) -> usize {
    // NaN becomes 0, and what is too large the last bucket: `as` saturates.
    ((value.max(1.0) as f32).log2() * STEPS).min(BUCKETS as f32 - 1.0) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn of(values: impl IntoIterator<Item = f64>, now: Instant) -> Histogram {
        let mut histogram = Histogram::default();
        for value in values {
            histogram.add(value, 1.0, MINUTE, now);
        }
        histogram
    }

    #[test]
    fn a_half_life_later_a_value_counts_half() {
        let start = Instant::now();
        let mut histogram = of([10.0; 100], start);
        assert!((histogram.samples(MINUTE, start + MINUTE) - 50.0).abs() < 0.1);
        for _ in 0..60 {
            histogram.add(1000.0, 1.0, MINUTE, start + MINUTE);
        }
        // 50 against 60: the median is among the new ones.
        assert!(histogram.quantile(0.5).unwrap() > 850.0);
        assert!(histogram.quantile(0.4).unwrap() < 13.0);
    }

    #[test]
    fn weights_survive_days() {
        let start = Instant::now();
        let mut histogram = Histogram::default();
        for hour in 0..72 {
            let now = start + hour * 60 * MINUTE;
            histogram.add(100.0, 1.0, MINUTE, now);
            assert!((histogram.samples(MINUTE, now) - 1.0).abs() < 0.01);
        }
    }

    #[test]
    fn nonsense_is_clamped() {
        let histogram = of([f64::NAN, -1.0, 0.0], Instant::now());
        assert!(histogram.quantile(1.0).unwrap() < 2.0);
        let histogram = of([f64::INFINITY, 1e300], Instant::now());
        assert!(histogram.quantile(0.0).unwrap() > 800_000.0);
    }

    #[test]
    fn merging_weighs_by_age() {
        let start = Instant::now();
        let (old, new) = (of([10.0; 8], start), of([1000.0; 2], start + 3 * MINUTE));
        let all = Histogram::merged([&old, &new], MINUTE, start + 3 * MINUTE);
        assert!((all.samples(MINUTE, start + 3 * MINUTE) - 3.0).abs() < 0.01);
        assert!(all.quantile(0.5).unwrap() > 850.0);
    }

    proptest! {
        /// A quantile is within a bucket's width of the true one.
        #[test]
        fn quantiles_are_near_the_true_ones(
            mut values in proptest::collection::vec(1.0_f64..100_000.0, 1..200),
            share in 0.01_f32..1.0,
        ) {
            let histogram = of(values.iter().copied(), Instant::now());
            values.sort_by(f64::total_cmp);
            let rank = (share * values.len() as f32).ceil() as usize;
            let truth = values[rank.clamp(1, values.len()) - 1];
            let found = histogram.quantile(share).unwrap();
            prop_assert!(found / truth < 1.2 && truth / found < 1.2, "{found} for {truth}");
        }
    }
}
