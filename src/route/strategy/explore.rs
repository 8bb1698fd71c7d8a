//! Exploration: a few requests go to a target whose speed is unknown, or was not measured of late, because nothing
//! else would ever tell that it has become the better one.

use crate::{
    facts::Circuit,
    outcome::Reason,
    route::{
        Candidate, Verdict,
        chance::{Chance, Purpose},
    },
};

/// With probability `share`, puts one of those worth exploring first.
pub(crate) fn explore(pool: &mut [Verdict], share: f64, seed: u64) {
    if share <= 0.0 || pool.len() < 2 {
        return;
    }
    let mut chance = Chance::of(seed, Purpose::Explore);
    if chance.draw() >= share {
        return;
    }
    let worth = |verdict: &Verdict| is_worth_it(&verdict.candidate);
    let count = pool[1..].iter().filter(|verdict| worth(verdict)).count();
    let wanted = chance.below(count);
    let behind = pool[1..].iter().enumerate();
    let found = behind.filter(|(_, one)| worth(one)).nth(wanted);
    if let Some((at, _)) = found {
        pool[..=at + 1].rotate_right(1);
        pool[0].reason = Reason::Explored;
    }
}

/// Whether a request would teach something, and is not teaching it already.
fn is_worth_it(candidate: &Candidate) -> bool {
    let facts = &candidate.facts;
    let unmeasured = facts.total.is_none() && facts.first_token.is_none();
    let unknown = unmeasured && facts.in_flight == 0;
    facts.circuit == Circuit::Closed
        && !candidate.is_full()
        && (unknown || candidate.is_long_idle())
}
