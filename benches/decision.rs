//! The price of one routing decision: ten candidates, each with a history, for every strategy.
//!
//! ```sh
//! cargo bench --bench decision
//! ```
//!
//! Prints nanoseconds for a plan with the facts it asks for, as the relay makes it for each request: the least of
//! several rounds, since everything that disturbs a round makes it longer.

#![expect(
    clippy::unwrap_used,
    reason = "a bench whose settings are wrong shall stop"
)]

use std::{
    collections::{BTreeMap, HashMap},
    hint::black_box,
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;
use waypost::{
    catalog::{CardSettings, Catalog, Target, resolve},
    health::{Condition, Health, Leave, Shape, Timing},
    policy::Breaker,
    route::{Candidate, Detail, Everything, Question, Router, Settings},
};

/// Every strategy, and what its route needs beside it.
const STRATEGIES: [(&str, &str); 8] = [
    ("priority", ""),
    ("weighted", ""),
    ("cheapest", ""),
    ("fastest", ""),
    ("balanced", ""),
    ("least-busy", ""),
    ("sticky", ""),
    ("cheapest-within", ", within: {total: 60s, max_price: 1}"),
];
const CANDIDATES: u32 = 10;
const ROUNDS: u32 = 7;
const DECISIONS: u32 = 20_000;

fn main() {
    let catalog = Arc::new(Catalog::new((0..CANDIDATES).map(card)));
    let router = Router::new(catalog, &routes()).unwrap();
    let health = Health::new();
    let now = Instant::now();
    let targets = (0..CANDIDATES).map(|at| router.catalog().target(&name(at)).unwrap());
    targets.for_each(|target| remember(&health, &target, now));
    println!("ns a decision, {CANDIDATES} candidates");
    for (strategy, _) in STRATEGIES {
        let best = (0..ROUNDS).map(|_| round(&router, &health, strategy)).min();
        println!(
            "{strategy:>16} {:>7}",
            best.unwrap().as_nanos() / u128::from(DECISIONS)
        );
    }
}

fn name(at: u32) -> String {
    format!("p{at}/m")
}

fn card(at: u32) -> waypost::catalog::Card {
    let price = at + 1;
    let yaml = format!("{{models: {{m: {{price: {{input: {price}, output: {price}}}}}}}}}");
    let settings = CardSettings {
        base_url: Some("http://127.0.0.1:1/v1".into()),
        ..serde_saphyr::from_str(&yaml).unwrap()
    };
    resolve(&format!("p{at}"), &settings, None).unwrap()
}

fn routes() -> BTreeMap<String, Settings> {
    let targets = (0..CANDIDATES).map(name).collect::<Vec<_>>().join(", ");
    let route = |(strategy, more): (&str, &str)| {
        let yaml = format!("{{targets: [{targets}], strategy: {strategy}{more}}}");
        (strategy.to_owned(), serde_saphyr::from_str(&yaml).unwrap())
    };
    STRATEGIES.map(route).into()
}

/// Gives a target a minute of history.
fn remember(health: &Health, target: &Target, now: Instant) {
    let condition = health.of(target, &Breaker::default());
    for chance in 0..60 {
        let permit = condition.admit(Leave::Normal, chance, now).unwrap();
        let timing = Timing {
            stream: false,
            input_tokens: 1_000,
            output_tokens: 200,
            cached_tokens: 0,
        };
        permit.success(timing, now + Duration::from_millis(500 + chance));
    }
}

/// Plans again and again; gives the time that took.
fn round(router: &Router, health: &Health, strategy: &str) -> Duration {
    // The relay's desk finds them once for each configuration, too.
    let known: HashMap<Arc<str>, Arc<Condition>> = router
        .reach(strategy)
        .into_iter()
        .map(|found| {
            let condition = health.of(&found.target, &router.policy(strategy).breaker);
            (found.name.clone(), condition)
        })
        .collect();
    let began = Instant::now();
    let shape = Shape {
        stream: false,
        input_tokens: 1_000,
        output_tokens: 200,
    };
    let gather = |candidate: &Candidate, detail| {
        let condition = &known[&candidate.name];
        match detail {
            Detail::Gate => condition.gate_facts(began),
            Detail::Times => condition.facts(shape, began),
        }
    };
    for seed in 0..DECISIONS {
        let question = Question {
            input_tokens: shape.input_tokens,
            expected_output: shape.output_tokens,
            prefix: u64::from(seed % 100),
            seed: u64::from(seed),
            ..Question::of(&Everything)
        };
        black_box(router.plan(strategy, &question, &gather)).unwrap();
    }
    began.elapsed()
}
