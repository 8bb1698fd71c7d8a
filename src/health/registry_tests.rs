use proptest::prelude::*;

use super::*;
use crate::{
    catalog::{CardSettings, Catalog, Credential, resolve},
    facts::{Allowance, Circuit},
    health::{Change, Leave, Permit, Shape, Shut, Timing},
    outcome::ErrorClass,
    secret::Secret,
};

fn catalog(yaml: &str, keys: &[&str]) -> Catalog {
    let settings: CardSettings = serde_saphyr::from_str(yaml).unwrap();
    let mut card = resolve("home", &settings, None).unwrap();
    let key = |(place, key): (usize, &&str)| Credential::new(place, Secret::new(*key));
    card.credentials = keys.iter().enumerate().map(key).collect();
    Catalog::new([card])
}

fn home(keys: &[&str]) -> Catalog {
    catalog("{base_url: http://localhost}", keys)
}

fn model(catalog: &Catalog, model: &str) -> Target {
    catalog.target(&format!("home/{model}")).unwrap()
}

fn fresh() -> (Arc<Condition>, Instant) {
    let of = Health::new().of(&model(&home(&[]), "llama"), &Settings::default());
    (of, Instant::now())
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn admit(condition: &Arc<Condition>, now: Instant) -> Result<Permit, Shut> {
    condition.admit(Leave::Normal, 0, now)
}

/// Opens the circuit; how long it stays open.
fn break_it(condition: &Arc<Condition>, now: Instant) -> Duration {
    for _ in 0..5 {
        let permit = admit(condition, now).unwrap();
        if let [Change::Opened { wait, .. }] =
            permit.failure(ErrorClass::ServerError, None, now)[..]
        {
            return wait;
        }
    }
    panic!("it did not open");
}

#[test]
fn a_dropped_permit_gives_the_probe_back() {
    let (condition, now) = fresh();
    let later = now + break_it(&condition, now);
    for _ in 0..10 {
        let probe = admit(&condition, later).unwrap();
        assert!(probe.is_probe());
        assert!(matches!(admit(&condition, later), Err(Shut::Open { .. })));
        drop(probe);
    }
    admit(&condition, later).unwrap().neutral();
    let change = admit(&condition, later).unwrap().change();
    assert_eq!(change, None, "it has been half-open for long");
}

#[test]
fn each_class_says_of_a_target_what_it_should() {
    let check = |class, opens: bool| {
        let health = Health::new();
        // Each key has its circuit; what is said of keys puts them aside, one after the other.
        let keys = if opens { 1 } else { 30 };
        let keys: Vec<String> = (0..keys).map(|key| format!("key-{key}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let condition = health.of(&model(&home(&keys), "llama"), &Settings::default());
        let now = Instant::now();
        let opened = (0..25).any(|_| {
            let permit = admit(&condition, now).unwrap();
            let changes = permit.failure(class, None, now);
            changes.iter().any(|change| change.label() == "opened")
        });
        assert_eq!(opened, opens, "{class:?}");
    };
    for class in [
        ErrorClass::Unreachable,
        ErrorClass::Overloaded,
        ErrorClass::Timeout,
        ErrorClass::ServerError,
    ] {
        check(class, true);
    }
    for class in [
        ErrorClass::RateLimit,
        ErrorClass::Quota,
        ErrorClass::Auth,
        ErrorClass::Permission,
        ErrorClass::NotFound,
        ErrorClass::InvalidRequest,
        ErrorClass::TooLarge,
        ErrorClass::ContextLength,
        ErrorClass::ContentPolicy,
        ErrorClass::InvalidAnswer,
        ErrorClass::Unsupported,
        ErrorClass::Saturated,
        ErrorClass::Cancelled,
    ] {
        check(class, false);
    }
}

#[test]
fn a_request_at_fault_proves_that_the_target_works() {
    let (condition, now) = fresh();
    let later = now + break_it(&condition, now);
    let probe = || admit(&condition, later).unwrap();
    for _ in 0..2 {
        assert_eq!(probe().failure(ErrorClass::InvalidRequest, None, later), []);
    }
    // A 429 is no answer to the question, and gives the probe back.
    let closed = probe().failure(ErrorClass::ContextLength, None, later);
    assert_eq!(closed, [Change::Closed]);
    assert!(matches!(
        condition.gate_facts(later).circuit,
        Circuit::Warming { .. }
    ));
}

#[test]
fn keys_are_put_aside_and_the_next_request_has_another() {
    let condition = Health::new().of(&model(&home(&["a", "b"]), "llama"), &Settings::default());
    let now = Instant::now();
    let permit = admit(&condition, now).unwrap();
    assert_eq!(permit.credential(), Some(0));
    let changes = permit.failure(ErrorClass::Auth, None, now);
    assert!(matches!(
        changes[..],
        [Change::PutAside { wholly: true, .. }]
    ));
    assert!(condition.has_other_key(now));
    let permit = admit(&condition, now).unwrap();
    assert_eq!(permit.credential(), Some(1));
    drop(permit.failure(ErrorClass::RateLimit, Some(secs(9)), now));
    assert!(!condition.has_other_key(now));
    assert!(matches!(
        admit(&condition, now),
        Err(Shut::CoolingDown { .. })
    ));
    let cooldown = condition.gate_facts(now).cooldown.unwrap();
    assert!(cooldown >= secs(9) && cooldown < secs(10));
}

#[test]
fn a_wrong_key_is_wrong_for_every_model_and_a_missing_model_is_missing_alone() {
    let (health, catalog) = (Health::new(), home(&["a"]));
    let of = |name| health.of(&model(&catalog, name), &Settings::default());
    let (llama, other, now) = (of("llama"), of("other"), Instant::now());
    drop(
        admit(&llama, now)
            .unwrap()
            .failure(ErrorClass::NotFound, None, now),
    );
    assert!(admit(&llama, now).is_err());
    drop(
        admit(&other, now)
            .unwrap()
            .failure(ErrorClass::Auth, None, now),
    );
    assert!(admit(&other, now).is_err());
    assert!(admit(&of("third"), now).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_saturated_target_has_a_queue_and_saturation_costs_no_probe() {
    let yaml = "{base_url: http://localhost, concurrency: {limit: 1}}";
    let condition = Health::new().of(&model(&catalog(yaml, &[]), "llama"), &Settings::default());
    let now = Instant::now();
    let wait = break_it(&condition, now);
    let later = now + wait;
    let held = condition.place().await;
    assert_eq!(admit(&condition, later).unwrap_err(), Shut::Saturated);
    drop(held);
    let probe = admit(&condition, later).unwrap();
    assert!(probe.is_probe());
    assert_eq!(condition.gate_facts(later).in_flight, 1);
    let waiting = tokio::time::timeout(secs(1), condition.place());
    assert!(waiting.await.is_err());
    drop(probe);
    let place = condition.place().await;
    let permit = condition.admit_at(place, Leave::Normal, 0, later).unwrap();
    assert!(permit.is_probe());
    drop(permit);
    let facts = condition.gate_facts(later);
    assert_eq!((facts.in_flight, facts.capacity), (0, Some(1)));
}

#[test]
fn facts_say_what_was_measured() {
    let (condition, now) = fresh();
    assert_eq!(
        condition.facts(Shape::default(), now),
        crate::facts::Facts::default()
    );
    let timing = Timing {
        stream: true,
        input_tokens: 1_000,
        output_tokens: 100,
        cached_tokens: 250,
    };
    for _ in 0..10 {
        let mut permit = admit(&condition, now).unwrap();
        assert_eq!(permit.first_token(1_000, now + secs(1)), None);
        permit.note_allowance(
            Allowance {
                share: 0.5,
                reset: None,
            },
            now,
        );
        assert_eq!(permit.success(timing, now + secs(3)), []);
        condition.judged(false, now);
    }
    let shape = Shape {
        stream: true,
        input_tokens: 1_000,
        output_tokens: 200,
    };
    let facts = condition.facts(shape, now + secs(4));
    let near = |found: Duration, expected: f64| (found.as_secs_f64() / expected - 1.0).abs() < 0.2;
    assert!(near(facts.first_token.unwrap().p50, 1.0), "{facts:?}");
    assert!(near(facts.total.unwrap().p50, 5.0), "{facts:?}");
    assert_eq!((facts.cached_share, facts.headroom), (0.25, Some(0.5)));
    assert_eq!((facts.idle, facts.failure_rate), (Some(secs(4)), 0.0));
    assert!(facts.validity < 0.4, "{}", facts.validity);
}

#[test]
fn a_brownout_opens_the_circuit_before_its_streams_end() {
    let (condition, start) = fresh();
    let stream = |now: Instant, took: Duration| {
        let mut permit = admit(&condition, now).ok()?;
        Some((permit.first_token(500, now + took), permit))
    };
    for call in 0..100 {
        let (change, permit) = stream(start + call * secs(1) / 10, secs(1) / 2).unwrap();
        assert_eq!(change, None);
        drop(permit);
    }
    // Ten times as slow, at ten requests a second; not one of them ends.
    let mut open = Vec::new();
    let opened = (0..100).find_map(|call| {
        let now = start + secs(20) + call * secs(1) / 10;
        let (change, permit) = stream(now, secs(6))?;
        open.push(permit);
        change.map(|change| (call, change))
    });
    let (call, change) = opened.unwrap();
    assert!(matches!(
        change,
        Change::Opened {
            because: crate::health::Trip::SlowRate,
            ..
        }
    ));
    assert!(call < 60, "{call}");
}

#[test]
fn a_reload_keeps_what_is_known_unless_the_target_is_another() {
    let (health, now) = (Health::new(), Instant::now());
    let breaker = Settings::default();
    let broken = |catalog: &Catalog| {
        let condition = health.of(&model(catalog, "llama"), &breaker);
        matches!(condition.gate_facts(now).circuit, Circuit::Open { .. })
    };
    break_it(&health.of(&model(&home(&["a"]), "llama"), &breaker), now);
    assert!(broken(&home(&["a"])), "an equal card");
    let capped = catalog(
        "{base_url: http://localhost, concurrency: {limit: 3}}",
        &["a"],
    );
    assert!(broken(&capped));
    let facts = health
        .of(&model(&capped, "llama"), &breaker)
        .gate_facts(now);
    assert_eq!(facts.capacity, Some(3));
    assert!(!broken(&home(&["a", "b"])), "another key");
    break_it(&health.of(&model(&home(&["a"]), "llama"), &breaker), now);
    assert!(!broken(&catalog("{base_url: http://elsewhere}", &["a"])));
}

#[test]
fn a_key_stays_put_aside_when_another_is_added() {
    let (health, now) = (Health::new(), Instant::now());
    let breaker = Settings::default();
    let old = health.of(&model(&home(&["a"]), "llama"), &breaker);
    drop(
        admit(&old, now)
            .unwrap()
            .failure(ErrorClass::Auth, None, now),
    );
    let new = health.of(&model(&home(&["b", "a"]), "llama"), &breaker);
    let chosen: Vec<_> = (0..3)
        .map(|_| admit(&new, now).unwrap().credential())
        .collect();
    assert_eq!(chosen, [Some(0); 3]);
}

#[test]
fn other_breaker_settings_share_all_but_the_circuit() {
    let (health, catalog, now) = (Health::new(), home(&[]), Instant::now());
    let strict = Settings {
        consecutive: 2,
        ..Settings::default()
    };
    let one = health.of(&model(&catalog, "llama"), &Settings::default());
    let other = health.of(&model(&catalog, "llama"), &strict);
    break_it(&one, now);
    assert_eq!(other.gate_facts(now).circuit, Circuit::Closed);
    let permit = admit(&other, now).unwrap();
    assert_eq!(one.gate_facts(now).in_flight, 1);
    drop(permit.failure(ErrorClass::RateLimit, Some(secs(5)), now));
    assert!(one.gate_facts(now).cooldown.is_some());
    let states = health.snapshot(now);
    assert_eq!(states.len(), 2);
    let json = serde_json::to_value(&states).unwrap();
    assert_eq!(json[0]["target"], "home/llama");
    assert_eq!(json[0]["keys"][0]["because"], "rate_limit");
    let opening = &json[0]["keys"][0]["opening"];
    assert_eq!(opening["because"], "consecutive");
    assert_eq!(opening["times"], 1);
    assert!(json[1]["keys"][0].get("opening").is_none());
}

#[test]
fn callers_names_do_not_fill_the_memory() {
    let (health, catalog, now) = (Health::new(), home(&[]), Instant::now());
    let of = |name: &str| health.of(&model(&catalog, name), &Settings::default());
    let busy = of("busy");
    let held = admit(&busy, now).unwrap();
    let recent = of("recent");
    drop(admit(&recent, now + secs(10)).unwrap());
    for name in 0..MOST + 5_000 {
        of(&format!("invented-{name}"));
    }
    let known = || health.targets.read().unwrap().len();
    assert!(known() <= MOST, "{}", known());
    assert!(Arc::ptr_eq(&busy, &of("busy")) && Arc::ptr_eq(&recent, &of("recent")));
    drop((busy, recent));
    health.forget_idle(now + secs(60), secs(55));
    assert_eq!(known(), 2);
    drop(held);
    let named = of("busy");
    health.forget_idle(now + secs(4_000), secs(3_600));
    assert_eq!(known(), 1, "a configuration names it");
    drop(named);
    health.forget_idle(now + secs(4_000), secs(3_600));
    assert_eq!(known(), 0);
}

#[test]
fn budgets_and_lengths_belong_to_a_route() {
    let (health, now) = (Health::new(), Instant::now());
    let settings = BudgetSettings::default();
    let spent = health.budget("chat", settings);
    while spent.withdraw(crate::health::Cost::Single, now) {}
    assert!(health.budget("chat", settings).left(now) < 1.0);
    assert!(health.budget("other", settings).left(now) > 1.0);
    let learned = health.learned("chat");
    let changed = BudgetSettings {
        floor: 3.0,
        ..settings
    };
    assert_eq!(health.budget("chat", changed).left(now), 3.0);
    (0..5).for_each(|_| learned.answered(None, 40));
    assert_eq!(health.learned("chat").expected_output(None), 40);
    assert_eq!(health.learned("other").expected_output(None), 256);
}

#[test]
fn routes_are_remembered_while_a_configuration_has_them() {
    let (health, now) = (Health::new(), Instant::now());
    let held = (
        health.learned("kept"),
        health.budget("kept", BudgetSettings::default()),
    );
    for name in 0..100 {
        health.learned(&format!("gone-{name}"));
        health.budget(&format!("gone-{name}"), BudgetSettings::default());
    }
    let names = |budgets: Vec<(String, f64)>| budgets.into_iter().map(|(name, _)| name);
    let mut left: Vec<String> = names(health.budgets(now)).collect();
    left.sort();
    assert_eq!(left, ["gone-99", "kept"]);
    assert_eq!(lock(&health.learned).len(), 2);
    assert!(Arc::ptr_eq(&held.0, &health.learned("kept")));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Admit(bool),
    Close(usize, u8),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(Step::Admit),
        4 => (any::<usize>(), 0_u8..5).prop_map(|(which, how)| Step::Close(which, how)),
        1 => (0_u64..20_000).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However permits end, and in whichever order, everything they held comes back.
    #[test]
    fn nothing_a_permit_holds_is_lost(steps in proptest::collection::vec(step(), 1..200)) {
        let yaml = "{base_url: http://localhost, concurrency: {limit: 4}}";
        let condition = Health::new().of(&model(&catalog(yaml, &["a", "b"]), "llama"), &Settings::default());
        let mut now = Instant::now();
        let mut out: Vec<Permit> = Vec::new();
        for (seed, step) in (0..).zip(steps) {
            match step {
                Step::Wait(millis) => now += Duration::from_millis(millis),
                Step::Admit(panic) => {
                    let leave = if panic { Leave::Panic } else { Leave::Normal };
                    out.extend(condition.admit(leave, seed, now));
                }
                Step::Close(which, how) if !out.is_empty() => {
                    let permit = out.swap_remove(which % out.len());
                    match how {
                        0 => drop(permit.success(Timing::default(), now)),
                        1 | 2 => drop(permit.failure(ErrorClass::Overloaded, None, now)),
                        3 => drop(permit.failure(ErrorClass::RateLimit, Some(secs(1)), now)),
                        _ => drop(permit),
                    }
                }
                Step::Close(..) => {}
            }
            prop_assert_eq!(condition.gate_facts(now).in_flight as usize, out.len());
            prop_assert!(out.len() <= 4);
        }
        drop(out);
        prop_assert!(admit(&condition, now + secs(1_000)).is_ok());
    }
}
