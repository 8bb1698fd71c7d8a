//! The power of two choices: of two drawn, the less busy. Taking the least busy of all would send everybody to the
//! same one between two looks at the figures; two draws spread nearly as well and never herd.

use crate::route::{
    Candidate, Verdict,
    chance::{Chance, Purpose},
};

/// Draws two and puts the less busy first; the others keep their order.
pub(super) fn less_busy_first(pool: &mut [Verdict], seed: u64) {
    if pool.len() < 2 {
        return;
    }
    let usual = usual_room(pool);
    let mut chance = Chance::of(seed, Purpose::Two);
    let one = chance.below(pool.len());
    // One of the others, each as likely.
    let other = (one + 1 + chance.below(pool.len() - 1)) % pool.len();
    let busier = load(&pool[other].candidate, usual) < load(&pool[one].candidate, usual);
    let first = if busier { other } else { one };
    pool[..=first].rotate_right(1);
}

/// Requests in flight for the room there is, the one to come included.
pub(super) fn load(candidate: &Candidate, usual: f64) -> f64 {
    let facts = &candidate.facts;
    let room = facts.capacity.map_or(usual, f64::from).max(1.0);
    (f64::from(facts.in_flight) + 1.0) / room
}

/// The room of targets that state none: the mean of those that do.
pub(super) fn usual_room(pool: &[Verdict]) -> f64 {
    let stated = pool.iter().filter_map(|one| one.candidate.facts.capacity);
    let (sum, count) = stated.fold((0.0, 0.0), |(sum, count), room| {
        (sum + f64::from(room), count + 1.0)
    });
    if count > 0.0 { sum / count } else { 1.0 }
}
