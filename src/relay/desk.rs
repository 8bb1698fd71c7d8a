//! What completions need, wired for one configuration, with everything that is remembered of its routes at hand.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::{
    health::{Budget, Condition, Health, Learned},
    policy::Breaker,
    route::{Candidate, Router, Rules},
    schema::Schemas,
    upstream::Upstream,
};

/// The name under which health keeps what is remembered of targets that callers name themselves. No route has it.
pub(super) const DIRECT: &str = "";

/// What completions need, wired for one configuration.
#[derive(Debug)]
pub struct Desk {
    /// The routes and providers.
    pub router: Router,
    /// The rules that choose among the routes.
    pub rules: Rules,
    /// The connections.
    pub upstream: Arc<Upstream>,
    /// How targets have been.
    pub health: Arc<Health>,
    /// The schemas answers are judged by.
    pub schemas: Arc<Schemas>,
    routes: HashMap<Arc<str>, Lasting>,
    direct: Lasting,
}

/// What outlives a reload of one route. It is found once for each configuration: a request looks it up by the
/// route's name without a lock, and names that callers make up leave nothing behind.
pub(super) struct Lasting {
    breaker: Breaker,
    /// Its retries.
    pub(super) budget: Arc<Budget>,
    /// How long its answers are.
    pub(super) learned: Arc<Learned>,
    /// Its own targets and those of its fallbacks, by name.
    conditions: HashMap<Arc<str>, Arc<Condition>>,
}

impl fmt::Debug for Lasting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lasting").finish_non_exhaustive()
    }
}

impl Desk {
    /// A desk for this configuration. From here on `health` knows every target its routes name.
    pub fn new(
        router: Router,
        rules: Rules,
        upstream: Arc<Upstream>,
        health: Arc<Health>,
        schemas: Arc<Schemas>,
    ) -> Self {
        let names = router.names();
        let routes = names
            .map(|name| (name.clone(), Lasting::of(name, &router, &health)))
            .collect();
        Self {
            direct: Lasting::of(DIRECT, &router, &health),
            routes,
            router,
            rules,
            upstream,
            health,
            schemas,
        }
    }

    /// What is remembered of the route of this name; where it is none, of all targets that callers name.
    pub(super) fn lasting(&self, name: &str) -> &Lasting {
        self.routes.get(name).unwrap_or(&self.direct)
    }

    /// The condition of a target in a plan of `route`.
    pub(super) fn condition(&self, route: &Lasting, candidate: &Candidate) -> Arc<Condition> {
        match route.conditions.get(&candidate.name) {
            Some(known) => known.clone(),
            None => self.health.of(&candidate.target, &route.breaker),
        }
    }
}

impl Lasting {
    fn of(name: &str, router: &Router, health: &Health) -> Self {
        let policy = router.policy(name);
        let reach = router.reach(name).into_iter();
        Self {
            breaker: policy.breaker,
            budget: health.budget(name, policy.budget),
            learned: health.learned(name),
            conditions: reach
                .map(|found| {
                    (
                        found.name.clone(),
                        health.of(&found.target, &policy.breaker),
                    )
                })
                .collect(),
        }
    }
}
