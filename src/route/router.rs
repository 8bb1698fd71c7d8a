//! All routes of a configuration, and planning one request over them.

use std::{collections::BTreeMap, sync::Arc};

use super::{Candidate, NoPlan, Plan, Retry, Settings, Strategy, Timeouts, Verdict};
use crate::{
    catalog::{Catalog, NoTarget},
    outcome::Reason,
    problem::Problem,
};

/// What a caller may use. Asked by name, so that this room need not know callers.
pub trait Rights {
    /// Whether this route may be named.
    fn allows_route(&self, route: &str) -> bool;
    /// Whether this target may be named directly.
    fn allows_direct(&self, target: &str) -> bool;
    /// Whether this target may answer on a route.
    fn allows_target(&self, target: &str) -> bool;
}

/// A route, checked and ready.
#[derive(Clone, Debug)]
pub struct Route {
    name: Arc<str>,
    pool: Vec<Candidate>,
    strategy: Strategy,
    fallback: Vec<Fallback>,
    retry: Retry,
    timeouts: Timeouts,
}

#[derive(Clone, Debug)]
enum Fallback {
    Target(Candidate),
    Route(Arc<str>),
}

/// The routes of one configuration.
#[derive(Clone, Debug, Default)]
pub struct Router {
    catalog: Arc<Catalog>,
    routes: BTreeMap<Arc<str>, Route>,
}

impl Router {
    /// Checks and wires routes. All problems at once; their paths start at the route's name.
    pub fn new(
        catalog: Arc<Catalog>,
        settings: &BTreeMap<String, Settings>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut routes = BTreeMap::new();
        for (name, written) in settings {
            let route = build(name, written, &catalog, settings, &mut problems);
            routes.insert(route.name.clone(), route);
        }
        let router = Self { catalog, routes };
        router.find_circles(&mut problems);
        if problems.is_empty() {
            Ok(router)
        } else {
            Err(problems)
        }
    }

    /// The names of all routes.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.routes.keys()
    }

    /// The providers.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Plans a request for the model `name`: a route, or a target. `seed` is the request's chance.
    pub fn plan(&self, name: &str, rights: &dyn Rights, seed: u64) -> Result<Plan, NoPlan> {
        if let Some(route) = self.routes.get(name) {
            if !rights.allows_route(name) {
                return Err(NoPlan::Forbidden(name.to_owned()));
            }
            let mut verdicts = Vec::with_capacity(route.pool.len() + route.fallback.len());
            self.visit(route, rights, seed, &mut Vec::new(), &mut verdicts);
            return Plan::new(
                Some(route.name.clone()),
                route.strategy,
                seed,
                route.retry,
                route.timeouts,
                verdicts,
            );
        }
        let unknown = || NoPlan::UnknownModel(name.to_owned());
        let target = self.catalog.target(name).map_err(|_| unknown())?;
        if !rights.allows_direct(name) {
            return Err(NoPlan::Forbidden(name.to_owned()));
        }
        let only = Verdict::keep(Candidate::new(target), Reason::Direct);
        Plan::new(
            None,
            Strategy::Priority,
            seed,
            Retry::default(),
            Timeouts::default(),
            vec![only],
        )
    }

    /// Appends a route's pool in its strategy's order, then its fallbacks; routes among them likewise, once.
    fn visit(
        &self,
        route: &Route,
        rights: &dyn Rights,
        seed: u64,
        visited: &mut Vec<Arc<str>>,
        verdicts: &mut Vec<Verdict>,
    ) {
        let as_fallback = !visited.is_empty();
        visited.push(route.name.clone());
        let permitted = |verdict: Verdict| {
            if verdict.kept && !rights.allows_target(&verdict.candidate.name) {
                Verdict::drop(verdict.candidate, Reason::KeyForbids)
            } else {
                verdict
            }
        };
        for mut verdict in route.strategy.order(route.pool.clone(), seed) {
            if as_fallback && verdict.kept {
                verdict.reason = Reason::Fallback;
            }
            verdicts.push(permitted(verdict));
        }
        for fallback in &route.fallback {
            match fallback {
                Fallback::Target(candidate) => {
                    verdicts.push(permitted(Verdict::keep(
                        candidate.clone(),
                        Reason::Fallback,
                    )));
                }
                Fallback::Route(name) if !visited.contains(name) => {
                    if let Some(next) = self.routes.get(name) {
                        self.visit(next, rights, seed, visited, verdicts);
                    }
                }
                Fallback::Route(_) => {}
            }
        }
    }

    fn find_circles(&self, problems: &mut Vec<Problem>) {
        for (name, route) in &self.routes {
            let mut seen = vec![name.clone()];
            let mut next = route_names(route);
            while let Some(step) = next.pop() {
                if step == *name {
                    let message = format!("the fallbacks of `{name}` lead back to it");
                    problems.push(Problem::new([&**name, "fallback"], message));
                    break;
                }
                if !seen.contains(&step) {
                    next.extend(self.routes.get(&step).map(route_names).unwrap_or_default());
                    seen.push(step);
                }
            }
        }
    }
}

