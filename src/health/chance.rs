//! Chance, handed in as one number for each permit and stretched to as many draws as it needs.

/// A draw from 0 to 1 (exclusive), another for each `use_` of the same chance.
pub(super) fn unit(chance: u64, use_: u64) -> f64 {
    // SplitMix64: neighbouring chances and uses give unrelated draws.
    let mut mixed = chance.wrapping_add((use_ + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}
