//! How targets are, and what happened to them between two looks: ejected, probed in vain, back again.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::{
    facts::Circuit,
    health::{KeyState, Opening, TargetState},
};

/// Events kept to be shown.
const RECENT: usize = 20;

/// What was seen of the targets.
#[derive(Debug, Default)]
pub(super) struct Watch {
    states: Vec<TargetState>,
    /// The last events, newest last.
    pub(super) events: VecDeque<Event>,
}

/// Something that happened to a target.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// When it was seen.
    pub(super) at: jiff::Timestamp,
    pub(super) target: Arc<str>,
    pub(super) what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    /// Its circuit opened, and is open for this much longer.
    Ejected(Opening, Duration),
    /// Its circuit closed.
    Recovered,
}

impl Watch {
    /// Takes in how the targets are now; returns how many of the kept events are new.
    pub(super) fn look(&mut self, states: Vec<TargetState>, at: jiff::Timestamp) -> usize {
        let before = keys(&self.states);
        let mut new = 0;
        for (key, now) in keys(&states) {
            for what in happened(before.get(&key).copied(), now) {
                let target = now.target.clone();
                super::board::push(&mut self.events, Event { at, target, what }, RECENT);
                new += 1;
            }
        }
        self.states = states;
        new.min(RECENT)
    }

    /// How a target is: where routes differ in when it counts as broken, as the strictest sees it.
    pub(super) fn state(&self, target: &str) -> Option<&TargetState> {
        let of_target = self.states.iter().filter(|state| &*state.target == target);
        of_target.max_by_key(|state| rank(&state.facts.circuit))
    }
}

/// One key of a target, under one route's settings.
#[derive(Clone, Copy)]
struct Seen<'a> {
    target: &'a Arc<str>,
    key: &'a KeyState,
}

/// Every key by its target, and its place among those of this target.
fn keys(states: &[TargetState]) -> BTreeMap<(&str, usize), Seen<'_>> {
    let mut found = BTreeMap::new();
    for TargetState { target, keys, .. } in states {
        for key in keys {
            let place = found
                .range((&**target, 0)..=(&**target, usize::MAX))
                .count();
            found.insert((&**target, place), Seen { target, key });
        }
    }
    found
}

fn happened(before: Option<Seen<'_>>, now: Seen<'_>) -> impl Iterator<Item = What> {
    let times = |seen: Seen<'_>| seen.key.opening.map_or(0, |opening| opening.times);
    let opened = times(now) > before.map_or(0, times);
    let was_shut = before.is_some_and(|before| shut(&before.key.circuit));
    let remaining = match now.key.circuit {
        Circuit::Open { remaining, .. } => remaining,
        _ => Duration::ZERO,
    };
    let ejected = now.key.opening.filter(|_| opened);
    let ejected = ejected.map(|opening| What::Ejected(opening, remaining));
    let recovered = (opened || was_shut) && !shut(&now.key.circuit);
    ejected
        .into_iter()
        .chain(recovered.then_some(What::Recovered))
}

fn shut(circuit: &Circuit) -> bool {
    matches!(circuit, Circuit::Open { .. } | Circuit::HalfOpen)
}

fn rank(circuit: &Circuit) -> u8 {
    match circuit {
        Circuit::Closed => 0,
        Circuit::Warming { .. } => 1,
        Circuit::HalfOpen => 2,
        Circuit::Open { .. } => 3,
    }
}
