//! `weighted`: drawn by weight, without putting back, so that the second place is a fair draw too.

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{Candidate, Verdict};
use crate::outcome::Reason;

/// Draws the pool into an order. A weight of zero takes a candidate out.
pub(super) fn order(pool: Vec<Candidate>, seed: u64) -> Vec<Verdict> {
    let mut chance = SmallRng::seed_from_u64(seed);
    let (mut left, weightless): (Vec<_>, Vec<_>) =
        pool.into_iter().partition(|candidate| candidate.weight > 0);
    let mut drawn = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let reason = if drawn.is_empty() {
            Reason::WeightDrawn
        } else {
            Reason::WeightLater
        };
        let at = draw(&left, &mut chance);
        drawn.push(Verdict::keep(left.remove(at), reason));
    }
    let out = weightless
        .into_iter()
        .map(|candidate| Verdict::drop(candidate, Reason::WeightZero));
    drawn.extend(out);
    drawn
}

/// The position of one candidate, drawn in proportion to the weights. All weights are above zero.
fn draw(pool: &[Candidate], chance: &mut SmallRng) -> usize {
    let total: u64 = pool
        .iter()
        .map(|candidate| u64::from(candidate.weight))
        .sum();
    let mut ticket = chance.random_range(0..total);
    pool.iter()
        .position(|candidate| {
            let weight = u64::from(candidate.weight);
            let mine = ticket < weight;
            ticket = ticket.saturating_sub(weight);
            mine
        })
        .unwrap_or(0)
}
