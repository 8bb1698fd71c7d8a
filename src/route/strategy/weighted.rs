//! `weighted`: drawn by weight, without putting back, so that the second place is a fair draw too. For canaries,
//! splits by contract, and experiments.

use super::{View, name};
use crate::{
    facts::Circuit,
    outcome::Reason,
    route::{
        Candidate, Verdict,
        chance::{Chance, Purpose},
    },
};

/// Draws the pool into an order. One that has just recovered weighs its share of its weight.
pub(super) fn order(pool: &mut [Verdict], view: &View<'_>) {
    let mut chance = Chance::of(view.question.seed, Purpose::Weights);
    for next in 0..pool.len() {
        let drawn = draw(&pool[next..], chance.draw());
        pool[next..=next + drawn].rotate_right(1);
    }
    name(pool, Reason::WeightDrawn, Reason::WeightLater);
}

/// The position of one candidate, drawn in proportion to the weights. `ticket` is a fraction.
fn draw(pool: &[Verdict], ticket: f64) -> usize {
    let total: f64 = pool.iter().map(|one| weight(&one.candidate)).sum();
    let mut left = ticket * total;
    let drawn = pool.iter().position(|one| {
        left -= weight(&one.candidate);
        left < 0.0
    });
    drawn.unwrap_or(0)
}

fn weight(candidate: &Candidate) -> f64 {
    let share = match candidate.facts.circuit {
        Circuit::Warming { share } => share.clamp(0.0, 1.0),
        _ => 1.0,
    };
    f64::from(candidate.weight) * share
}
