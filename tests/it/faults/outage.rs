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
async fn a_total_outage_fails_fast_and_is_found_to_be_over() {
    let b = Provider::start([error(500, "boom")]).await;
    let route = format!("{ROUTE}, breaker: {{ consecutive: 2, open_for: 10m, open_max: 10m }}");
    let scripts = vec![refusal(500, &[]), refusal(500, &[]), well()];
    let pair = Pair::start(scripts, b, "", &route).await;
    while pair.asked() < 2 || pair.b.asked().len() < 2 {
        let answer = pair.gateway.chat("r").await;
        assert!([500, 503].contains(&answer.status), "{}", answer.body);
    }
    let asked = (pair.asked(), pair.b.asked().len());
    // One request in twenty finds out; that none of two thousand does is past belief.
    for _ in 0..2_000 {
        let answer = pair.gateway.chat("r").await;
        if answer.status == 200 {
            assert_eq!(answer.header("x-waypost-target"), "a/m");
            assert_eq!(pair.reason(&answer).await, "panic_mode");
            return;
        }
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(!answer.header("retry-after").is_empty(), "{}", answer.body);
        assert_eq!(
            (pair.asked(), pair.b.asked().len()),
            asked,
            "nobody is asked"
        );
    }
    panic!("nobody found out that the outage is over");
}

#[tokio::test]
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
