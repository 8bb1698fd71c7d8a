//! From routes as written to routes that can plan, or to everything that is wrong with them.

use std::{collections::BTreeMap, sync::Arc};

use super::{Candidate, Route, Settings, Strategy, router::Fallback};
use crate::{
    catalog::{Catalog, NoTarget},
    outcome::ErrorClass,
    policy::Policy,
    problem::Problem,
};

/// Checks and wires routes. All problems at once; their paths start at the route's name.
pub(super) fn routes(
    catalog: &Catalog,
    settings: &BTreeMap<String, Settings>,
) -> Result<BTreeMap<Arc<str>, Route>, Vec<Problem>> {
    let mut build = Build {
        catalog,
        settings,
        problems: Vec::new(),
    };
    let routes = settings.iter().map(|(name, written)| {
        let route = build.route(name, written);
        (route.name.clone(), route)
    });
    let routes = routes.collect();
    find_circles(&routes, &mut build.problems);
    if build.problems.is_empty() {
        Ok(routes)
    } else {
        Err(build.problems)
    }
}

struct Build<'a> {
    catalog: &'a Catalog,
    settings: &'a BTreeMap<String, Settings>,
    problems: Vec<Problem>,
}

impl Build<'_> {
    fn route(&mut self, name: &str, written: &Settings) -> Route {
        if name.contains('/') || name.is_empty() {
            let message = format!(
                "`{name}` cannot be a route's name: a name with a slash means provider/model"
            );
            self.problems.push(Problem::new([name], message));
        }
        if written.targets.is_empty() {
            let problem = Problem::new([name], format!("the route `{name}` has no targets"));
            let problem = problem.expected("`targets: [provider/model, …]`");
            self.problems.push(problem);
        }
        self.figures(name, written);
        let breaker = written.breaker.problems().into_iter();
        let breaker = breaker.map(|problem| problem.under([name, "breaker"]));
        let budget = written.retry.budget.problems().into_iter();
        let budget = budget.map(|problem| problem.under([name, "retry", "budget"]));
        self.problems.extend(breaker.chain(budget));
        let pool = self.pool(name, written);
        let fallback = self.list(&[name, "fallback"], &written.fallback);
        let on = written.fallback_on.iter();
        let on = on.map(|(class, list)| {
            let path = [name, "fallback_on", class.label()];
            if *class == ErrorClass::Cancelled {
                let message = "nobody waits for an answer after `cancelled`";
                self.problems.push(Problem::new(path, message));
            }
            (*class, self.list(&path, list))
        });
        Route {
            name: name.into(),
            fallback_on: on.collect(),
            pool,
            strategy: written.strategy,
            within: written.within.clone(),
            weights: written.weights,
            explore: written.explore,
            tags: written.tags.clone(),
            fallback,
            retry: written.retry,
            timeouts: written.timeout,
            policy: Policy {
                breaker: written.breaker,
                budget: written.retry.budget,
                answers: written.answers,
            },
        }
    }

    /// Numbers out of their bounds.
    fn figures(&mut self, name: &str, written: &Settings) {
        let mut wrong = |path: &[&str], message: String, expected: &str| {
            let problem = Problem::new(path.iter().copied(), message).expected(expected);
            self.problems.push(problem.under([name]));
        };
        let attempts = written.retry.attempts;
        if !(1..=10).contains(&attempts) {
            let message = format!("{attempts} attempts");
            wrong(&["retry", "attempts"], message, "1 to 10");
        }
        if !(0.0..=0.5).contains(&written.explore) {
            let message = format!(
                "{} is no share of requests to explore with",
                written.explore
            );
            wrong(&["explore"], message, "0 to 0.5");
        }
        let validity = written.within.validity;
        if let Some(floor) = validity.filter(|floor| !(0.0..=1.0).contains(floor)) {
            let message = format!("{floor} is no share of valid answers");
            wrong(&["within", "validity"], message, "0 to 1");
        }
        if written.strategy == Strategy::CheapestWithin && written.within.is_empty() {
            let message = "`cheapest-within` has no limit to stay within".to_owned();
            let expected = "`first_token`, `total`, `max_price` or `validity`";
            wrong(&["within"], message, expected);
        }
        let weights = written.weights;
        let all = [
            ("cost", weights.cost),
            ("latency", weights.latency),
            ("validity", weights.validity),
            ("load", weights.load),
        ];
        for (key, weight) in all {
            if !(0.0..=1_000.0).contains(&weight) {
                let message = format!("{weight} is no weight");
                wrong(&["weights", key], message, "0 to 1000");
            }
        }
        if all.iter().all(|(_, weight)| *weight == 0.0) {
            let message = "every weight is 0, so no target is better than another".to_owned();
            wrong(&["weights"], message, "one above 0");
        }
    }

    fn pool(&mut self, name: &str, written: &Settings) -> Vec<Candidate> {
        let mut pool = Vec::with_capacity(written.targets.len());
        for (at, entry) in written.targets.iter().enumerate() {
            match self.catalog.target(entry.target()) {
                Ok(target) => pool.push(
                    Candidate::new(target)
                        .weighing(entry.weight())
                        .costing_at_most(entry.max_price()),
                ),
                Err(NoTarget::WrongProvider(_)) => {}
                Err(error) => {
                    let path = [name, "targets", &at.to_string()].map(str::to_owned);
                    let problem = no_target(path.into(), entry.target(), &error, self.catalog, &[]);
                    self.problems.push(problem);
                }
            }
        }
        let tagged = |candidate: &Candidate| written.tags.is_subset(&candidate.target.card.tags);
        if !pool.is_empty() && !pool.iter().any(tagged) {
            let tags: Vec<&str> = written.tags.iter().map(String::as_str).collect();
            let message = format!(
                "no target of `{name}` has all its tags: {}",
                tags.join(", ")
            );
            let problem = Problem::new([name, "tags"], message);
            let problem = problem.expected("tags that a provider has: `providers.*.tags`");
            self.problems.push(problem);
        }
        if !pool.is_empty() && pool.iter().all(|candidate| candidate.weight == 0) {
            let message = format!("every target of `{name}` has weight 0");
            self.problems.push(Problem::new([name, "targets"], message));
        }
        pool
    }

    /// A list of targets and routes.
    fn list(&mut self, path: &[&str], entries: &[String]) -> Vec<Fallback> {
        let mut list = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            if self.settings.contains_key(entry) {
                list.push(Fallback::Route(entry.as_str().into()));
                continue;
            }
            match self.catalog.target(entry) {
                Ok(target) => list.push(Fallback::Target(Candidate::new(target).into())),
                Err(NoTarget::WrongProvider(_)) => {}
                Err(error) => {
                    let mut path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
                    path.push(at.to_string());
                    let routes: Vec<&str> = self.settings.keys().map(String::as_str).collect();
                    let problem = no_target(path, entry, &error, self.catalog, &routes);
                    self.problems.push(problem);
                }
            }
        }
        list
    }
}

