//! A cap on what a target does at once: one too many goes elsewhere, or is told when to come back.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{pair::Pair, voice::Voice};
use crate::support::{
    Answer, Provider, chat, completion,
    faulty::{
        Step,
        script::{json, say},
    },
};

const ONE: &str = "concurrency: { limit: 1, queue: 50ms }";

#[tokio::test]
async fn one_too_many_goes_elsewhere_or_is_told_when_to_come_back() {
    let gate = Arc::new(Notify::new());
    let slow = vec![
        Step::Await(gate.clone()),
        say(json(200, &Voice::OpenAi.plain("A"))),
    ];
    let b = Provider::start([completion("B")]).await;
    let pair = Pair::start(vec![slow], b, ONE, "").await;
    let first = pair.gateway.post("/v1/chat/completions", chat("r", false));
    let first = tokio::spawn(async move { Answer::read(first.send().await.unwrap()).await });
    pair.a
        .until("the first request", |seen| seen.len() == 1)
        .await;

    let answer = pair.gateway.chat("r").await;
    assert_eq!(answer.header("x-waypost-target"), "b/m", "{}", answer.body);
    let answer = pair.gateway.chat("lone").await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.json()["error"]["code"], "overloaded");
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(pair.asked(), 1, "the cap is kept");

    gate.notify_one();
    let first = first.await.unwrap();
    assert_eq!(first.header("x-waypost-target"), "a/m", "{}", first.body);
    gate.notify_one();
    let answer = pair.gateway.chat("lone").await;
    assert_eq!(
        answer.status, 200,
        "the place is free again: {}",
        answer.body
    );
}

#[tokio::test]
async fn a_caller_who_leaves_gives_its_place_back() {
    let well = vec![say(json(200, &Voice::OpenAi.plain("A")))];
    let b = Provider::start([completion("B")]).await;
    let pair = Pair::start(vec![vec![Step::Hang], well], b, ONE, "").await;
    let first = pair
        .gateway
        .post("/v1/chat/completions", chat("lone", false));
    let first = tokio::spawn(first.send());
    pair.a
        .until("the first request", |seen| seen.len() == 1)
        .await;
    first.abort();
    pair.a
        .until("its leaving", |seen| seen[0].left().is_some())
        .await;
    let answer = pair.gateway.chat("lone").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn who_leaves_the_queue_takes_no_place_with_it() {
    let gate = Arc::new(Notify::new());
    let answer = say(json(200, &Voice::OpenAi.plain("A")));
    let held = vec![Step::Await(gate.clone()), answer.clone()];
    let b = Provider::start([completion("B")]).await;
    let patient = "concurrency: { limit: 1, queue: 20s }";
    let pair = Pair::start(vec![held, vec![answer]], b, patient, "").await;
    let ask = || {
        let request = pair
            .gateway
            .post("/v1/chat/completions", chat("lone", false));
        tokio::spawn(async move { Answer::read(request.send().await.unwrap()).await })
    };
    let waiting = async |count: i64| {
        pair.gateway
            .until("those who wait", |hall| {
                hall.ledger.metrics().in_flight.get() == count
            })
            .await;
    };
    let first = ask();
    waiting(1).await;
    let leaving: Vec<_> = (0..5).map(|_| ask()).collect();
    waiting(6).await;
    let last = ask();
    waiting(7).await;
    leaving.iter().for_each(|waiter| waiter.abort());
    waiting(2).await;
    assert_eq!(pair.asked(), 1, "the cap is kept");
    gate.notify_one();
    for answer in [first, last] {
        let answer = answer.await.unwrap();
        assert_eq!(answer.header("x-waypost-target"), "a/m", "{}", answer.body);
    }
    assert_eq!(pair.asked(), 2, "who has left is not asked for");
}
