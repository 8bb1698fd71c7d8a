//! Outages: a target that keeps failing is left alone, and found again when it is well (F02, F44, F45).

use super::{
    pair::{Pair, refusal},
    voice::Voice,
};
use crate::support::{
    Provider, completion, error,
    faulty::{
        Script,
        script::{json, say},
    },
};

/// A healthy answer of the faulty provider.
fn well() -> Script {
    vec![say(json(200, &Voice::OpenAi.plain("A")))]
}

const ROUTE: &str = "retry: { base: 1ms, cap: 1ms }";

#[tokio::test]
#[ignore = "the relay has no breaker yet"]
async fn an_open_circuit_asks_nobody() {
    let b = Provider::start([completion("B")]).await;
    let route = format!("{ROUTE}, breaker: {{ consecutive: 3, open_for: 10m, open_max: 10m }}");
    let pair = Pair::start(vec![refusal(500, &[])], b, "", &route).await;
    for _ in 0..3 {
        let answer = pair.gateway.chat("r").await;
        assert_eq!(answer.header("x-waypost-attempts"), "2", "{}", answer.body);
    }
    for _ in 0..20 {
        let answer = pair.gateway.chat("r").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("x-waypost-target"), "b/m");
        assert_eq!(answer.header("x-waypost-attempts"), "1");
        assert_eq!(pair.reason(&answer).await, "circuit_open");
    }
    assert_eq!(pair.asked(), 3, "nothing is asked of an open circuit");
    assert_eq!(pair.b.asked().len(), 23);
}

#[tokio::test]
#[ignore = "the relay has no breaker yet"]
async fn a_target_that_is_well_again_is_found_by_probes() {
    let b = Provider::start([completion("B")]).await;
    let route = format!("{ROUTE}, breaker: {{ consecutive: 3, open_for: 50ms, open_max: 50ms }}");
    let scripts = vec![
        refusal(500, &[]),
        refusal(500, &[]),
        refusal(500, &[]),
        well(),
    ];
    let pair = Pair::start(scripts, b, "", &route).await;
    let mut seen = Vec::new();
    // Every answer is whole meanwhile, whoever gives it; how many it takes is the clock's affair.
    for _ in 0..5_000 {
        let answer = pair.gateway.chat("r").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        seen.push(pair.reason(&answer).await);
        if seen.ends_with(&["list_order"]) && pair.asked() > 6 {
            break;
        }
    }
    assert!(seen.contains(&"circuit_open"), "{seen:?}");
    assert!(seen.contains(&"probe"), "{seen:?}");
    assert_eq!(seen.last(), Some(&"list_order"), "{seen:?}");
}

#[tokio::test]
#[ignore = "the relay has no breaker yet"]
async fn where_all_are_open_somebody_is_asked_all_the_same() {
    let b = Provider::start([error(500, "boom")]).await;
    let route = format!("{ROUTE}, breaker: {{ consecutive: 2, open_for: 10m, open_max: 10m }}");
    let scripts = vec![refusal(500, &[]), refusal(500, &[]), well()];
    let pair = Pair::start(scripts, b, "", &route).await;
    let mut reasons = Vec::new();
    for _ in 0..200 {
        let answer = pair.gateway.chat("r").await;
        reasons.push(pair.reason(&answer).await);
        if answer.status == 200 {
            assert_eq!(answer.header("x-waypost-target"), "a/m");
            break;
        }
        assert!([500, 503].contains(&answer.status), "{}", answer.body);
    }
    assert_eq!(reasons.last(), Some(&"panic_mode"), "{reasons:?}");
}

#[tokio::test]
#[ignore = "the relay does not obey `fallback_on` yet"]
async fn a_class_of_failure_has_its_own_fallback() {
    let b = Provider::start([completion("B")]).await;
    let scripts = vec![refusal(413, &[]), refusal(500, &[])];
    let route = format!("{ROUTE}, fallback_on: {{ too_large: [] }}");
    let pair = Pair::start(scripts, b, "", &route).await;
    let answer = pair.gateway.chat("r").await;
    assert_eq!(
        answer.status, 413,
        "an empty list is the end: {}",
        answer.body
    );
    assert!(pair.b.asked().is_empty());
    assert_eq!(
        pair.gateway.chat("r").await.header("x-waypost-target"),
        "b/m"
    );
}
