//! What holds for every route, fact and chance.

use proptest::prelude::{
    Just, Strategy as Any, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::*;

const TARGETS: [&str; 5] = ["a/1", "b/2", "c/3", "d/4", "a/9"];

fn any_circuit() -> impl Any<Value = Circuit> {
    prop_oneof![
        4 => Just(Circuit::Closed),
        1 => Just(Circuit::HalfOpen),
        1 => (0.0..1.0).prop_map(|share| Circuit::Warming { share }),
        2 => (0u64..9, 0.0..=1.0).prop_map(|(secs, failure_rate)| Circuit::Open {
            remaining: Duration::from_secs(secs),
            failure_rate,
        }),
    ]
}

fn any_facts() -> impl Any<Value = Facts> {
    let time = || proptest::option::of((1u64..4_000, 1u64..4, 0.0..20.0));
    let shares = (0.0..=1.0, 0.0..=1.0, 0.0..=1.0);
    let load = (0u32..9, proptest::option::of(1u32..9));
    let aside = (
        proptest::option::of(0u64..3),
        proptest::option::of(0u64..30),
    );
    (any_circuit(), time(), time(), shares, load, aside).prop_map(
        |(circuit, first_token, total, shares, load, (cooldown, idle))| {
            let estimate = |time: Option<(u64, u64, f64)>| {
                time.map(|(p50, times, samples)| Estimate {
                    p50: Duration::from_millis(p50),
                    p95: Duration::from_millis(p50 * times),
                    samples,
                })
            };
            Facts {
                circuit,
                cooldown: cooldown.map(Duration::from_secs),
                headroom: None,
                in_flight: load.0,
                capacity: load.1,
                first_token: estimate(first_token),
                total: estimate(total),
                promising: load.0 == 1,
                failure_rate: shares.0,
                validity: shares.1,
                cached_share: shares.2,
                idle: idle.map(Duration::from_secs),
            }
        },
    )
}

fn any_route() -> impl Any<Value = String> {
    let strategies = [
        "priority",
        "weighted",
        "cheapest",
        "fastest",
        "balanced",
        "least-busy",
        "sticky",
    ];
    let relax = [
        "",
        "total",
        "validity, max_price",
        "max_price, first_token, total, validity",
    ];
    let pick = |list: &'static [&'static str]| proptest::sample::select(list);
    let strategy = proptest::sample::select(strategies.to_vec());
    let pools = pick(&["[a/1, b/2, c/3, d/4]", "[a/1]", "[c/3, a/9]"]);
    let fallbacks = pick(&["[]", "[b/2, a/9]", "[s]"]);
    let relax = proptest::sample::select(relax.to_vec());
    (strategy, pools, fallbacks, relax, any::<bool>()).prop_map(
        |(strategy, pool, fallback, relax, limited)| {
            let limits = if limited {
                "first_token: 1s, total: 3s, max_price: 0.04, validity: 0.5,"
            } else {
                ""
            };
            format!(
                "r: {{ strategy: {strategy}, targets: {pool}, fallback: {fallback}, \
                 within: {{ {limits} relax: [{relax}] }}, explore: 0.3 }}\n\
                 s: {{ strategy: cheapest, targets: [d/4, b/2] }}"
            )
        },
    )
}

/// Whatever is not on the list.
struct Without(Vec<&'static str>);

impl Rights for Without {
    fn allows_route(&self, _: &str) -> bool {
        true
    }
    fn allows_direct(&self, target: &str) -> bool {
        self.allows_target(target)
    }
    fn allows_target(&self, target: &str) -> bool {
        !self.0.contains(&target)
    }
}

proptest! {
    #[test]
    fn plans_keep_rights_and_limits_and_can_be_replayed(
        yaml in any_route(),
        facts in proptest::collection::vec(any_facts(), TARGETS.len()),
        forbidden in proptest::sample::subsequence(&TARGETS[..], 0..3),
        seed in any::<u64>(),
        prefix in any::<u64>(),
    ) {
        let table: Vec<(&str, Facts)> = TARGETS.into_iter().zip(facts).collect();
        let rights = Without(forbidden);
        let question = Question { seed, prefix, rights: &rights, ..question() };
        let once = plan_for(&yaml, &table, &question);
        let again = plan_for(&yaml, &table, &question);
        prop_assert_eq!(format!("{once:?}"), format!("{again:?}"));
        let Ok(plan) = once else { return Ok(()) };
        prop_assert!(plan.order().count() > 0);
        let routes: BTreeMap<String, Settings> = serde_saphyr::from_str(&yaml).unwrap();
        let within = &routes["r"].within;
        for verdict in plan.order() {
            let facts = &verdict.candidate.facts;
            prop_assert!(rights.allows_target(&verdict.candidate.name));
            prop_assert!(facts.cooldown.is_none_or(|left| left.is_zero()));
            prop_assert_eq!(verdict.is_panic(), matches!(facts.circuit, Circuit::Open { .. }));
            if verdict.reason == Reason::Relaxed {
                prop_assert!(!within.relax.is_empty());
                continue;
            }
            let price = verdict.candidate.worst_price(&question);
            prop_assert!(within.max_price.is_none_or(|most| price.is_some_and(|price| price <= most.get())));
            prop_assert!(within.validity.is_none_or(|least| facts.validity >= least));
            let fresh = !facts.promising && facts.idle.is_none_or(|idle| idle <= Duration::from_secs(10));
            for (limit, estimate) in [(within.first_token, facts.first_token), (within.total, facts.total)] {
                let measured = estimate.filter(|estimate| fresh && estimate.samples >= 3.0);
                let kept = limit.zip(measured).is_none_or(|(limit, time)| time.p95 <= limit.get());
                prop_assert!(kept);
            }
        }
    }
}
