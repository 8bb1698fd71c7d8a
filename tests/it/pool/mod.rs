//! Routing over a modelled pool: the real router and the real memory of targets, over servers that are a formula.
//!
//! Requests arrive by chance, at a rate; an event queue moves the time, so that ten minutes take no time. Everything
//! follows from the seed. What `docs/routing.md` says of adapting is measured here.

mod health;
mod model;
mod times;

use std::ops::Range;

use model::{Log, Pool, Served};

/// The share of `target` among requests that arrived in this time, in hundredths.
fn share(log: &Log, target: &str, time: Range<f64>) -> f64 {
    let arrived = || log.iter().filter(|served| time.contains(&served.arrived));
    let there = arrived().filter(|served| served.target == target);
    100.0 * there.count() as f64 / arrived().count() as f64
}

/// The mean time of requests that arrived in this time, in seconds.
fn mean(log: &Log, time: Range<f64>) -> f64 {
    let arrived = || log.iter().filter(|served| time.contains(&served.arrived));
    arrived().map(|served| served.took).sum::<f64>() / arrived().count() as f64
}

/// Steps of ten seconds from `time` on until the share of `target` passes `bound`, upwards or downwards.
fn seconds_until(log: &Log, target: &str, time: Range<f64>, passes: impl Fn(f64) -> bool) -> f64 {
    let steps = ((time.end - time.start) / 10.0) as usize;
    let step = |at: usize| time.start + 10.0 * at as f64;
    let found = (0..steps).find(|at| passes(share(log, target, step(*at)..step(*at) + 10.0)));
    found.map_or(f64::INFINITY, |at| step(at) + 10.0 - time.start)
}