fn route_names(route: &Route) -> Vec<Arc<str>> {
    let names = route.fallback.iter().filter_map(|fallback| match fallback {
        Fallback::Route(name) => Some(name.clone()),
        Fallback::Target(_) => None,
    });
    names.collect()
}

fn build(
    name: &str,
    written: &Settings,
    catalog: &Catalog,
    all: &BTreeMap<String, Settings>,
    problems: &mut Vec<Problem>,
) -> Route {
    if name.contains('/') || name.is_empty() {
        let message =
            format!("`{name}` cannot be a route's name: a name with a slash means provider/model");
        problems.push(Problem::new([name], message));
    }
    if written.targets.is_empty() {
        let problem = Problem::new([name], format!("the route `{name}` has no targets"));
        problems.push(problem.expected("`targets: [provider/model, …]`"));
    }
    if !(1..=10).contains(&written.retry.attempts) {
        let message = format!("{} attempts", written.retry.attempts);
        problems.push(Problem::new([name, "retry", "attempts"], message).expected("1 to 10"));
    }
    let mut pool = Vec::new();
    for (at, entry) in written.targets.iter().enumerate() {
        match catalog.target(entry.target()) {
            Ok(target) => pool.push(Candidate::new(target).weighing(entry.weight())),
            Err(error) => {
                let path = [name, "targets", &at.to_string()].map(str::to_owned);
                problems.push(no_target(path, entry.target(), &error, catalog, &[]));
            }
        }
    }
    if !pool.is_empty() && pool.iter().all(|candidate| candidate.weight == 0) {
        let message = format!("every target of `{name}` has weight 0");
        problems.push(Problem::new([name, "targets"], message));
    }
    let mut fallback = Vec::new();
    for (at, entry) in written.fallback.iter().enumerate() {
        if all.contains_key(entry) {
            fallback.push(Fallback::Route(entry.as_str().into()));
            continue;
        }
        match catalog.target(entry) {
            Ok(target) => fallback.push(Fallback::Target(Candidate::new(target))),
            Err(error) => {
                let path = [name, "fallback", &at.to_string()].map(str::to_owned);
                let routes: Vec<&str> = all.keys().map(String::as_str).collect();
                problems.push(no_target(path, entry, &error, catalog, &routes));
            }
        }
    }
    Route {
        name: name.into(),
        pool,
        strategy: written.strategy,
        fallback,
        retry: written.retry,
        timeouts: written.timeout,
    }
}

/// A problem that names the nearest target (or route) that exists.
fn no_target(
    path: [String; 3],
    written: &str,
    error: &NoTarget,
    catalog: &Catalog,
    routes: &[&str],
) -> Problem {
    let problem = Problem::new(path, error.to_string());
    let (provider, model) = written.split_once('/').unwrap_or((written, ""));
    match error {
        NoTarget::NotATarget(_) => problem.suggest(written, routes.iter().copied()),
        NoTarget::UnknownProvider(_) => {
            problem.suggest(provider, catalog.cards().map(|card| &*card.name))
        }
        NoTarget::UnknownModel { .. } => {
            let models = catalog.card(provider).map(|card| card.models.keys());
            problem.suggest(model, models.into_iter().flatten().map(String::as_str))
        }
    }
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
