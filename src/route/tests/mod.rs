//! Routing, as tables: facts in; order and reasons out.

mod fallbacks;
mod filters;
mod hints;
mod limits;
mod properties;
mod routes;
mod standing;
mod strategies;

use std::time::Duration;

use super::*;
use crate::{
    catalog::{Ability, CardSettings, resolve},
    facts::{Circuit, Estimate, Facts},
    outcome::Reason,
    route::{Detail, Everything, Hints, Rights, Verdict},
};

struct Only(&'static str);

impl Rights for Only {
    fn allows_route(&self, _: &str) -> bool {
        true
    }
    fn allows_direct(&self, target: &str) -> bool {
        target == self.0
    }
    fn allows_target(&self, target: &str) -> bool {
        target == self.0
    }
}

/// Four providers of one known model each; other models are unknown. A question of 1,000 tokens with an answer of 500
/// costs $0.003 at `a`, $0.006 at `b`, $0.012 at `c`; nobody knows what at `d`.
const PROVIDERS: [(&str, &str); 4] = [
    (
        "a",
        "{tags: [eu], models: {1: {price: {input: 1, output: 4, cache_read: 0}, context: 8000}}}",
    ),
    (
        "b",
        "{tags: [eu, own], models: {2: {price: {input: 2, output: 8}, context: 32000}}}",
    ),
    (
        "c",
        "{models: {3: {price: {input: 4, output: 16}, context: 128000, cannot: [vision, reasoning]}}}",
    ),
    ("d", "{models: {4: {}}}"),
];

fn router(yaml: &str) -> Result<Router, Vec<Problem>> {
    let routes: BTreeMap<String, Settings> = serde_saphyr::from_str(yaml).unwrap();
    let cards = PROVIDERS.map(|(name, yaml)| {
        let written: CardSettings = serde_saphyr::from_str(yaml).unwrap();
        let settings = CardSettings {
            base_url: Some("http://127.0.0.1:1/v1".into()),
            ..written
        };
        resolve(name, &settings, None).unwrap()
    });
    Router::new(Arc::new(Catalog::new(cards)), &routes)
}

/// Nobody has been asked yet.
fn unknown(_: &Candidate, _: Detail) -> Facts {
    Facts::default()
}

/// 1,000 tokens in, 500 expected out.
fn question() -> Question<'static> {
    Question {
        input_tokens: 1_000,
        expected_output: 500,
        ..Question::of(&Everything)
    }
}

/// What is known of targets, by name.
type Table<'a> = &'a [(&'a str, Facts)];

/// Plans the route `r` over facts, where `question` says.
fn plan_for(yaml: &str, table: Table<'_>, question: &Question<'_>) -> Result<Plan, NoPlan> {
    plan_over(&router(yaml).unwrap(), table, question)
}

fn plan_over(router: &Router, table: Table<'_>, question: &Question<'_>) -> Result<Plan, NoPlan> {
    let gather = |candidate: &Candidate, _| {
        let known = table.iter().find(|(name, _)| *name == &*candidate.name);
        known.map(|(_, facts)| *facts).unwrap_or_default()
    };
    router.plan("r", question, &gather)
}

/// Everybody in a plan with the reason; those dropped in brackets.
fn shown(verdicts: &[Verdict]) -> Vec<String> {
    let line = |verdict: &Verdict| {
        let text = format!("{} {}", verdict.candidate.name, verdict.reason.label());
        if verdict.kept {
            text
        } else {
            format!("({text})")
        }
    };
    verdicts.iter().map(line).collect()
}

/// Facts in; order and reasons out.
fn check_for(yaml: &str, table: Table<'_>, question: &Question<'_>, expected: &[&str]) {
    let found = match plan_for(yaml, table, question) {
        Ok(plan) => shown(plan.verdicts()),
        Err(refused) => shown(refused.verdicts()),
    };
    assert_eq!(found, expected, "{yaml} {table:#?}");
}

/// The same for the usual question.
fn check(yaml: &str, table: Table<'_>, expected: &[&str]) {
    check_for(yaml, table, &question(), expected);
}

/// The share of seeds whose plan has `target` first, in hundredths.
fn first_of_100(yaml: &str, table: Table<'_>, target: &str) -> f64 {
    let seeds = 4_000;
    let router = router(yaml).unwrap();
    let first = |seed: &u64| {
        let question = Question {
            seed: *seed,
            ..question()
        };
        let plan = plan_over(&router, table, &question);
        plan.is_ok_and(|plan| plan.order().next().unwrap().candidate.name.as_ref() == target)
    };
    (0..seeds).filter(first).count() as f64 * 100.0 / seeds as f64
}

fn millis(p50: u64, p95: u64) -> Option<Estimate> {
    Some(Estimate {
        p50: Duration::from_millis(p50),
        p95: Duration::from_millis(p95),
        samples: 50.0,
    })
}

/// Takes this long, measured just now.
fn takes(p50: u64, p95: u64) -> Facts {
    Facts {
        first_token: millis(p50 / 4, p95 / 4),
        total: millis(p50, p95),
        idle: Some(Duration::ZERO),
        ..Facts::default()
    }
}

fn load(in_flight: u32, capacity: Option<u32>) -> Facts {
    Facts {
        in_flight,
        capacity,
        ..Facts::default()
    }
}

fn circuit(circuit: Circuit) -> Facts {
    Facts {
        circuit,
        ..Facts::default()
    }
}

fn open(secs: u64, failure_rate: f64) -> Facts {
    circuit(Circuit::Open {
        remaining: Duration::from_secs(secs),
        failure_rate,
    })
}

fn cooling(secs: u64) -> Facts {
    Facts {
        cooldown: Some(Duration::from_secs(secs)),
        ..Facts::default()
    }
}
