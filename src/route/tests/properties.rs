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
                because: None,
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

fn any_hints() -> impl Any<Value = Hints> {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "a/1", "a/9", "c/3", "nobody"];
    let names = || {
        let some = proptest::sample::subsequence(&NAMES[..], 0..4).prop_shuffle();
        prop_oneof![2 => Just(Vec::new()), 1 => some]
    };
    let strategy = proptest::option::of(proptest::sample::select(&Strategy::ALL[..]));
    let models = proptest::sample::subsequence(&["s", "t", "c/3", "a/9"][..], 0..3);
    let within = proptest::sample::select(vec![
        "{}",
        "{ total: 2s, relax: [total] }",
        "{ total: 9s, validity: 0.6, relax: [total, validity, max_price, first_token] }",
        "{ max_price: 0.02 }",
    ]);
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let lists = (names(), names(), names(), models);
    (strategy, lists, within, any::<bool>(), any::<bool>()).prop_map(
        move |(strategy, (order, only, ignore, models), within, allow_fallbacks, own)| Hints {
            strategy,
            models: owned(models),
            order: owned(order),
            only: owned(only),
            ignore: owned(ignore),
            allow_fallbacks,
            tags: own.then(|| "own".to_owned()).into_iter().collect(),
            within: serde_saphyr::from_str(within).unwrap(),
            ..Hints::default()
        },
    )
}

/// Whether a target is in none of the hints' way.
fn is_wanted(hints: &Hints, verdict: &Verdict) -> bool {
    let (provider, name) = verdict.candidate.name.split_once('/').unwrap();
    let named = |list: &[String]| {
        let is_it = |entry: &String| *entry == *provider || *entry == *format!("{provider}/{name}");
        list.iter().any(is_it)
    };
    let beyond = !hints.allow_fallbacks && !hints.order.is_empty() && !named(&hints.order);
    (hints.only.is_empty() || named(&hints.only)) && !named(&hints.ignore) && !beyond
}

proptest! {
    #[test]
    fn hints_widen_nothing(
        limited in any::<bool>(),
        facts in proptest::collection::vec(any_facts(), TARGETS.len()),
        forbidden in proptest::sample::subsequence(&TARGETS[..], 0..3),
        hints in any_hints(),
        seed in any::<u64>(),
    ) {
        let limits = "within: { total: 3s, validity: 0.5, relax: [validity] }";
        let yaml = format!(
            "r: {{ targets: [a/1, b/2, {{ target: a/9, weight: 0 }}, c/3], tags: [{}], fallback: [s], \
             fallback_on: {{ timeout: [t] }}, {} }}\n\
             s: {{ strategy: cheapest, targets: [d/4, b/2, a/9] }}\n\
             t: {{ targets: [c/3, a/1] }}",
            if limited { "eu" } else { "" },
            if limited { limits } else { "" },
        );
        let table: Vec<(&str, Facts)> = TARGETS.into_iter().zip(facts).collect();
        let rights = Without(forbidden);
        let question = Question { seed, hints: &hints, rights: &rights, ..question() };
        let Ok(plan) = plan_for(&yaml, &table, &question) else { return Ok(()) };
        let listed = plan.listed().flat_map(|(_, list)| list).filter(|verdict| verdict.kept);
        for verdict in plan.order().chain(listed) {
            let candidate = &verdict.candidate;
            prop_assert!(rights.allows_target(&candidate.name));
            prop_assert!(is_wanted(&hints, verdict), "{}", candidate.name);
            prop_assert!(hints.tags.is_subset(&candidate.target.card.tags));
            if !limited {
                continue;
            }
            prop_assert!(candidate.target.card.tags.contains("eu"));
            let facts = &candidate.facts;
            // The route gives up the one limit, and not the other.
            let fresh = !facts.promising && facts.idle.is_none_or(|idle| idle <= Duration::from_secs(10));
            let measured = facts.total.filter(|time| fresh && time.samples >= 3.0);
            prop_assert!(measured.is_none_or(|time| time.p95 <= Duration::from_secs(3)));
            prop_assert!(facts.validity >= 0.5 || verdict.reason == Reason::Relaxed);
        }
        // Without its own fallbacks nobody is asked whom neither the route's pool nor the caller names.
        if !hints.allow_fallbacks {
            prop_assert!(plan.order().all(|verdict| !verdict.fallback));
            prop_assert_eq!(plan.listed().count(), 0);
        }
    }

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
