//! Circuits as providers see them: one probe at a time, one circuit for each key, and slow targets are left out
//! although they answer (F02, F05, F46).

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinSet};

use super::{
    pair::{Pair, refusal},
    voice::Voice,
};
use crate::support::{
    Answer, Provider, chat, completion, done,
    faulty::{
        Script, Step,
        script::{END, chunk, json, say, stream_head},
    },
    provider, role, streamed, text,
};

/// So many streams tell what is usual.
const FAST: usize = 40;

/// So many slow ones behind them are a fifth of all.
const SLOW: usize = 12;

fn well() -> Script {
    vec![say(json(200, &Voice::OpenAi.plain("A")))]
}

/// Sends a request whose answer is awaited by nobody yet.
fn send(pair: &Pair, requests: &mut JoinSet<Answer>, stream: bool) {
    let request = pair.gateway.post("/v1/chat/completions", chat("r", stream));
    requests.spawn(async move { Answer::read(request.send().await.unwrap()).await });
}

#[tokio::test]
async fn exactly_one_of_many_requests_is_the_probe() {
    let gate = Arc::new(Notify::new());
    let held = vec![
        Step::Await(gate.clone()),
        say(json(200, &Voice::OpenAi.plain("A"))),
    ];
    let scripts = vec![refusal(500, &[]), refusal(500, &[]), held];
    let b = Provider::start([completion("B")]).await;
    let route = "breaker: { consecutive: 2, open_for: 50ms, open_max: 50ms }";
    let pair = Pair::start(scripts, b, "", route).await;
    for _ in 0..2 {
        pair.gateway.chat("r").await;
    }
    let mut requests = JoinSet::new();
    // Requests come eight at a time, until the open time is over and one of them is the probe, which is held.
    while pair.asked() < 3 {
        for _ in 0..8 {
            send(&pair, &mut requests, false);
        }
        while requests.len() > 1 {
            let answer = requests.join_next().await.unwrap().unwrap();
            assert_eq!(answer.header("x-waypost-target"), "b/m", "{}", answer.body);
        }
        if pair.asked() < 3 {
            requests.join_next().await;
        }
    }
    for _ in 0..20 {
        send(&pair, &mut requests, false);
    }
    while requests.len() > 1 {
        let answer = requests.join_next().await.unwrap().unwrap();
        assert_eq!(answer.header("x-waypost-target"), "b/m", "{}", answer.body);
    }
    assert_eq!(pair.asked(), 3, "one probe, and nobody else");
    gate.notify_one();
    let answer = requests.join_next().await.unwrap().unwrap();
    assert_eq!(answer.header("x-waypost-target"), "a/m", "{}", answer.body);
    let record = pair.gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.attempts[0].kind.label(), "probe");
}

#[tokio::test]
async fn each_key_has_a_circuit_of_its_own() {
    // Keys take turns, so the first one meets every failure.
    let scripts = vec![refusal(500, &[]), well(), refusal(500, &[]), well()];
    let b = Provider::start([completion("B")]).await;
    let route = "retry: { attempts: 1 }, breaker: { consecutive: 2, open_for: 10m, open_max: 10m }";
    let keys = "api_keys: [sk-canary-one, sk-canary-two]";
    let pair = Pair::start(scripts, b, keys, route).await;
    for status in [500, 200, 500, 200] {
        assert_eq!(pair.gateway.chat("lone").await.status, status);
    }
    for _ in 0..10 {
        let answer = pair.gateway.chat("lone").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let seen = pair.a.seen();
    assert_eq!(seen[0].key(), seen[2].key());
    assert_ne!(seen[0].key(), seen[1].key());
    assert!(
        seen[3..].iter().all(|later| later.key() == seen[1].key()),
        "the bad key rests: {seen:?}"
    );
    let health = pair
        .gateway
        .admin("/admin/targets")
        .await
        .json()
        .to_string();
    assert!(health.contains(r#""state":"open""#), "{health}");
}

#[tokio::test]
async fn a_target_whose_streams_begin_slowly_is_left_out() {
    let finish = provider::chunk("{}", Some("stop"));
    let events = role() + &text("A") + &finish + &provider::usage() + &done();
    let fast = vec![say(stream_head()), say(chunk(&events)), say(END)];
    let mut slow = fast.clone();
    slow.insert(0, Step::Pause(Duration::from_millis(900)));
    let mut scripts = vec![fast; FAST];
    scripts.push(slow);
    let b = Provider::start([streamed("B")]).await;
    let route = "breaker: { window: 1m, slow_after: 100ms, slow_rate: 0.2, min_calls: 10, open_for: 10m, open_max: 10m }";
    let pair = Pair::start(scripts, b, "", route).await;
    for _ in 0..FAST {
        let answer = pair.gateway.stream("r").await;
        assert_eq!(answer.header("x-waypost-target"), "a/m", "{}", answer.body);
    }
    let mut requests = JoinSet::new();
    for _ in 0..SLOW {
        send(&pair, &mut requests, true);
    }
    while let Some(answer) = requests.join_next().await {
        let answer = answer.unwrap();
        assert!(
            answer.body.contains("[DONE]"),
            "slow, and whole: {}",
            answer.body
        );
    }
    let asked = pair.asked();
    let answer = pair.gateway.stream("r").await;
    assert_eq!(answer.header("x-waypost-target"), "b/m", "{}", answer.body);
    assert_eq!(pair.reason(&answer).await, "circuit_open");
    assert_eq!(pair.asked(), asked);
}
