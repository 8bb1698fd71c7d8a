//! Exploration: a few requests go to a target whose speed is unknown, or was not measured of late, because nothing
//! else would ever tell that it has become the better one. Where the newest answers say so already, but are too few
//! to believe, it is looked at more often until that is settled.

use crate::{
    facts::Circuit,
    outcome::Reason,
    route::{
        Candidate, Verdict,
        chance::{Chance, Purpose},
    },
};

/// The share of requests that follow up a promise, one at a time.
const FOLLOWED_UP: f64 = 0.25;

/// With probability `share`, puts one of those worth exploring first; one that promises to have become better with
/// a higher one. Nobody is explored where `share` is 0.
pub(crate) fn explore(pool: &mut [Verdict], share: f64, seed: u64) {
    if share <= 0.0 || pool.len() < 2 {
        return;
    }
    let mut chance = Chance::of(seed, Purpose::Explore);
    let draw = chance.draw();
    let worth: fn(&Candidate) -> bool = if draw < share {
        is_worth_it
    } else if draw < FOLLOWED_UP {
        promises
    } else {
        return;
    };
    let worth = |verdict: &Verdict| worth(&verdict.candidate);
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
    may_be_explored(candidate) && (unknown || candidate.is_long_idle()) || promises(candidate)
}

/// Whether its newest answers are a reason to look again, and nobody does.
fn promises(candidate: &Candidate) -> bool {
    let facts = &candidate.facts;
    may_be_explored(candidate) && facts.promising && facts.in_flight == 0
}

fn may_be_explored(candidate: &Candidate) -> bool {
    candidate.facts.circuit == Circuit::Closed && !candidate.is_full()
}
