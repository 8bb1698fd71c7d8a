//! Streams that were lost, and what their clients can still have.

use std::sync::atomic::Ordering;

use reqwest::Method;

use super::stage::{ALICE, BOB, PING, Stage, call, event_ids, messages, texts};
use crate::support::{Answer, gateway::PATIENCE};

/// Opens a call of `hold` and reads the id of its first event.
async fn primed(stage: &Stage, session: &str, id: u32) -> (reqwest::Response, String) {
    let mut response = stage
        .open(stage.post(ALICE, Some(session), call(id, "hold", "late")))
        .await;
    let mut read = String::new();
    while event_ids(&read).is_empty() || !read.ends_with("\n\n") {
        let bytes = response.chunk().await.unwrap().expect("a priming event");
        read.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    (response, event_ids(&read).remove(0))
}

fn resume(stage: &Stage, key: &str, session: &str, last: &str) -> reqwest::RequestBuilder {
    stage
        .request(Method::GET, key, Some(session))
        .header("last-event-id", last)
}

#[tokio::test]
async fn a_call_outlives_its_stream_and_its_result_can_be_fetched() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let (lost, event) = primed(&stage, &session, 1).await;
    drop(lost);
    stage
        .until("the stream's end", || stage.streams() == 0)
        .await;
    // Asked for before the result is there, and again after.
    let early = stage.open(resume(&stage, ALICE, &session, &event)).await;
    assert_eq!(stage.probe.dropped.load(Ordering::SeqCst), 0);
    stage.probe.leave.add_permits(1);
    let early = Answer::read(early).await;
    let late = stage.send(resume(&stage, ALICE, &session, &event)).await;
    for answer in [early, late] {
        let found = messages(&answer.body);
        assert_eq!(found.len(), 1, "{}", answer.body);
        assert_eq!(
            (&found[0]["id"], &*texts(&found[0])[0]),
            (&1.into(), "late")
        );
        // Nothing follows the last event.
        let last = event_ids(&answer.body).pop().unwrap();
        let rest = stage.send(resume(&stage, ALICE, &session, &last)).await;
        assert_eq!((rest.status, messages(&rest.body).len()), (200, 0));
    }
    assert_eq!(
        stage.probe.finished.load(Ordering::SeqCst),
        1,
        "it ran once"
    );
}

#[tokio::test]
async fn a_replay_has_its_own_streams_events_only() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let (one, first) = primed(&stage, &session, 1).await;
    stage.call(&session, 2, "echo", "another").await;
    stage.probe.leave.add_permits(1);
    Answer::read(one).await;
    let replayed = stage.send(resume(&stage, ALICE, &session, &first)).await;
    let found = messages(&replayed.body);
    assert_eq!(found.len(), 1, "{}", replayed.body);
    assert_eq!(found[0]["id"], 1);
}

#[tokio::test]
async fn events_of_other_sessions_and_forged_ids_replay_nothing() {
    let stage = Stage::start().await;
    let alices = stage.session(ALICE).await;
    let others = stage.session(ALICE).await;
    let bobs = stage.session(BOB).await;
    let answer = stage.call(&alices, 1, "echo", "secret").await;
    let event = event_ids(&answer.body).remove(0);
    let mut forged = event.clone();
    let digit = forged.pop().unwrap();
    forged.push(if digit == '0' { '1' } else { '0' });
    for (key, session, last) in [
        (BOB, &bobs, event.as_str()),
        (ALICE, &others, &event),
        (ALICE, &alices, &forged),
        (ALICE, &alices, "2"),
        (ALICE, &alices, "0/0"),
        (ALICE, &alices, ""),
    ] {
        let answer = stage.send(resume(&stage, key, session, last)).await;
        assert_eq!(answer.status, 400, "{last}: {}", answer.body);
        assert!(!answer.body.contains("secret"));
    }
    let theirs = stage.send(resume(&stage, BOB, &alices, &event)).await;
    assert_eq!(theirs.status, 404);
    let none = stage
        .client
        .get(&stage.url)
        .bearer_auth(ALICE)
        .header("accept", "text/event-stream");
    let none = stage.send(none.header("last-event-id", &event)).await;
    assert_eq!(none.status, 400, "without a session: {}", none.body);
    let own = stage.send(resume(&stage, ALICE, &alices, &event)).await;
    assert!(own.body.contains("secret"), "{}", own.body);
}

#[tokio::test]
async fn a_call_that_was_called_off_ends_its_streams_and_frees_its_id() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let (lost, event) = primed(&stage, &session, 1).await;
    drop(lost);
    let resumed = stage.open(resume(&stage, ALICE, &session, &event)).await;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let told = stage.send(stage.post(ALICE, Some(&session), cancel)).await;
    assert_eq!(told.status, 202, "{}", told.body);
    stage
        .until("the call's end", || {
            stage.probe.dropped.load(Ordering::SeqCst) == 1
        })
        .await;
    Answer::read(resumed).await;
    let again = stage.call(&session, 1, "echo", "again").await;
    assert_eq!(texts(&messages(&again.body)[0])[0], "again");
}

#[tokio::test]
async fn a_call_that_was_called_off_ends_its_stream_while_another_runs() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let (lost, event) = primed(&stage, &session, 1).await;
    let (other, _) = primed(&stage, &session, 2).await;
    drop(lost);
    let resumed = stage.open(resume(&stage, ALICE, &session, &event)).await;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let told = stage.send(stage.post(ALICE, Some(&session), cancel)).await;
    assert_eq!(told.status, 202, "{}", told.body);
    let ended = tokio::time::timeout(PATIENCE, Answer::read(resumed)).await;
    ended.expect("an end in time");
    stage.probe.leave.add_permits(1);
    let other = Answer::read(other).await;
    assert_eq!(
        texts(&messages(&other.body)[0])[0],
        "late",
        "{}",
        other.body
    );
}

#[tokio::test]
async fn a_lost_stream_on_which_nothing_came_is_opened_again() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let mut first = stage
        .open(stage.request(Method::GET, ALICE, Some(&session)))
        .await;
    let primed = first.chunk().await.unwrap().expect("a priming event");
    let last = event_ids(std::str::from_utf8(&primed).unwrap()).remove(0);
    drop(first);
    stage
        .until("the stream's end", || stage.streams() == 0)
        .await;
    let mut again = stage.open(resume(&stage, ALICE, &session, &last)).await;
    assert_eq!(again.status(), 200);
    stage.change_tools();
    let mut heard = String::new();
    while !heard.contains("notifications/tools/list_changed") {
        let bytes = tokio::time::timeout(PATIENCE, again.chunk()).await;
        let bytes = bytes.expect("a change in time").unwrap().expect("a change");
        heard.push_str(std::str::from_utf8(&bytes).unwrap());
    }
}

#[tokio::test]
async fn what_is_open_is_bounded() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let mut open = Vec::new();
    for id in 0..128 {
        let called = stage
            .open(stage.post(ALICE, Some(&session), call(id, "hold", "")))
            .await;
        assert_eq!(called.status(), 200);
        open.push(called);
    }
    let more = stage.send(stage.post(ALICE, Some(&session), PING)).await;
    assert_eq!(more.status, 429, "{}", more.body);
    assert_eq!(more.header("retry-after"), "1");
    stage.probe.leave.add_permits(128);
    for called in open {
        Answer::read(called).await;
    }
    assert_eq!(
        stage
            .send(stage.post(ALICE, Some(&session), PING))
            .await
            .status,
        200
    );
}
