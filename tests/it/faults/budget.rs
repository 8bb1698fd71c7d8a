//! The retry budget of a route: an outage is not multiplied (F41).

use super::pair::{Pair, refusal};
use crate::support::{Provider, error, metrics::sum};

/// Circuits that stay closed, so that only the budget stands between callers and the dead.
const ROUTE: &str = "retry: { attempts: 4, base: 1ms, cap: 1ms, budget: { share: 0.2, floor: 0 } }, \
    breaker: { consecutive: 100000, min_calls: 100000 }";

const REQUESTS: usize = 100;

#[tokio::test]
async fn a_dead_target_is_asked_a_fifth_more_than_callers_ask() {
    let b = Provider::start([error(500, "boom")]).await;
    let pair = Pair::start(vec![refusal(500, &[])], b, "", ROUTE).await;
    for _ in 0..REQUESTS {
        let answer = pair.gateway.chat("lone").await;
        assert_eq!(answer.status, 500, "{}", answer.body);
    }
    let asked = pair.asked();
    assert!(asked > REQUESTS, "some are tried again: {asked}");
    assert!(asked <= REQUESTS * 6 / 5, "{asked} for {REQUESTS} requests");
    let metrics = pair.gateway.admin("/metrics").await.body;
    let lone = &[("route", "lone")];
    let refused = sum(&metrics, "waypost_retry_budget_exhausted_total", lone);
    assert_eq!(
        refused as usize,
        REQUESTS - (asked - REQUESTS),
        "the others were refused"
    );
}

#[tokio::test]
async fn of_a_dead_pool_only_the_first_other_target_is_free() {
    let b = Provider::start([error(500, "boom")]).await;
    let pair = Pair::start(vec![refusal(500, &[])], b, "", ROUTE).await;
    for _ in 0..REQUESTS {
        let answer = pair.gateway.chat("r").await;
        assert_eq!(answer.status, 500, "{}", answer.body);
    }
    let asked = pair.asked() + pair.b.asked().len();
    assert!(asked > 2 * REQUESTS, "{asked}");
    assert!(
        asked <= REQUESTS * 11 / 5,
        "{asked} for {REQUESTS} requests"
    );
}
