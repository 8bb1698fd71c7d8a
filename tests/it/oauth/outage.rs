//! An issuer that is away: a reload meanwhile locks nobody out.

use std::{sync::atomic::Ordering, time::Duration};

use super::issuer::Issuer;
use crate::support::{Answer, Gateway, chat};

async fn ask(gateway: &Gateway, token: &str, route: &str) -> Answer {
    let request = gateway.post("/v1/chat/completions", chat(route, false));
    // A connection that is kept ends when time is made to pass.
    let request = request.header("connection", "close");
    gateway.send(request.bearer_auth(token)).await
}

#[tokio::test]
async fn a_reload_while_an_issuer_is_away_locks_nobody_out() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::start(&issuer.config("routes: [a]")).await;
    let ann = issuer.token("ann");
    assert_eq!(ask(&gateway, &ann, "a").await.status, 200);
    assert_eq!(ask(&gateway, &ann, "b").await.status, 403);
    issuer.away.store(true, Ordering::SeqCst);
    gateway.reconfigure(&issuer.config("routes: [a, b]")).await;
    assert_eq!(ask(&gateway, &ann, "b").await.status, 200);
    let bob = ask(&gateway, &issuer.token("bob"), "b").await;
    assert_eq!(bob.status, 200, "{}", bob.body);
    assert_eq!(issuer.web.asked().len(), 1);
}

#[tokio::test]
async fn what_an_issuer_said_of_a_token_outlives_a_reload_and_no_minute() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::start(&issuer.config_asking("routes: [a]", "")).await;
    assert_eq!(ask(&gateway, "opaque", "a").await.status, 200);
    assert_eq!(ask(&gateway, "opaque", "b").await.status, 403);
    issuer.away.store(true, Ordering::SeqCst);
    // Its rights are those of now; whose it is was said less than a minute ago.
    gateway
        .reconfigure(&issuer.config_asking("routes: [a, b]", ""))
        .await;
    assert_eq!(ask(&gateway, "opaque", "b").await.status, 200);
    assert_eq!(issuer.web.asked().len(), 1);
    // Nobody can tell of one that was never asked about.
    assert_eq!(ask(&gateway, "another", "b").await.status, 503);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    assert_eq!(ask(&gateway, "opaque", "b").await.status, 503);
}

#[tokio::test]
async fn what_was_judged_by_other_rules_is_judged_anew() {
    let issuer = Issuer::start().await;
    let plain = issuer.config_asking("routes: [a]", "");
    let other_issuer = issuer.config_asking("routes: [a]", ", keys_for: 1m");
    let other_audience = plain.replace(":8080/mcp", ":8081/mcp");
    let other_implied = plain.replace("[a] }", "[a], implies: [other] }, other: {}");
    for changed in [other_issuer, other_audience, other_implied] {
        assert_ne!(changed, plain);
        issuer.away.store(false, Ordering::SeqCst);
        let gateway = Gateway::start(&plain).await;
        for token in ["opaque", &issuer.token("ann")] {
            assert_eq!(ask(&gateway, token, "a").await.status, 200);
        }
        issuer.away.store(true, Ordering::SeqCst);
        let before = issuer.web.asked().len();
        gateway.reconfigure(&changed).await;
        assert_eq!(ask(&gateway, "opaque", "a").await.status, 503, "{changed}");
        assert!(issuer.web.asked().len() > before);
    }
}
