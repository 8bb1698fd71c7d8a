//! Calls that are answered without rmcp: from outside they are like all others.

use std::sync::atomic::Ordering;

use reqwest::Method;
use serde_json::{Value, json};
use waypost::mcp;

use super::{
    eras::modern,
    stage::{ALICE, BOB, INITIALIZE, PING, Stage, call, event_ids, messages, texts},
};
use crate::support::{Answer, gateway::PATIENCE};

fn parking(after: &str, awake: usize) -> mcp::Settings {
    let mut settings = mcp::Settings::default();
    settings.sessions.park_after = after.parse().unwrap();
    settings.sessions.awake = awake;
    settings
}

async fn parked(stage: &Stage, count: i64) {
    stage
        .until("parked sessions", || stage.sessions("parked") == count)
        .await;
}

/// Opens a call of `quiet_hold`, and reads the id of its first event.
async fn held(stage: &Stage, session: &str, id: u32) -> (reqwest::Response, String) {
    let post = stage.post(ALICE, Some(session), call(id, "quiet_hold", "late"));
    let mut response = stage.open(post).await;
    let first = response.chunk().await.unwrap().expect("a first event");
    let first = String::from_utf8(first.to_vec()).unwrap();
    assert!(
        first.ends_with("\n\n") && first.contains("retry: 3000"),
        "{first}"
    );
    (response, event_ids(&first).remove(0))
}

fn resume(stage: &Stage, session: &str, last: &str) -> reqwest::RequestBuilder {
    let request = stage.request(Method::GET, ALICE, Some(session));
    request.header("last-event-id", last)
}

fn cancel(stage: &Stage, session: &str, id: u32) -> reqwest::RequestBuilder {
    let params = json!({"requestId": id});
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
    stage.post(ALICE, Some(session), cancel.to_string())
}

/// A result without what differs between any two calls.
fn shape(mut answer: Value) -> Value {
    answer["result"]["content"][1] = Value::Null;
    answer
}

