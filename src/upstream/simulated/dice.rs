//! Chance with a seed: the same seed, request number and use give the same draws.
//!
//! Every use of chance (the text, the times, the faults …) has dice of its own. So a request that streams
//! draws the same words as one that does not, although it draws other things besides.

use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

/// What the dice are for.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Fault = 1,
    FirstToken = 2,
    Pace = 3,
    Chunks = 4,
    Turn = 5,
}

/// The dice of one use in one request.
pub(super) struct Dice(SmallRng);

impl Dice {
    /// Dice for one use in the `n`-th request of a provider with this seed.
    pub(super) fn new(seed: u64, n: u64, what: Use) -> Self {
        // `seed_from_u64` walks SplitMix64 in steps of a constant, so neighbouring seeds must be stirred first:
        // plain sums could meet on the same walk and repeat each other's draws.
        Self::seeded(stir(stir(stir(seed) ^ n) ^ what as u64))
    }

    /// Dice for anything else that has a number of its own.
    pub(super) fn seeded(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// A number from 0 up to, not including, 1.
    pub(super) fn share(&mut self) -> f64 {
        self.0.random()
    }

    /// A whole number below `bound`; 0 where there is none.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0.random_range(0..bound.max(1))
    }

    /// A position in a list of this length; 0 where it has none.
    pub(super) fn place(&mut self, length: usize) -> usize {
        self.0.random_range(0..length.max(1))
    }

    /// Yes, with this probability (0 to 1).
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// One of them; nothing of nothing.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.choose(&mut self.0)
    }

    /// One of them; empty of nothing.
    pub(super) fn word(&mut self, from: &[&'static str]) -> &'static str {
        self.pick(from).copied().unwrap_or_default()
    }

    /// A draw of the standard normal distribution, by Box and Muller.
    pub(super) fn normal(&mut self) -> f64 {
        // 1 - share is never 0, so the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }

    /// A count from 1 with this mean, by the geometric distribution.
    pub(super) fn geometric(&mut self, mean: f64) -> u64 {
        let tries = (1.0 - self.share()).ln() / (1.0 - 1.0 / mean).ln();
        // The cast saturates, so even an absurd mean gives a number.
        tries.ceil().max(1.0) as u64
    }
}

/// The finaliser of SplitMix64: every bit of the input reaches every bit of the output.
fn stir(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
