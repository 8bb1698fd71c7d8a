//! Fallbacks, and what the route says of classes of failure.

use super::*;
use crate::route::Turn;

fn turn(yaml: &str, table: Table<'_>, class: ErrorClass) -> Vec<String> {
    let plan = plan_for(yaml, table, &question()).unwrap();
    let failed = &plan.order().next().unwrap().candidate;
    match plan.turn(class, failed) {
        Turn::Usual => vec!["usual".into()],
        Turn::Stop => vec!["stop".into()],
        Turn::To(next) => shown(&next.into_iter().cloned().collect::<Vec<_>>()),
    }
}

const ON: &str = "r: { targets: [b/2], fallback_on: { context_length: [a/1, c/3, d/4, s], content_policy: [], rate_limit: [a/1] } }
s: { targets: [c/3, a/9], strategy: cheapest }";

#[test]
fn a_class_has_its_own_targets_and_an_empty_list_stops() {
    assert_eq!(turn(ON, &[], ErrorClass::ContentPolicy), ["stop"]);
    assert_eq!(turn(ON, &[], ErrorClass::RateLimit), ["a/1 fallback_on"]);
    assert_eq!(turn(ON, &[], ErrorClass::Timeout), ["usual"]);
}

#[test]
fn a_prompt_that_was_too_long_goes_to_larger_windows_only() {
    // a's window is known to be smaller than b's; nobody knows d's and a/9's.
    let order = ["c/3 fallback_on", "d/4 fallback_on", "a/9 fallback_on"];
    assert_eq!(turn(ON, &[], ErrorClass::ContextLength), order);
}

#[test]
fn who_is_put_aside_is_no_fallback() {
    let cool = [("a/1", cooling(9))];
    assert_eq!(turn(ON, &cool, ErrorClass::RateLimit), ["usual"]);
}

#[test]
fn who_is_named_for_a_failure_is_asked_when_it_is_certain() {
    let long = Question {
        input_tokens: 100_000,
        ..question()
    };
    let order = [
        "(a/1 context_too_small)",
        "c/3 fallback_on",
        "d/4 fallback_on",
        "(c/3 duplicate)",
        "a/9 fallback_on",
        "(b/2 context_too_small)",
    ];
    let found = shown(plan_for(ON, &[], &long).unwrap().verdicts());
    let kept = |lines: &[String]| -> Vec<String> {
        let kept = lines.iter().filter(|line| !line.starts_with('('));
        kept.cloned().collect()
    };
    assert_eq!(kept(&found), kept(&order.map(str::to_owned)));
    let waiting = [("b/2", cooling(3))];
    let found = shown(plan_for(ON, &waiting, &question()).unwrap().verdicts());
    assert_eq!(found, ["a/1 fallback_on", "(b/2 cooling_down)"]);
}

#[test]
fn a_fallback_route_brings_its_own_order_and_the_first_route_its_patience() {
    let yaml = "r: { targets: [d/4], fallback: [s], retry: { attempts: 5 } }
s: { targets: [c/3, a/1, b/2], strategy: cheapest, retry: { attempts: 2 } }";
    let plan = plan_for(yaml, &[], &question()).unwrap();
    let order = [
        "d/4 list_order",
        "a/1 fallback",
        "b/2 fallback",
        "c/3 fallback",
    ];
    assert_eq!(shown(plan.verdicts()), order);
    assert_eq!(plan.retry.attempts, 5);
    let fallback: Vec<bool> = plan.order().map(|verdict| verdict.fallback).collect();
    assert_eq!(fallback, [false, true, true, true]);
}
