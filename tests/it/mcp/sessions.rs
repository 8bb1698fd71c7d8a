//! Whose sessions are, how many there may be, and what ends them.

use std::{sync::atomic::Ordering, time::Duration};

use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;
use waypost::mcp;

use super::stage::{ALICE, BOB, INITIALIZE, PING, Stage, call, event_ids, messages, texts};

fn settings(change: impl FnOnce(&mut mcp::sessions::Settings)) -> mcp::Settings {
    let mut settings = mcp::Settings::default();
    change(&mut settings.sessions);
    settings
}

#[tokio::test]
async fn a_session_is_its_owners_alone() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    assert!(session.len() >= 32 && session.bytes().all(|byte| byte.is_ascii_graphic()));
    let called = stage.call(&session, 1, "echo", "mine").await;
    let event = event_ids(&called.body).remove(0);
    let mut told = Vec::new();
    for (key, id) in [
        (BOB, &*session),
        (ALICE, "0123456789abcdef0123456789abcdef"),
        (ALICE, ""),
    ] {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            let post = stage.post(key, Some(id), PING);
            let request = if method == Method::POST {
                post
            } else {
                stage.request(method.clone(), key, Some(id))
            };
            let answer = stage.send(request).await;
            assert_eq!(answer.status, 404, "{key} {method} {}", answer.body);
            let mut body = answer.json();
            body["id"].take();
            told.push(body);
        }
        let resume = stage
            .request(Method::GET, key, Some(id))
            .header("last-event-id", &event);
        assert_eq!(stage.send(resume).await.status, 404);
    }
    assert!(told.iter().all(|body| *body == told[0]), "{told:?}");
    let alive = stage.call(&session, 2, "echo", "still mine").await;
    assert_eq!(texts(&messages(&alive.body)[0])[0], "still mine");
}

#[tokio::test]
async fn calls_of_a_session_share_a_conversation_and_sessions_do_not() {
    let stage = Stage::start().await;
    let (one, two) = (stage.session(ALICE).await, stage.session(ALICE).await);
    let mut seen = Vec::new();
    for (session, id) in [(&one, 1), (&one, 2), (&two, 1)] {
        let answer = stage.call(session, id, "echo", "").await;
        seen.push(texts(&messages(&answer.body)[0])[1].clone());
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test]
async fn an_id_in_flight_cannot_be_used_again() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let first = stage
        .open(stage.post(ALICE, Some(&session), call(7, "hold", "first")))
        .await;
    stage
        .until("the call", || {
            stage.probe.started.load(Ordering::SeqCst) == 1
        })
        .await;
    let second = stage.call(&session, 7, "echo", "second").await;
    assert_eq!(second.status, 400, "{}", second.body);
    assert_eq!(second.json()["error"]["code"], -32600);
    assert_eq!(second.json()["id"], 7);
    // A number is not the string of its digits.
    let other = stage.post(
        ALICE,
        Some(&session),
        call(7, "echo", "").replace(":7,", ":\"7\","),
    );
    assert_eq!(stage.send(other).await.status, 200);
    stage.probe.leave.add_permits(1);
    let first = crate::support::Answer::read(first).await;
    assert_eq!(
        texts(&messages(&first.body)[0])[0],
        "first",
        "{}",
        first.body
    );
    let again = stage.call(&session, 7, "echo", "third").await;
    assert_eq!(
        texts(&messages(&again.body)[0])[0],
        "third",
        "answered ids are free"
    );
}

#[tokio::test]
async fn delete_ends_a_session_and_what_runs_in_it() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let running = stage
        .open(stage.post(ALICE, Some(&session), call(1, "hold", "")))
        .await;
    let listening = stage
        .open(stage.request(Method::GET, ALICE, Some(&session)))
        .await;
    assert_eq!(listening.status(), 200);
    stage
        .until("the call", || {
            stage.probe.started.load(Ordering::SeqCst) == 1
        })
        .await;
    let before = Instant::now();
    let deleted = stage
        .send(stage.request(Method::DELETE, ALICE, Some(&session)))
        .await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    crate::support::Answer::read(running).await;
    crate::support::Answer::read(listening).await;
    stage
        .until("the call's end", || {
            stage.probe.dropped.load(Ordering::SeqCst) == 1
        })
        .await;
    // rmcp lets calls run on for five seconds.
    assert!(before.elapsed() < Duration::from_secs(3), "at once");
    for request in [
        stage.post(ALICE, Some(&session), PING),
        stage.request(Method::GET, ALICE, Some(&session)),
        stage.request(Method::DELETE, ALICE, Some(&session)),
    ] {
        assert_eq!(stage.send(request).await.status, 404);
    }
    assert_eq!((stage.sessions("active"), stage.sessions("parked")), (0, 0));
    assert_eq!(stage.streams(), 0);
}