/// Fallbacks that lead back to their route, by either list. A route that is somebody's fallback brings its `fallback`
/// along, but not its `fallback_on`: only a list of the route itself can begin a circle of that kind.
fn find_circles(routes: &BTreeMap<Arc<str>, Route>, problems: &mut Vec<Problem>) {
    let mut check = |path: &[&str], list: &[Fallback], name: &str| {
        if leads_to(name, list, routes) {
            let message = format!("the fallbacks of `{name}` lead back to it");
            problems.push(Problem::new(path.iter().copied(), message));
        }
    };
    for (name, route) in routes {
        check(&[name, "fallback"], &route.fallback, name);
        for (class, list) in &route.fallback_on {
            check(&[name, "fallback_on", class.label()], list, name);
        }
    }
}

fn leads_to(name: &str, list: &[Fallback], routes: &BTreeMap<Arc<str>, Route>) -> bool {
    let mut seen = Vec::new();
    let mut next: Vec<&str> = route_names(list).collect();
    while let Some(step) = next.pop() {
        if step == name {
            return true;
        }
        if !seen.contains(&step) {
            seen.push(step);
            let route = routes.get(step);
            next.extend(
                route
                    .into_iter()
                    .flat_map(|route| route_names(&route.fallback)),
            );
        }
    }
    false
}

fn route_names(list: &[Fallback]) -> impl Iterator<Item = &str> {
    list.iter().filter_map(|fallback| match fallback {
        Fallback::Route(name) => Some(&**name),
        Fallback::Target(_) => None,
    })
}

/// A problem that names the nearest target (or route) that exists.
fn no_target(
    path: Vec<String>,
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
        NoTarget::WrongProvider(_) => problem,
        NoTarget::UnknownModel { .. } => {
            let models = catalog.card(provider).map(|card| card.models.keys());
            problem.suggest(model, models.into_iter().flatten().map(String::as_str))
        }
    }
}
