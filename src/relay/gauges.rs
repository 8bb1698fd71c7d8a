//! The state of all targets as operators see it: gauges at a scrape, a list on the admin listener.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::{Desk, desk::DIRECT};
use crate::{
    facts::Circuit,
    health::TargetState,
    telemetry::{Metrics, show},
};

/// Every target anybody has asked, and every one a route names, as it is now.
pub fn targets(desk: &Desk) -> Vec<TargetState> {
    desk.health.snapshot(Instant::now())
}

/// Sets the gauges that show how targets are now. Those that are gone show nothing more.
pub fn gauges(desk: &Desk, metrics: &Metrics) {
    let now = Instant::now();
    let mut in_flight: BTreeMap<_, i64> = BTreeMap::new();
    let mut breakers: BTreeMap<_, i64> = BTreeMap::new();
    let mut asides: BTreeMap<_, f64> = BTreeMap::new();
    let states = desk.health.snapshot(now);
    let mut counted = None;
    for state in &states {
        let (provider, model) = labels(desk, &state.target);
        metrics.begin_target(provider, model);
        // A target is listed once for each of its breakers; models without a card are all `other`.
        if counted.replace(&state.target) != Some(&state.target) {
            *in_flight.entry(vec![provider, model]).or_default() +=
                i64::from(state.facts.in_flight);
        }
        for key in &state.keys {
            let credential = key.credential.as_deref().unwrap_or("none");
            let breaker = breakers.entry(vec![provider, model, credential]);
            let breaker = breaker.or_default();
            *breaker = number(&key.circuit).max(*breaker);
            // A key may be aside for one model alone: what is shown is the worst and the longest of all.
            let aside = asides.entry(vec![provider, credential]).or_default();
            *aside = aside.max(key.aside.unwrap_or_default().as_secs_f64());
        }
    }
    show(&metrics.target_in_flight, &in_flight);
    show(&metrics.breaker_state, &breakers);
    show(&metrics.credential_aside, &asides);
    for rule in desk.rules.names() {
        metrics.begin_rule(rule);
    }
    for (route, left) in desk.health.budgets(now) {
        let route = if route == DIRECT { "direct" } else { &*route };
        metrics.begin_route(route);
        metrics.budget_left.with_label_values(&[route]).set(left);
    }
}

/// A target's provider and its model as metrics may name it: one the card lists, or `other`.
fn labels<'a>(desk: &Desk, target: &'a str) -> (&'a str, &'a str) {
    let (provider, model) = target.split_once('/').unwrap_or((target, "other"));
    let card = desk.router.catalog().card(provider);
    let listed = card.is_some_and(|card| card.models.contains_key(model));
    (provider, if listed { model } else { "other" })
}

/// A circuit as a number that grows with how bad it is.
fn number(circuit: &Circuit) -> i64 {
    match circuit {
        Circuit::Closed => 0,
        Circuit::Warming { .. } => 1,
        Circuit::HalfOpen => 2,
        Circuit::Open { .. } => 3,
    }
}