#[tokio::test]
async fn a_handshake_that_is_too_large_opens_no_session() {
    let stage = Stage::start().await;
    let large = INITIALIZE.replace("\"test\"", &format!("\"{}\"", "x".repeat(64 * 1024)));
    let answer = stage.send(stage.post(ALICE, None, large)).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let said = answer.json();
    assert_eq!(
        (&said["error"]["code"], &said["id"]),
        (&json!(-32602), &json!(0))
    );
    assert_eq!((stage.sessions("active"), stage.sessions("parked")), (0, 0));
}

#[tokio::test]
async fn what_a_session_may_follow_is_bounded() {
    let settings = json!({
        "listeners": {"resources": 300},
        "templates": {"each": {"uri": "test://{id}", "text": "each"}},
    });
    let settings: mcp::Settings = serde_json::from_value(settings).unwrap();
    let stage = Stage::with(settings, None).await;
    let session = stage.session(ALICE).await;
    let subscribe = async |id: usize, uri: &str| {
        let params = json!({"uri": uri});
        let request =
            json!({"jsonrpc": "2.0", "id": id, "method": "resources/subscribe", "params": params});
        let request = stage.post(ALICE, Some(&session), request.to_string());
        messages(&stage.send(request).await.body).remove(0)["error"]["code"].clone()
    };
    let long = format!("test://{}", "x".repeat(2048));
    assert_eq!(subscribe(0, &long).await, -32602);
    for id in 1..=256 {
        assert_eq!(subscribe(id, &format!("test://{id}")).await, json!(null));
    }
    assert_eq!(subscribe(257, "test://more").await, -32602);
    assert_eq!(
        subscribe(258, "test://256").await,
        json!(null),
        "known already"
    );
}

#[tokio::test]
async fn beyond_the_cap_of_a_key_its_own_longest_idle_gives_way() {
    let stage = Stage::with(settings(|sessions| sessions.per_key = 3), None).await;
    let bobs = stage.session(BOB).await;
    let first = stage.session(ALICE).await;
    let second = stage.session(ALICE).await;
    let third = stage.session(ALICE).await;
    // The first was used last, so the second is the longest idle.
    assert_eq!(
        stage
            .send(stage.post(ALICE, Some(&first), PING))
            .await
            .status,
        200
    );
    let fourth = stage.session(ALICE).await;
    assert_eq!(
        stage
            .send(stage.post(ALICE, Some(&second), PING))
            .await
            .status,
        404
    );
    for session in [&first, &third, &fourth] {
        assert_eq!(
            stage
                .send(stage.post(ALICE, Some(session), PING))
                .await
                .status,
            200
        );
    }
    assert_eq!(
        stage.send(stage.post(BOB, Some(&bobs), PING)).await.status,
        200
    );
    assert_eq!(stage.evicted("per_key"), 1);
}

#[tokio::test]
async fn when_no_session_is_idle_a_new_one_is_503_and_the_old_ones_work() {
    let caps = settings(|sessions| (sessions.max, sessions.per_key) = (2, 2));
    let stage = Stage::with(caps, None).await;
    let busy = stage.session(ALICE).await;
    let listening = stage.session(ALICE).await;
    let call_of_it = stage
        .open(stage.post(ALICE, Some(&busy), call(1, "hold", "")))
        .await;
    let stream = stage
        .open(stage.request(Method::GET, ALICE, Some(&listening)))
        .await;
    for key in [ALICE, BOB] {
        let refused = stage.send(stage.post(key, None, INITIALIZE)).await;
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert_eq!(refused.header("retry-after"), "5");
        assert_eq!(refused.json()["error"]["code"], -32000);
        assert_eq!(refused.header("mcp-session-id"), "");
    }
    for session in [&busy, &listening] {
        assert_eq!(
            stage
                .send(stage.post(ALICE, Some(session), PING))
                .await
                .status,
            200
        );
    }
    drop(stream);
    stage
        .until("the stream's end", || stage.streams() == 1)
        .await;
    let bobs = stage.session(BOB).await;
    assert_eq!(
        stage
            .send(stage.post(ALICE, Some(&listening), PING))
            .await
            .status,
        404
    );
    assert_eq!(
        stage.send(stage.post(BOB, Some(&bobs), PING)).await.status,
        200
    );
    assert_eq!(stage.evicted("max"), 1);
    drop(call_of_it);
}

