use std::collections::BTreeMap;

use super::*;
use crate::{
    catalog::{CardSettings, Catalog, resolve},
    facts::Facts,
    route::{Everything, Question, Router},
};

fn plan(route: &str) -> Plan {
    let settings = CardSettings {
        base_url: Some("http://127.0.0.1:1/v1".into()),
        models: serde_saphyr::from_str(
            "{small: {context: 100}, same: {context: 100}, large: {context: 1000}}",
        )
        .unwrap(),
        ..CardSettings::default()
    };
    let card = resolve("p", &settings, None).unwrap();
    let routes: BTreeMap<String, crate::route::Settings> = serde_saphyr::from_str(route).unwrap();
    let router = Router::new(Catalog::new([card]).into(), &routes).unwrap();
    let plan = router.plan("r", &Question::of(&Everything), &|_, _| Facts::default());
    plan.unwrap()
}

/// A failed attempt, with nothing else to be said of it.
fn failed(failure: &Failure) -> Failed<'_> {
    Failed {
        failure,
        asked: !matches!(failure.class, Unsupported | Saturated),
        other_key: false,
        reask: false,
    }
}

/// A minute, and a budget of so many retries.
fn means(budget: &mut dyn FnMut(ErrorClass) -> bool) -> Means<'_> {
    Means {
        remaining: Duration::from_secs(60),
        budget,
        chance: 1,
    }
}

fn shown(step: &Step<'_>) -> String {
    format!("{} {}", step.candidate.target.model, step.kind.label())
}

/// Plays failures one after the other and tells what was tried: the target's model and why, `stop` at the end.
fn play(plan: &Plan, failures: &[Failed<'_>], mut retries: u32) -> Vec<String> {
    let mut chain = Chain::new(plan);
    let mut tried = vec![shown(&chain.first())];
    let mut budget = |_| {
        let left = retries > 0;
        retries = retries.saturating_sub(1);
        left
    };
    for failure in failures {
        match chain.after(*failure, means(&mut budget)) {
            Next::Try(step) => tried.push(shown(&step)),
            Next::Stop(Why::Done) => {
                tried.push("stop".into());
                break;
            }
            Next::Stop(Why::Budget) => {
                tried.push("no budget".into());
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
    let failed: Vec<Failed<'_>> = failures.iter().map(failed).collect();
    let tried = play(&plan(route), &failed, u32::MAX);
    assert_eq!(tried, expected, "{route} {failures:?}");
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
    let plan = plan(ONE);
    let Next::Try(step) = Chain::new(&plan).after(failed(&limited(700)), means(&mut |_| true))
    else {
        panic!("a short wait is worth it");
    };
    assert_eq!(step.wait, Duration::from_millis(700));
    check(ONE, &[limited(1_001)], &["a primary", "stop"]);
    check(ONE, &[limited(u64::MAX)], &["a primary", "stop"]);
}

#[test]
fn backoff_is_jittered_within_its_bounds_and_never_beyond_the_deadline() {
    let plan = plan(ONE);
    let failure = of(ServerError);
    let wait = |chance, remaining| {
        let means = Means {
            remaining,
            budget: &mut |_| true,
            chance,
        };
        match Chain::new(&plan).after(failed(&failure), means) {
            Next::Try(step) => Some(step.wait),
            Next::Stop(_) => None,
        }
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

#[test]
fn the_first_change_of_target_is_free_and_everything_else_needs_budget() {
    let of = |class| [of(class), of(class), of(class)];
    let play = |route: &str, failures: &[Failure], retries| {
        let failed: Vec<Failed<'_>> = failures.iter().map(failed).collect();
        play(&plan(route), &failed, retries)
    };
    assert_eq!(
        play(POOL, &of(ServerError), 0),
        ["a primary", "b fallback", "no budget"]
    );
    assert_eq!(
        play(POOL, &of(ServerError), 1),
        ["a primary", "b fallback", "z fallback", "stop"]
    );
    assert_eq!(play(ONE, &of(ServerError), 0), ["a primary", "no budget"]);
    // Whoever was not asked has cost nothing.
    assert_eq!(
        play(POOL, &of(Saturated), 0),
        ["a primary", "b primary", "c primary", "d primary"]
    );
}

#[test]
fn another_key_is_tried_before_another_target() {
    let refused = of(Auth);
    let other_key = Failed {
        other_key: true,
        ..failed(&refused)
    };
    let tried = play(&plan(POOL), &[other_key, failed(&refused)], u32::MAX);
    assert_eq!(tried, ["a primary", "a fallback", "z fallback"]);
}

#[test]
fn an_answer_that_is_none_may_be_asked_for_once_more() {
    let invalid = of(InvalidAnswer);
    let reask = Failed {
        reask: true,
        ..failed(&invalid)
    };
    let plan = plan(POOL);
    let mut chain = Chain::new(&plan);
    let mut budget = |_| true;
    let Next::Try(again) = chain.after(reask, means(&mut budget)) else {
        panic!("the same model may put it right");
    };
    assert_eq!(shown(&again), "a retry");
    assert!(again.reask);
    let Next::Try(next) = chain.after(reask, means(&mut budget)) else {
        panic!("the next model may do better");
    };
    assert_eq!((shown(&next), next.reask), ("z fallback".to_owned(), false));
}

#[test]
fn a_class_with_a_list_of_its_own_goes_there_first() {
    const LISTED: &str = "r: { targets: [p/a, p/b], fallback: [p/z], fallback_on: { content_policy: [p/c], rate_limit: [p/d], overloaded: [] } }";
    check(
        LISTED,
        &[of(ContentPolicy), of(ContentPolicy)],
        &["a primary", "c fallback", "stop"],
    );
    check(
        LISTED,
        &[of(RateLimit), of(ServerError)],
        &["a primary", "d fallback", "z fallback"],
    );
    check(LISTED, &[of(Overloaded)], &["a primary", "stop"]);
    check(
        LISTED,
        &[of(ServerError), of(RateLimit), of(RateLimit)],
        &["a primary", "b fallback", "d fallback", "stop"],
    );
}

#[test]
fn a_prompt_that_was_too_long_goes_to_larger_windows_only() {
    check(
        "r: { targets: [p/small, p/same, p/unknown, p/large] }",
        &[of(ContextLength), of(ContextLength)],
        &["small primary", "unknown fallback", "large fallback"],
    );
    check(
        "r: { targets: [p/small, p/same], fallback_on: { context_length: [p/same, p/large] } }",
        &[of(ContextLength), of(ServerError)],
        &["small primary", "large fallback", "same fallback"],
    );
}

#[test]
fn a_step_knows_whether_others_are_left() {
    let plan = plan("r: { targets: [p/a, p/b] }");
    let mut chain = Chain::new(&plan);
    assert!(chain.first().others);
    let failure = of(ServerError);
    let Next::Try(last) = chain.after(failed(&failure), means(&mut |_| true)) else {
        panic!("b is left");
    };
    assert!(!last.others);
}
