//! Rules: which route, and how, by what is asked rather than by the name it is asked for.
//!
//! The first rule whose condition is true decides. A condition that cannot be tested is not true, and its rule is
//! told, so that it can be counted. Conditions are checked when they are loaded: names, functions and types.

use std::{collections::BTreeSet, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Hints, Strategy, Within,
    subject::{NAMES, Subject},
};
use crate::{
    expr::{BadExpr, EvalError, Expr, Mention, Roots, Value},
    problem::Problem,
};

/// One rule. It must change something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// The condition, in CEL, over `request`, `tool` and `caller`.
    pub when: String,
    /// The name of the rule in records; `rule 1`, `rule 2` … when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// The route to take instead of the one named.
    #[serde(default)]
    pub route: Option<String>,
    /// How to order its targets instead of as the route says.
    #[serde(default)]
    pub strategy: Option<Strategy>,
    /// Limits, besides those of the route; the stricter counts.
    #[serde(default)]
    pub within: Within,
    /// Tags a target must have, besides those the route asks for.
    #[serde(default)]
    pub tags: BTreeSet<String>,
}

/// What a rule decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The rule's place in the list, from 0.
    pub rule: usize,
    /// The rule's name.
    pub name: Arc<str>,
    /// The route to take; the one named when absent.
    pub route: Option<Arc<str>>,
    /// The strategy; the route's when absent.
    pub strategy: Option<Strategy>,
    /// Limits to keep.
    pub within: Within,
    /// Tags to have.
    pub tags: BTreeSet<String>,
}

impl Choice {
    /// Adds what the rule asks for to what the caller does. The strategy a caller names beats the rule's, as it beats
    /// the route's; limits and tags add up.
    pub fn adds_to(&self, hints: &mut Hints) {
        if hints.strategy.is_none() && hints.sort.is_none() {
            hints.strategy = self.strategy;
        }
        hints.within = hints.within.and(&self.within).into_owned();
        hints.tags.extend(self.tags.iter().cloned());
    }
}

/// The rules of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    when: Expr,
    choice: Choice,
}

/// A rule that could not be tested on a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erring {
    /// The rule's name.
    pub rule: Arc<str>,
    /// Why.
    pub error: EvalError,
}

impl Rules {
    /// Compiles rules. All problems at once; their paths start at the rule's place.
    pub fn new<'a>(
        settings: &[RuleSettings],
        routes: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut rules = Vec::with_capacity(settings.len());
        for (at, written) in settings.iter().enumerate() {
            let place = at.to_string();
            if let Some(route) = &written.route
                && !routes.clone().any(|known| known == route)
            {
                let problem =
                    Problem::new([&*place, "route"], format!("there is no route `{route}`"));
                problems.push(problem.suggest(route, routes.clone()));
            }
            if let Some(name) = &written.name
                && settings[..at]
                    .iter()
                    .any(|earlier| earlier.name == written.name)
            {
                let message = format!("an earlier rule is named `{name}`, too");
                let problem = Problem::new([&*place, "name"], message);
                problems.push(problem.expected("a name of its own, for records and metrics"));
            }
            if changes_nothing(written) {
                let problem = Problem::new([&*place], "the rule changes nothing");
                problems.push(problem.expected("`route`, `strategy`, `within` or `tags`"));
            }
            let validity = written.within.validity;
            if let Some(floor) = validity.filter(|floor| !(0.0..=1.0).contains(floor)) {
                let message = format!("{floor} is no share of valid answers");
                let problem = Problem::new([&*place, "within", "validity"], message);
                problems.push(problem.expected("0 to 1"));
            }
            match condition(&written.when) {
                Ok(when) => rules.push(Rule {
                    when,
                    choice: choice(at, written),
                }),
                Err(wrong) => {
                    let under = |problem: Problem| problem.under([&*place, "when"]);
                    problems.extend(wrong.into_iter().map(under));
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { rules })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The names of all of them, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| &*rule.choice.name)
    }

    /// The choice of the first rule that is true of a request, and the rules before it that could not be tested.
    pub fn choose(&self, subject: &Subject<'_>) -> (Option<&Choice>, Vec<Erring>) {
        let mut erring = Vec::new();
        for Rule { when, choice } in &self.rules {
            match when.test(subject) {
                Ok(true) => return (Some(choice), erring),
                Ok(false) => {}
                Err(error) => erring.push(Erring {
                    rule: choice.name.clone(),
                    error,
                }),
            }
        }
        (None, erring)
    }
}

fn choice(at: usize, written: &RuleSettings) -> Choice {
    let name = written.name.clone();
    Choice {
        rule: at,
        name: name.unwrap_or_else(|| format!("rule {}", at + 1)).into(),
        route: written.route.as_deref().map(Into::into),
        strategy: written.strategy,
        within: written.within.clone(),
        tags: written.tags.clone(),
    }
}

fn changes_nothing(written: &RuleSettings) -> bool {
    let RuleSettings {
        route,
        strategy,
        within,
        tags,
        when: _,
        name: _,
    } = written;
    route.is_none() && strategy.is_none() && within.is_empty() && tags.is_empty()
}

/// Compiles a condition and checks its names and types.
fn condition(text: &str) -> Result<Expr, Vec<Problem>> {
    let when = Expr::compile(text).map_err(|bad| vec![problem(bad)])?;
    let unknown = when
        .mentions()
        .iter()
        .filter(|mention| NAMES.iter().all(|(name, ..)| *name != mention.name));
    let unknown: Vec<Problem> = unknown.map(unknown_name).collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    match when.test(&Sample) {
        Err(error) if error.is_of_types() => Err(vec![here(error.to_string())]),
        _ => Ok(when),
    }
}

fn unknown_name(mention: &Mention) -> Problem {
    let Mention { name, place } = mention;
    let known = || NAMES.iter().map(|(name, ..)| *name);
    let root = name.split('.').next().unwrap_or_default();
    let fields: Vec<&str> = known()
        .filter_map(|known| known.strip_prefix(root)?.strip_prefix('.'))
        .collect();
    let problem = here(format!("{place}: there is no value `{name}`"));
    let problem = problem.suggest(name, known());
    match fields.is_empty() {
        true => problem.expected("`request`, `tool` or `caller`, and a field of it"),
        false => problem.expected(format!("one of `{root}.`: {}", fields.join(", "))),
    }
}

fn here(message: String) -> Problem {
    Problem::new(Vec::<String>::new(), message)
}

fn problem(bad: BadExpr) -> Problem {
    Problem {
        expected: bad.expected.clone(),
        nearest: bad.nearest.clone(),
        ..here(bad.to_string())
    }
}

/// Any request: a value of each name's type.
struct Sample;

impl Roots for Sample {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        let found = NAMES.iter().find(|(known, ..)| *known == name);
        found.map(|(.., sample)| sample.clone())
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