#[tokio::test]
async fn an_initialize_that_fails_leaves_no_session() {
    let stage = Stage::start().await;
    let bad = INITIALIZE.replace("\"protocolVersion\":\"2025-11-25\",", "");
    for body in [
        bad,
        INITIALIZE.replace("{\"protocolVersion", "{\"x\":1,\"protocolversion"),
    ] {
        let answer = stage.send(stage.post(ALICE, None, body)).await;
        assert!(
            answer.status != 200 || answer.body.contains("error"),
            "{}",
            answer.body
        );
    }
    let known = || stage.sessions("active") + stage.sessions("parked");
    stage.until("no session", || known() == 0).await;
    let session = stage.session(ALICE).await;
    let twice = stage
        .send(stage.post(ALICE, Some(&session), INITIALIZE))
        .await;
    assert_eq!(twice.status, 400, "{}", twice.body);
}

#[tokio::test]
async fn a_revoked_key_ends_its_streams_and_opens_nothing() {
    let stage = Stage::start().await;
    let (alices, bobs) = (stage.session(ALICE).await, stage.session(BOB).await);
    let alice = stage
        .open(stage.request(Method::GET, ALICE, Some(&alices)))
        .await;
    let bob = stage
        .open(stage.request(Method::GET, BOB, Some(&bobs)))
        .await;
    stage.until("streams", || stage.streams() == 2).await;
    // The same caller with another key: the old one is no longer good.
    stage.reload(
        mcp::Settings::default(),
        &[("alice", "wp-alice-new-0123456"), ("bob", BOB)],
    );
    crate::support::Answer::read(alice).await;
    stage.until("one stream", || stage.streams() == 1).await;
    assert_eq!(
        stage
            .send(stage.post(ALICE, Some(&alices), PING))
            .await
            .status,
        401
    );
    let rotated = stage.post("wp-alice-new-0123456", Some(&alices), PING);
    assert_eq!(
        stage.send(rotated).await.status,
        200,
        "the session is the caller's"
    );
    stage.reload(mcp::Settings::default(), &[("alice", ALICE)]);
    crate::support::Answer::read(bob).await;
    assert_eq!(
        stage.send(stage.post(BOB, Some(&bobs), PING)).await.status,
        401
    );
}

#[tokio::test]
async fn idle_sessions_are_given_up_and_busy_ones_kept() {
    let short = settings(|sessions| {
        sessions.idle = "300ms".parse().unwrap();
        sessions.park_after = "200ms".parse().unwrap();
    });
    let stage = Stage::with(short, None).await;
    let idle = stage.session(ALICE).await;
    let calling = stage.session(ALICE).await;
    let listening = stage.session(ALICE).await;
    let call_of_it = stage
        .open(stage.post(ALICE, Some(&calling), call(1, "hold", "kept")))
        .await;
    let stream = stage
        .open(stage.request(Method::GET, ALICE, Some(&listening)))
        .await;
    stage
        .until("the idle one's end", || stage.evicted("idle") == 1)
        .await;
    assert_eq!(
        stage
            .send(stage.post(ALICE, Some(&idle), PING))
            .await
            .status,
        404
    );
    // Longer than a silent call may take in the library, whose timer is off.
    stage.probe.leave.add_permits(1);
    let answer = crate::support::Answer::read(call_of_it).await;
    assert_eq!(texts(&messages(&answer.body)[0])[0], "kept");
    drop(stream);
    stage
        .until("the end of all", || {
            stage.sessions("active") + stage.sessions("parked") == 0
        })
        .await;
}
