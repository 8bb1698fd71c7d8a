//! Sessions that rest, and wake unseen; in one process and in the next.

use std::sync::atomic::Ordering;

use futures_util::poll;
use reqwest::Method;
use tokio::task::yield_now;
use waypost::{mcp, store::Store};

use super::stage::{ALICE, BOB, INITIALIZE, PING, Stage, call, event_ids, messages, texts};

fn parking(after: &str) -> mcp::Settings {
    let mut settings = mcp::Settings::default();
    settings.sessions.park_after = after.parse().unwrap();
    settings
}

async fn parked(stage: &Stage, count: i64) {
    stage
        .until("parked sessions", || stage.sessions("parked") == count)
        .await;
}

#[tokio::test]
async fn a_parked_session_wakes_unseen() {
    let stage = Stage::with(parking("150ms"), None).await;
    let session = stage.session(ALICE).await;
    let before = stage.call(&session, 1, "echo", "before").await;
    let event = event_ids(&before.body).remove(0);
    let conversation = texts(&messages(&before.body)[0])[1].clone();
    for round in 2..5 {
        parked(&stage, 1).await;
        assert_eq!(stage.sessions("active"), 0);
        let after = stage.call(&session, round, "echo", "after").await;
        let said = texts(&messages(&after.body)[0]);
        assert_eq!(said[..2], ["after", &*conversation], "{}", after.body);
        // What the client said of itself in its handshake.
        assert!(said[2].contains("sampling: true"), "{said:?}");
        assert_eq!(after.header("mcp-session-id"), "");
    }
    parked(&stage, 1).await;
    let replayed = stage
        .request(Method::GET, ALICE, Some(&session))
        .header("last-event-id", event);
    let replayed = stage.send(replayed).await;
    assert!(replayed.body.contains("before"), "{}", replayed.body);
    parked(&stage, 1).await;
    let bob = stage.send(stage.post(BOB, Some(&session), PING)).await;
    assert_eq!(bob.status, 404, "parked, it is still its owner's alone");
    assert_eq!(stage.sessions("active"), 0, "and nobody else wakes it");
    let deleted = stage
        .send(stage.request(Method::DELETE, ALICE, Some(&session)))
        .await;
    assert_eq!(deleted.status, 204);
    assert_eq!(
        stage
            .send(stage.post(ALICE, Some(&session), PING))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_client_that_leaves_while_its_session_wakes_is_not_in_the_way() {
    let stage = Stage::with(parking("100ms"), None).await;
    let session = stage.session(ALICE).await;
    for steps in 1..=16 {
        parked(&stage, 1).await;
        let request = axum::http::Request::post("/mcp")
            .header("host", "localhost")
            .header("authorization", format!("Bearer {ALICE}"))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("mcp-session-id", &session)
            .body(call(100 + steps, "echo", "left").into())
            .unwrap();
        let mut left = Box::pin(stage.endpoint.answer(request));
        for _ in 0..steps {
            if poll!(&mut left).is_ready() {
                break;
            }
            yield_now().await;
        }
        drop(left);
        let next = stage.call(&session, steps, "echo", "next").await;
        assert_eq!(next.status, 200, "after {steps}: {}", next.body);
        let said = messages(&next.body);
        let said = said.first().map(texts).unwrap_or_default();
        assert_eq!(
            said.first().map(String::as_str),
            Some("next"),
            "after {steps}"
        );
    }
    parked(&stage, 1).await;
}

#[tokio::test]
async fn many_requests_at_once_wake_a_session_once() {
    let stage = Stage::with(parking("150ms"), None).await;
    let session = stage.session(ALICE).await;
    for round in 0..5 {
        parked(&stage, 1).await;
        let calls = (0..16).map(|at| {
            let (stage, session) = (&stage, &session);
            async move {
                stage
                    .call(session, round * 100 + at, "echo", "together")
                    .await
            }
        });
        for answer in futures_util::future::join_all(calls).await {
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(
                texts(&messages(&answer.body)[0])[0],
                "together",
                "{}",
                answer.body
            );
        }
        assert_eq!((stage.sessions("active"), stage.sessions("parked")), (1, 0));
    }
}

#[tokio::test]
async fn sessions_in_use_are_not_parked() {
    let stage = Stage::with(parking("100ms"), None).await;
    let listening = stage.session(ALICE).await;
    let calling = stage.session(ALICE).await;
    let left = stage.session(ALICE).await;
    let resting = stage.session(ALICE).await;
    let stream = stage
        .open(stage.request(Method::GET, ALICE, Some(&listening)))
        .await;
    let held = stage
        .open(stage.post(ALICE, Some(&calling), call(1, "hold", "")))
        .await;
    drop(
        stage
            .open(stage.post(ALICE, Some(&left), call(1, "hold", "")))
            .await,
    );
    parked(&stage, 1).await;
    // The sweeper has looked at all of them, several times.
    let again = stage.session(ALICE).await;
    parked(&stage, 2).await;
    assert_eq!(
        stage.sessions("active"),
        3,
        "one listens, one calls, one has left its call running"
    );
    assert_eq!(stage.probe.dropped.load(Ordering::SeqCst), 0);
    stage.probe.leave.add_permits(2);
    drop((stream, held));
    parked(&stage, 5).await;
    for session in [listening, calling, left, resting, again] {
        assert_eq!(
            stage
                .send(stage.post(ALICE, Some(&session), PING))
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn a_client_that_never_finished_its_handshake_is_parked_too() {
    let stage = Stage::with(parking("100ms"), None).await;
    let answer = stage.send(stage.post(ALICE, None, INITIALIZE)).await;
    let session = answer.header("mcp-session-id").to_owned();
    parked(&stage, 1).await;
    let late = stage.call(&session, 1, "echo", "late").await;
    assert_eq!(texts(&messages(&late.body)[0])[0], "late", "{}", late.body);
}

#[tokio::test]
async fn sessions_survive_a_restart_with_their_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join("store.db")
        .into_os_string()
        .into_string()
        .unwrap();
    let stage = Stage::with(mcp::Settings::default(), Some(Store::open(&path).unwrap())).await;
    let session = stage.session(ALICE).await;
    let ended = stage.session(ALICE).await;
    let called = stage.call(&session, 1, "echo", "").await;
    let event = event_ids(&called.body).remove(0);
    assert_eq!(
        stage
            .send(stage.request(Method::DELETE, ALICE, Some(&ended)))
            .await
            .status,
        204
    );
    // The first is not stopped: a process that is killed says no farewell.
    let next = Stage::with(mcp::Settings::default(), Some(Store::open(&path).unwrap())).await;
    assert_eq!((next.sessions("active"), next.sessions("parked")), (0, 1));
    let bob = next.send(next.post(BOB, Some(&session), PING)).await;
    assert_eq!(bob.status, 404);
    assert_eq!(
        next.send(next.post(ALICE, Some(&ended), PING)).await.status,
        404
    );
    let answer = next.call(&session, 1, "echo", "after").await;
    assert_eq!(
        texts(&messages(&answer.body)[0])[0],
        "after",
        "{}",
        answer.body
    );
    // An id of before is still good, though its event is gone; it is not that of another one.
    let old = next
        .request(Method::GET, ALICE, Some(&session))
        .header("last-event-id", event);
    let old = next.send(old).await;
    assert_eq!(
        (old.status, messages(&old.body).len()),
        (200, 0),
        "{}",
        old.body
    );
    let written = std::fs::read(&path).unwrap();
    let wal = std::fs::read(format!("{path}-wal")).unwrap_or_default();
    let holds = |bytes: &[u8]| {
        bytes
            .windows(session.len())
            .any(|part| part == session.as_bytes())
    };
    assert!(
        !holds(&written) && !holds(&wal),
        "the store holds no id of a session"
    );
}
