//! `sticky`: a conversation stays with one target as long as that is well. For long conversations and agents, whose
//! prompt cache is worth more than any difference between targets.
//!
//! Rendezvous hashing: every target gets a number from the conversation and its own name, and the highest wins. When
//! a target leaves, only its conversations move; when it comes back, they return.

use super::{View, by_score, priority};
use crate::{
    outcome::Reason,
    route::{
        Verdict,
        chance::{fraction, mix},
    },
};

/// The order this conversation always finds, weights respected. Without a beginning to go by, the order of the list.
pub(super) fn order(pool: &mut [Verdict], view: &View<'_>) {
    let prefix = view.question.prefix;
    if prefix == 0 {
        return priority::order(pool);
    }
    for verdict in pool.iter_mut() {
        let candidate = &verdict.candidate;
        let number = fraction(mix(mix(prefix) ^ candidate.digest));
        // The first of exponential waiting times is each target's in proportion to its weight.
        verdict.score = Some(-number.ln() / f64::from(candidate.weight.max(1)));
    }
    by_score(pool, Reason::Sticky, Reason::StickyLater);
}
