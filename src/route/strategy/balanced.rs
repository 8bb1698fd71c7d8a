//! `balanced`: by one score over cost, time, validity and load. For mixed traffic, when neither the cheapest nor the
//! fastest is what you want at any price.

use super::{View, by_score, fastest, two};
use crate::{outcome::Reason, route::Verdict};

/// The lowest score first. Cost, time and load count against the pool's highest, so that their units do not matter;
/// what is unknown counts as the highest. Validity is a share already, and small differences of it stay small.
pub(super) fn order(pool: &mut [Verdict], view: &View<'_>) {
    let usual = two::usual_room(pool);
    let cost = |one: &Verdict| one.candidate.expected_cost(view.question);
    let time = |one: &Verdict| fastest::time(&one.candidate, view).map(|time| time.as_secs_f64());
    let load = |one: &Verdict| Some(two::load(&one.candidate, usual));
    let highest =
        |of: &dyn Fn(&Verdict) -> Option<f64>| pool.iter().filter_map(of).fold(0.0, f64::max);
    let (dearest, slowest, busiest) = (highest(&cost), highest(&time), highest(&load));
    let weights = view.weights;
    let sum = weights.cost + weights.latency + weights.validity + weights.load;
    for verdict in pool.iter_mut() {
        let score = weights.cost * share(cost(verdict), dearest)
            + weights.latency * share(time(verdict), slowest)
            + weights.validity * (1.0 - verdict.candidate.success())
            + weights.load * share(load(verdict), busiest);
        verdict.score = Some(score / sum);
    }
    by_score(pool, Reason::BestScore, Reason::LowerScore);
}

/// A value against the highest, 0 to 1.
fn share(value: Option<f64>, highest: f64) -> f64 {
    match value {
        _ if highest <= 0.0 => 0.0,
        Some(value) => value / highest,
        None => 1.0,
    }
}
