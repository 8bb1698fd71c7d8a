use std::collections::BTreeMap;

use super::*;
use crate::{
    catalog::{CardSettings, Catalog, resolve},
    facts::Facts,
    route::{Question, Rights, Router},
};

struct Everything;

impl Rights for Everything {
    fn allows_route(&self, _: &str) -> bool {
        true
    }
    fn allows_direct(&self, _: &str) -> bool {
        true
    }
    fn allows_target(&self, _: &str) -> bool {
        true
    }
}

fn chain(route: &str) -> Chain {
    let settings = CardSettings {
        base_url: Some("http://127.0.0.1:1/v1".into()),
        ..CardSettings::default()
    };
    let card = resolve("p", &settings, None).unwrap();
    let routes: BTreeMap<String, crate::route::Settings> = serde_saphyr::from_str(route).unwrap();
    let router = Router::new(Catalog::new([card]).into(), &routes).unwrap();
    let plan = router.plan("r", &Question::of(&Everything), &|_, _| Facts::default());
    Chain::new(&plan.unwrap())
}

/// Plays failures one after the other and tells what was tried: the target's model and why, `stop` at the end.
fn play(route: &str, failures: &[Failure]) -> Vec<String> {
    let mut chain = chain(route);
    let shown = |step: &Step| format!("{} {}", step.candidate.target.model, step.kind.label());
    let mut tried = vec![shown(&chain.first())];
    for failure in failures {
        match chain.after(failure, 1, Duration::from_secs(60)) {
            Next::Try(step) => tried.push(shown(&step)),
            Next::Stop => {
                tried.push("stop".into());
                break;
            }
        }
    }
    tried
}

fn of(class: ErrorClass) -> Failure {
    Failure::new(class, "")
}

fn check(route: &str, failures: &[Failure], expected: &[&str]) {
    assert_eq!(play(route, failures), expected, "{route} {failures:?}");
}

use ErrorClass::*;

const POOL: &str = "r: { targets: [p/a, p/b, p/c, p/d], fallback: [p/z] }";
const ONE: &str = "r: { targets: [p/a] }";

#[test]
fn goes_on_to_the_next_target_and_keeps_the_last_attempt_for_the_fallback() {
    let failures = [of(ServerError), of(Overloaded), of(Timeout)];
    check(
        POOL,
        &failures,
        &["a primary", "b fallback", "z fallback", "stop"],
    );
}

#[test]
fn what_would_fail_anywhere_stops_at_once() {
    for class in [InvalidRequest, ContentPolicy, Cancelled] {
        check(POOL, &[of(class)], &["a primary", "stop"]);
    }
}

#[test]
fn a_target_that_cannot_do_it_costs_no_attempt() {
    let failures = [
        of(Unsupported),
        of(Unsupported),
        of(Unsupported),
        of(Unsupported),
        of(Unsupported),
    ];
    check(
        POOL,
        &failures,
        &[
            "a primary",
            "b primary",
            "c primary",
            "d primary",
            "z primary",
            "stop",
        ],
    );
}

#[test]
fn a_lone_target_is_tried_again_only_where_that_can_help() {
    check(
        ONE,
        &[of(ServerError), of(ServerError)],
        &["a primary", "a retry", "stop"],
    );
    check(
        ONE,
        &[of(Unreachable), of(Unreachable), of(Unreachable)],
        &["a primary", "a retry", "a retry", "stop"],
    );
    for class in [
        Auth,
        Permission,
        NotFound,
        Quota,
        ContextLength,
        TooLarge,
        Overloaded,
    ] {
        check(ONE, &[of(class)], &["a primary", "stop"]);
    }
}

#[test]
fn a_short_stated_wait_is_kept_and_a_long_one_is_not_waited_for() {
    let limited = |millis| Failure {
        retry_after: Some(Duration::from_millis(millis)),
        ..of(RateLimit)
    };
    let mut chain = chain(ONE);
    let Next::Try(step) = chain.after(&limited(700), 1, Duration::from_secs(60)) else {
        panic!("a short wait is worth it");
    };
    assert_eq!(step.wait, Duration::from_millis(700));
    check(ONE, &[limited(1_001)], &["a primary", "stop"]);
    check(ONE, &[limited(u64::MAX)], &["a primary", "stop"]);
}

#[test]
fn backoff_is_jittered_within_its_bounds_and_never_beyond_the_deadline() {
    let wait = |chance, remaining| match chain(ONE).after(&of(ServerError), chance, remaining) {
        Next::Try(step) => Some(step.wait),
        Next::Stop => None,
    };
    let waits: Vec<_> = (0..200)
        .filter_map(|chance| wait(chance, Duration::from_secs(60)))
        .collect();
    assert_eq!(waits.len(), 200);
    assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(50)));
    assert!(waits.iter().any(|wait| *wait < Duration::from_millis(10)));
    assert!(waits.iter().any(|wait| *wait > Duration::from_millis(40)));
    assert_eq!(wait(1, Duration::ZERO), None);
}
