//! Chance that can be replayed: every draw follows from the request's seed and the purpose it is drawn for.

/// Mixes a word so that near words end far apart (the finaliser of SplitMix64).
pub(super) fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A digest of a name, the same in every process (FNV-1a, mixed).
pub(super) fn digest(name: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(name.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// A fraction in the open interval from 0 to 1, so that its logarithm is a number.
pub(super) fn fraction(word: u64) -> f64 {
    ((word >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

/// What draws are made for. Draws of one request for different purposes do not depend on each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// The order by weight.
    Weights,
    /// Whether to explore, and whom.
    Explore,
    /// The two of whom the less busy is taken.
    Two,
    /// Whether one that has just recovered keeps its place.
    SlowStart,
    /// Whether one that nearly always failed is spared.
    Panic,
}

/// A row of draws.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// The draws of one request for one purpose.
    pub(super) fn of(seed: u64, purpose: Purpose) -> Self {
        Self(mix(seed ^ mix(purpose as u64 + 1)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A fraction between 0 and 1.
    pub(super) fn draw(&mut self) -> f64 {
        fraction(self.next())
    }

    /// A number below `end`; 0 where `end` is.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}
