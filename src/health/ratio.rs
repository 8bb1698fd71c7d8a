//! A share of two counts, older ones counting less.

use std::time::Duration;

use tokio::time::Instant;

/// Ten minutes: validity and cache hits change with prompts and models, not with the minute.
const HALF_LIFE: Duration = Duration::from_secs(600);

/// A decaying part of a decaying whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ratio {
    part: f64,
    whole: f64,
    at: Option<Instant>,
}

impl Ratio {
    /// Counts `part` of `whole`.
    pub(super) fn add(&mut self, part: f64, whole: f64, now: Instant) {
        let at = self.at.unwrap_or(now);
        let age = now.saturating_duration_since(at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        let kept = (-age).exp2();
        self.part = self.part * kept + part;
        self.whole = self.whole * kept + whole;
        self.at = Some(at.max(now));
    }

    /// The share, 0 to 1, if `weight` more had been counted at a share of `prior`.
    pub(super) fn share(&self, prior: f64, weight: f64) -> f64 {
        let whole = self.whole + weight;
        if whole > 0.0 {
            ((self.part + prior * weight) / whole).clamp(0.0, 1.0)
        } else {
            prior
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_counts_stay_near_the_prior_and_old_ones_fade() {
        let start = Instant::now();
        let mut ratio = Ratio::default();
        assert_eq!(ratio.share(1.0, 5.0), 1.0);
        assert_eq!(ratio.share(0.0, 0.0), 0.0);
        ratio.add(0.0, 1.0, start);
        assert!(ratio.share(1.0, 5.0) > 0.8);
        for _ in 0..50 {
            ratio.add(0.0, 1.0, start);
        }
        assert!(ratio.share(1.0, 5.0) < 0.1);
        let later = start + 10 * HALF_LIFE;
        for _ in 0..20 {
            ratio.add(1.0, 1.0, later);
        }
        assert!(ratio.share(1.0, 5.0) > 0.99);
    }
}
