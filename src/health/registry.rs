//! The memory of all targets and routes. It outlives reloads.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Budget, BudgetSettings, Condition, Learned, Settings, TargetState,
    credential::Lane,
    memory::{Digest, Identity, Memory},
};
use crate::catalog::Target;

/// More targets than this are not remembered: names of unknown models come from callers.
const MOST: usize = 10_000;

/// Breaker settings one target is seen through. More come only of reloads that change them.
const MOST_CONDITIONS: usize = 8;

/// The memory of all targets and routes.
#[derive(Default)]
pub struct Health {
    targets: RwLock<HashMap<Arc<str>, Entry>>,
    lanes: Mutex<HashMap<LaneKey, Weak<Lane>>>,
    budgets: Mutex<HashMap<String, Arc<Budget>>>,
    learned: Mutex<HashMap<String, Arc<Learned>>>,
}

/// A key at a provider: its name, where it is, which key.
type LaneKey = (Arc<str>, String, Digest);

struct Entry {
    identity: Identity,
    memory: Arc<Memory>,
    conditions: Vec<Arc<Condition>>,
}

impl Entry {
    fn condition(&self, breaker: &Settings) -> Option<Arc<Condition>> {
        let mut conditions = self.conditions.iter();
        conditions.find(|known| known.settings == *breaker).cloned()
    }

    /// Whether a request holds it now, or a configuration names it.
    fn held(&self) -> bool {
        let shared = |condition: &Arc<Condition>| Arc::strong_count(condition) > 1;
        self.memory.load.in_flight() > 0 || self.conditions.iter().any(shared)
    }

    fn asked(&self) -> Option<Instant> {
        self.memory.measured().asked
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Health").finish_non_exhaustive()
    }
}

impl Health {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The condition of a target under these breaker settings. A target that has moved or has other keys
    /// starts afresh; one whose cap has changed keeps everything else.
    pub fn of(&self, target: &Target, breaker: &Settings) -> Arc<Condition> {
        let name = target.to_string();
        self.known(&name, target, breaker)
            .unwrap_or_else(|| self.meet(name.into(), target, breaker))
    }

    /// The retry budget of a route, for as long as somebody holds it; other settings begin another one.
    pub fn budget(&self, route: &str, settings: BudgetSettings) -> Arc<Budget> {
        let mut budgets = lock(&self.budgets);
        match budgets.get(route) {
            Some(budget) if budget.settings() == settings => budget.clone(),
            _ => {
                let budget = Arc::new(Budget::new(settings));
                forget_unheld(&mut budgets);
                budgets.insert(route.to_owned(), budget.clone());
                budget
            }
        }
    }

    /// What was learned of a route's answers, for as long as somebody holds it.
    pub fn learned(&self, route: &str) -> Arc<Learned> {
        let mut learned = lock(&self.learned);
        if let Some(known) = learned.get(route) {
            return known.clone();
        }
        forget_unheld(&mut learned);
        learned.entry(route.to_owned()).or_default().clone()
    }

    /// Forgets targets that no configuration names and nobody has asked for so long.
    pub fn forget_idle(&self, now: Instant, older_than: Duration) {
        let idle = |asked: Instant| now.saturating_duration_since(asked) > older_than;
        self.targets
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, entry| entry.held() || !entry.asked().is_none_or(idle));
        lock(&self.lanes).retain(|_, lane| lane.strong_count() > 0);
    }

    /// What is left of each route's budget of retries, by the route's name.
    pub fn budgets(&self, now: Instant) -> Vec<(String, f64)> {
        let budgets = lock(&self.budgets);
        let left = |(route, budget): (&String, &Arc<Budget>)| (route.clone(), budget.left(now));
        budgets.iter().map(left).collect()
    }

    /// All targets, by name, each as often as it has breaker settings.
    pub fn snapshot(&self, now: Instant) -> Vec<TargetState> {
        let targets = self.targets.read().unwrap_or_else(PoisonError::into_inner);
        let conditions = targets.values().flat_map(|entry| &entry.conditions);
        let mut states: Vec<_> = conditions.map(|known| known.snapshot(now)).collect();
        states.sort_by(|left, right| left.target.cmp(&right.target));
        states
    }

    /// The condition, if the same card has asked for it before.
    fn known(&self, name: &str, target: &Target, breaker: &Settings) -> Option<Arc<Condition>> {
        let targets = self.targets.read().unwrap_or_else(PoisonError::into_inner);
        let entry = targets.get(name)?;
        if !entry.identity.is_of_card(&target.card) {
            return None;
        }
        entry.condition(breaker)
    }

    fn meet(&self, name: Arc<str>, target: &Target, breaker: &Settings) -> Arc<Condition> {
        let identity = Identity::of(target);
        let mut targets = self.targets.write().unwrap_or_else(PoisonError::into_inner);
        if targets.len() >= MOST && !targets.contains_key(&name) {
            forget_longest_idle(&mut targets);
        }
        let fresh = |identity: Identity| {
            let lanes = self.lanes(target, &identity);
            Entry {
                memory: Arc::new(Memory::new(name.clone(), &target.card, lanes)),
                identity,
                conditions: Vec::new(),
            }
        };
        let entry = match targets.remove(&name) {
            Some(entry) if entry.identity.same_as(&identity) => Entry { identity, ..entry },
            _ => fresh(identity),
        };
        let entry = targets.entry(name.clone()).insert_entry(entry).into_mut();
        let limit = target.card.concurrency.map(|cap| cap.limit);
        entry.memory.load.set_limit(limit);
        entry.condition(breaker).unwrap_or_else(|| {
            let condition = Arc::new(Condition::new(*breaker, entry.memory.clone()));
            if entry.conditions.len() >= MOST_CONDITIONS {
                entry.conditions.remove(0);
            }
            entry.conditions.push(condition.clone());
            condition
        })
    }

    /// The lanes of the target's keys, shared with the provider's other targets.
    fn lanes(&self, target: &Target, identity: &Identity) -> Vec<Arc<Lane>> {
        let mut lanes = lock(&self.lanes);
        let lane = |digest| {
            let key = (
                target.card.name.clone(),
                target.card.base_url.clone(),
                digest,
            );
            let known = lanes.entry(key).or_default();
            known.upgrade().unwrap_or_else(|| {
                let lane = Arc::new(Lane::default());
                *known = Arc::downgrade(&lane);
                lane
            })
        };
        identity.lanes().into_iter().map(lane).collect()
    }
}

/// Forgets the half that was asked longest ago or never, except what is held.
fn forget_longest_idle(targets: &mut HashMap<Arc<str>, Entry>) {
    let mut asked: Vec<_> = targets.values().map(Entry::asked).collect();
    let middle = asked.len() / 2;
    let (_, median, _) = asked.select_nth_unstable(middle);
    let median = *median;
    targets.retain(|_, entry| entry.held() || entry.asked() > median);
}

/// Forgets routes that no configuration has any more.
fn forget_unheld<T>(known: &mut HashMap<String, Arc<T>>) {
    known.retain(|_, value| Arc::strong_count(value) > 1);
}

/// Nothing panics while one of these locks is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
