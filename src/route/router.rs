//! All routes of a configuration, and planning one request over them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Candidate, Gather, Hints, NoPlan, Plan, Question, Retry, Settings, Strategy, Timeouts, Weights,
    Within, build, head::Head, planner::Planner,
};
use crate::{catalog::Catalog, outcome::ErrorClass, policy::Policy, problem::Problem};

/// A route, checked and ready.
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) name: Arc<str>,
    pub(super) pool: Vec<Candidate>,
    pub(super) strategy: Strategy,
    pub(super) within: Within,
    pub(super) weights: Weights,
    pub(super) explore: f64,
    pub(super) tags: BTreeSet<String>,
    pub(super) fallback: Vec<Fallback>,
    pub(super) fallback_on: Vec<(ErrorClass, Vec<Fallback>)>,
    pub(super) retry: Retry,
    pub(super) timeouts: Timeouts,
    pub(super) policy: Policy,
}

impl Route {
    /// How its pool is ordered for a caller with these hints.
    pub(super) fn strategy(&self, hints: &Hints) -> Strategy {
        hints.strategy().unwrap_or(self.strategy)
    }
}

/// One entry of a fallback list.
#[derive(Clone, Debug)]
pub(super) enum Fallback {
    Target(Box<Candidate>),
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
        let routes = build::routes(&catalog, settings)?;
        Ok(Self { catalog, routes })
    }

    /// The names of all routes.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.routes.keys()
    }

    /// The providers.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The route of this name.
    pub(super) fn route(&self, name: &str) -> Option<&Route> {
        self.routes.get(name)
    }

    /// What the route of this name decides for other rooms; where it is a target, what holds for such.
    pub fn policy(&self, name: &str) -> Policy {
        self.routes
            .get(name)
            .map_or_else(Policy::direct, |route| route.policy)
    }

    /// The route of this name and how it orders its pool for a caller with these hints; nothing where it is none.
    pub fn heading(&self, name: &str, hints: &Hints) -> Option<(Arc<str>, Strategy)> {
        let route = self.routes.get(name)?;
        Some((route.name.clone(), route.strategy(hints)))
    }

    /// Whether a plan for this name looks at how the conversation begins.
    pub fn keeps_conversations(&self, name: &str, hints: &Hints) -> bool {
        let sticky = |route: &Route| {
            route.strategy(hints) == Strategy::Sticky
                || route.fallback.iter().any(|entry| match entry {
                    Fallback::Route(name) => self
                        .routes
                        .get(name)
                        .is_some_and(|next| next.strategy == Strategy::Sticky),
                    Fallback::Target(_) => false,
                })
        };
        self.routes.get(name).is_some_and(sticky)
    }

    /// Every target that a plan of this route may ask unless the caller lists others: its own and those of its
    /// fallbacks, each at least once. Nobody where it is no route.
    pub fn reach(&self, name: &str) -> Vec<&Candidate> {
        let mut found = Vec::new();
        let mut routes: Vec<&Route> = self.routes.get(name).into_iter().collect();
        let mut next = 0;
        while let Some(&route) = routes.get(next) {
            next += 1;
            found.extend(&route.pool);
            let on = route.fallback_on.iter().flat_map(|(_, list)| list);
            for entry in route.fallback.iter().chain(on) {
                match entry {
                    Fallback::Target(candidate) => found.push(candidate),
                    Fallback::Route(name) if routes.iter().all(|known| known.name != *name) => {
                        routes.extend(self.routes.get(name));
                    }
                    Fallback::Route(_) => {}
                }
            }
        }
        found
    }

    /// Plans a request for the model `name`: a route, or a target.
    pub fn plan(
        &self,
        name: &str,
        question: &Question<'_>,
        gather: Gather<'_>,
    ) -> Result<Plan, NoPlan> {
        let head = match self.routes.get(name) {
            Some(route) if !question.rights.allows_route(name) => {
                return Err(NoPlan::Forbidden(route.name.to_string()));
            }
            Some(route) => Head::Route(route),
            None => Head::Target(self.direct(name, question)?.into()),
        };
        let mut planner = Planner::new(self, question, gather, head.route());
        planner.head(&head);
        planner.callers_models()?;
        if let Some(route) = head.route() {
            planner.fallbacks(route);
        }
        let (verdicts, on) = planner.finish()?;
        let route = head.route();
        let strategy = route.map(|route| route.strategy(question.hints));
        Ok(Plan {
            route: route.map(|route| route.name.clone()),
            strategy: strategy.unwrap_or_default(),
            seed: question.seed,
            retry: route.map(|route| route.retry).unwrap_or_default(),
            timeouts: route.map(|route| route.timeouts).unwrap_or_default(),
            policy: self.policy(name),
            verdicts,
            on,
        })
    }

    /// The target of this name, if the caller may name it directly.
    pub(super) fn direct(&self, name: &str, question: &Question<'_>) -> Result<Candidate, NoPlan> {
        let unknown = |_| NoPlan::UnknownModel(name.to_owned());
        let target = self.catalog.target(name).map_err(unknown)?;
        if !question.rights.allows_direct(name) {
            return Err(NoPlan::Forbidden(name.to_owned()));
        }
        Ok(Candidate::new(target))
    }
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;