#[tokio::test]
async fn answers_are_the_same_on_both_ways() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let plain = stage.call(&session, 1, "quiet_echo", "both").await;
    let usual = stage.call(&session, 1, "echo", "both").await;
    for name in ["content-type", "cache-control", "x-accel-buffering"] {
        assert_eq!(plain.header(name), usual.header(name));
    }
    assert_eq!(event_ids(&plain.body).len(), event_ids(&usual.body).len());
    let (mut plain, mut usual) = (
        messages(&plain.body).remove(0),
        messages(&usual.body).remove(0),
    );
    // The usual one tells of what its client could be asked, which no silent tool asks.
    for answer in [&mut plain, &mut usual] {
        answer["result"]["content"][2] = Value::Null;
    }
    assert_eq!(plain, usual);

    let plain = stage.send(modern(&stage, "quiet_echo")).await;
    // An odd but lawful way to say the same, which only rmcp reads.
    let mut usual = modern(&stage, "quiet_echo").build().unwrap();
    let odd = "application/json;q=1.0, text/event-stream;q=1.0";
    usual.headers_mut().insert("accept", odd.parse().unwrap());
    let usual = Answer::read(stage.client.execute(usual).await.unwrap()).await;
    assert_eq!(plain.header("content-type"), usual.header("content-type"));
    assert_eq!(shape(plain.json()), shape(usual.json()));
    assert_eq!(plain.json()["result"]["resultType"], "complete");
    assert_eq!(stage.probe.finished.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn errors_are_the_same_on_both_ways() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    for (tool, arguments) in [
        ("quiet_echo", json!({"text": 1})),
        ("quiet_echo", json!({"x": ""})),
    ] {
        let told = ["echo", tool].map(|tool| {
            let params = json!({"name": tool, "arguments": arguments});
            let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
            stage.post(ALICE, Some(&session), call.to_string())
        });
        let [usual, plain] = told.map(|post| stage.send(post));
        let (usual, plain) = (usual.await, plain.await);
        assert_eq!(messages(&usual.body), messages(&plain.body));
        assert_eq!(messages(&plain.body)[0]["result"]["isError"], true);
    }
    assert_eq!(stage.probe.started.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_parked_session_answers_and_stays_parked() {
    let stage = Stage::with(parking("150ms", 500), None).await;
    let session = stage.session(ALICE).await;
    parked(&stage, 1).await;
    let answer = stage.call(&session, 1, "quiet_echo", "asleep").await;
    let said = texts(&messages(&answer.body)[0]);
    assert_eq!(said[0], "asleep");
    assert_eq!(stage.sessions("active"), 0);
    let theirs = stage.post(BOB, Some(&session), call(2, "quiet_echo", ""));
    assert_eq!(stage.send(theirs).await.status, 404);
    // What needs its service wakes it, in the same conversation.
    let awake = stage.call(&session, 3, "echo", "awake").await;
    assert_eq!(texts(&messages(&awake.body)[0])[1], said[1]);
    assert_eq!(stage.sessions("active"), 1);
}

#[tokio::test]
async fn a_call_outlives_its_stream_and_its_result_can_be_fetched() {
    let stage = Stage::with(parking("150ms", 500), None).await;
    let session = stage.session(ALICE).await;
    let (lost, event) = held(&stage, &session, 1).await;
    let reused = stage.call(&session, 1, "quiet_echo", "").await;
    assert_eq!(reused.status, 400, "its id is in use: {}", reused.body);
    drop(lost);
    stage
        .until("the stream's end", || stage.streams() == 0)
        .await;
    let early = stage.open(resume(&stage, &session, &event)).await;
    stage.probe.leave.add_permits(1);
    let early = Answer::read(early).await;
    let late = stage.send(resume(&stage, &session, &event)).await;
    for answer in [early, late] {
        let found = messages(&answer.body);
        assert_eq!((found.len(), &*texts(&found[0])[0]), (1, "late"));
    }
    assert_eq!(stage.probe.finished.load(Ordering::SeqCst), 1);
    let again = stage.call(&session, 1, "quiet_echo", "free").await;
    assert_eq!(again.status, 200, "its id is free: {}", again.body);
}

#[tokio::test]
async fn a_call_that_was_called_off_ends_unanswered() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let (running, event) = held(&stage, &session, 1).await;
    assert_eq!(stage.send(cancel(&stage, &session, 1)).await.status, 202);
    stage
        .until("the call's end", || {
            stage.probe.dropped.load(Ordering::SeqCst) == 1
        })
        .await;
    assert_eq!(
        messages(&Answer::read(running).await.body),
        Vec::<Value>::new()
    );
    let rest = stage.send(resume(&stage, &session, &event)).await;
    assert_eq!(messages(&rest.body), Vec::<Value>::new());
    let again = stage.call(&session, 1, "quiet_echo", "again").await;
    assert_eq!(texts(&messages(&again.body)[0])[0], "again");
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_calls() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let (running, _) = held(&stage, &session, 1).await;
    let end = stage.request(Method::DELETE, ALICE, Some(&session));
    assert_eq!(stage.send(end).await.status, 204);
    let ended = tokio::time::timeout(PATIENCE, Answer::read(running)).await;
    assert!(ended.is_ok(), "an end in time");
    stage
        .until("the call's end", || {
            stage.probe.dropped.load(Ordering::SeqCst) == 1
        })
        .await;
}

#[tokio::test]
async fn the_end_of_the_drain_ends_calls() {
    let mut stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let (running, _) = held(&stage, &session, 1).await;
    let modern = tokio::spawn(modern(&stage, "quiet_hold").send());
    stage
        .until("two calls", || {
            stage.probe.started.load(Ordering::SeqCst) == 2
        })
        .await;
    stage.drain().await;
    assert_eq!(stage.probe.dropped.load(Ordering::SeqCst), 2);
    assert!(messages(&Answer::read(running).await.body).is_empty());
    assert!(modern.await.unwrap().is_ok(), "it was told of the end");
}

#[tokio::test]
async fn a_disconnect_calls_off_where_there_are_no_sessions() {
    let stage = Stage::start().await;
    let left = tokio::spawn(modern(&stage, "quiet_hold").send());
    stage
        .until("a call", || stage.probe.started.load(Ordering::SeqCst) == 1)
        .await;
    left.abort();
    stage
        .until("the call's end", || {
            stage.probe.dropped.load(Ordering::SeqCst) == 1
        })
        .await;
}

#[tokio::test]
async fn beyond_the_number_that_may_be_awake_the_longest_at_rest_are_parked() {
    let stage = Stage::with(parking("1h", 4), None).await;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(stage.session(ALICE).await);
    }
    let (busy, _) = held(&stage, &sessions[0], 1).await;
    assert_eq!(stage.sessions("parked"), 0);
    sessions.push(stage.session(ALICE).await);
    parked(&stage, 1).await;
    // Not the one that works, which is the oldest. The second one wakes when it is needed.
    stage.probe.leave.add_permits(1);
    assert_eq!(
        texts(&messages(&Answer::read(busy).await.body)[0])[0],
        "late"
    );
    for session in &sessions {
        let answer = stage.send(stage.post(ALICE, Some(session), PING)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    parked(&stage, 1).await;
    let opening = stage.send(stage.post(ALICE, None, INITIALIZE)).await;
    assert_eq!(opening.status, 200);
}
