//! Who of a pool is well enough to be asked, and who stands behind.
//!
//! A target whose circuit is open is dropped, but never more than half of a pool: when most of it looks bad, the
//! few that are left would fall under the load of all. The least bad stay, behind everybody well, in *panic mode*.
//! One that nearly always failed stays for one request in twenty only, so that a total outage fails fast and is
//! still found to be over.

use super::{
    Verdict,
    chance::{Chance, Purpose, mix},
};
use crate::{facts::Circuit, outcome::Reason};

/// From this share of failures on, a target is as good as dead.
const NEARLY_ALWAYS: f64 = 0.95;

/// The share of requests that may find out whether it still is.
const STRAW: f64 = 0.05;

/// Drops who is put aside by what its provider said.
pub(super) fn put_aside(verdict: &mut Verdict) {
    let facts = &verdict.candidate.facts;
    if facts.cooldown.is_some_and(|left| !left.is_zero()) {
        verdict.drop(Reason::CoolingDown);
    } else if facts.headroom.is_some_and(|left| left <= 0.0) {
        verdict.drop(Reason::RateLimited);
    }
}

/// Drops who has an open circuit, but at most half of the pool. A pool of one is dropped: its fallback is there for
/// that, and where there is none, [`last_resort`] is.
pub(super) fn eject(pool: &mut [Verdict], seed: u64) {
    let kept = pool.iter().filter(|verdict| verdict.kept).count();
    let mut opened = 0;
    for verdict in pool.iter_mut() {
        if verdict.kept && failed(verdict).is_some() {
            verdict.drop(Reason::CircuitOpen);
            opened += 1;
        }
    }
    if kept > 1 {
        (kept / 2..opened).for_each(|_| spare(pool, seed));
    }
}

/// Spares the least bad of all when nobody is left; else who was put aside because our key was refused. The
/// provider will say so again, which tells the caller more than that nobody is ready.
pub(super) fn last_resort(verdicts: &mut [Verdict], seed: u64) {
    spare(verdicts, seed);
    if verdicts.iter().any(|verdict| verdict.kept) {
        return;
    }
    let mut refused = verdicts.iter_mut().filter(|verdict| {
        verdict.reason == Reason::CoolingDown && verdict.candidate.facts.is_refused()
    });
    if let Some(verdict) = refused.next() {
        verdict.kept = true;
        verdict.reason = Reason::LastResort;
    }
}

/// Keeps the least bad of those that were dropped for their circuits.
fn spare(pool: &mut [Verdict], seed: u64) {
    let out = pool
        .iter_mut()
        .filter(|verdict| verdict.reason == Reason::CircuitOpen);
    let rated = out.filter_map(|verdict| failed(verdict).map(|rate| (rate, verdict)));
    let best = rated.min_by(|one, other| one.0.total_cmp(&other.0));
    let Some((rate, verdict)) = best else { return };
    if rate < NEARLY_ALWAYS || Chance::of(seed, Purpose::Panic).draw() < STRAW {
        verdict.kept = true;
        verdict.reason = Reason::PanicMode;
    }
}

/// The share of failures an open circuit opened at.
fn failed(verdict: &Verdict) -> Option<f64> {
    match verdict.candidate.facts.circuit {
        Circuit::Open { failure_rate, .. } => Some(failure_rate),
        _ => None,
    }
}

/// Puts behind who has just recovered, who is at its cap, who lacks what was asked for, and who is spared, in this
/// order; the order among each stays. `drawn` says that the strategy gave those that recover their smaller share
/// itself.
pub(super) fn line_up(pool: &mut [Verdict], seed: u64, drawn: bool) {
    let of = |verdict: &Verdict| standing(verdict, seed, drawn);
    if pool.iter().all(|verdict| of(verdict).is_none()) {
        return;
    }
    pool.sort_by_cached_key(|verdict| rank(of(verdict)));
    for verdict in pool.iter_mut().filter(|one| one.reason != Reason::Relaxed) {
        verdict.reason = of(verdict).unwrap_or(verdict.reason);
    }
}

/// What a target's health says of its place, if anything.
fn standing(verdict: &Verdict, seed: u64, drawn: bool) -> Option<Reason> {
    let candidate = &verdict.candidate;
    let late = |share: f64| {
        let chance = mix(seed ^ candidate.digest);
        !drawn && Chance::of(chance, Purpose::SlowStart).draw() >= share
    };
    if candidate.facts.is_refused() {
        return Some(Reason::LastResort);
    }
    match candidate.facts.circuit {
        Circuit::Open { .. } => Some(Reason::PanicMode),
        _ if verdict.adapted => Some(Reason::Adapted),
        _ if candidate.is_full() => Some(Reason::Busy),
        Circuit::HalfOpen => Some(Reason::Probe),
        Circuit::Warming { share } if late(share) => Some(Reason::SlowStart),
        _ => None,
    }
}

fn rank(standing: Option<Reason>) -> u8 {
    match standing {
        Some(Reason::SlowStart) => 1,
        Some(Reason::Busy) => 2,
        Some(Reason::Adapted) => 3,
        Some(Reason::PanicMode | Reason::LastResort) => 4,
        _ => 0,
    }
}

/// Puts behind everybody else in a plan, fallbacks included, who lacks what was asked for: a substitute that does all
/// of it is better than a favourite that does less. The spared follow where their own pool has nobody better: somebody
/// else can answer, so they need not.
pub(super) fn worse_last(verdicts: &mut [Verdict]) {
    let kept = || verdicts.iter().filter(|verdict| verdict.kept).map(worse);
    let best = kept().min();
    let adapted = || kept().any(|worse| worse == ADAPTED);
    if kept().next() > best || best == Some(0) && adapted() {
        verdicts.sort_by_key(worse);
    }
}

const ADAPTED: u8 = 1;

/// How much worse than others a target is that may be tried.
fn worse(verdict: &Verdict) -> u8 {
    match verdict {
        verdict if verdict.is_panic() => 2,
        verdict if verdict.kept && verdict.adapted => ADAPTED,
        _ => 0,
    }
}
