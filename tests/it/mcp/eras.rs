//! Both eras on one path, and the end of all streams.

use std::sync::atomic::Ordering;

use reqwest::Method;
use serde_json::json;

use super::stage::{ALICE, PING, Stage, call};
use crate::support::{Answer, raw::Raw};

const META: &str = "io.modelcontextprotocol";

pub(super) fn modern(stage: &Stage, tool: &str) -> reqwest::RequestBuilder {
    let meta = json!({
        format!("{META}/protocolVersion"): "2026-07-28",
        format!("{META}/clientCapabilities"): {},
    });
    let params = json!({"name": tool, "arguments": {"text": "modern"}, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let post = stage.post(ALICE, None, body.to_string());
    let post = post.header("mcp-protocol-version", "2026-07-28");
    post.header("mcp-method", "tools/call")
        .header("mcp-name", tool)
}

#[tokio::test]
async fn the_stateless_era_has_no_sessions() {
    let stage = Stage::start().await;
    let answer = stage
        .send(modern(&stage, "echo").header("mcp-session-id", "nobody's"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["result"]["content"][0]["text"], "modern");
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(answer.header("mcp-session-id"), "");
    for method in [Method::GET, Method::DELETE] {
        let request = stage.request(method, ALICE, Some("nobody's"));
        let request = request.header("mcp-protocol-version", "2026-07-28");
        let answer = stage.send(request.header("last-event-id", "1")).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
        assert_eq!(answer.json()["error"]["code"], -32600);
    }
    assert_eq!(stage.sessions("active") + stage.sessions("parked"), 0);
}

#[tokio::test]
async fn headers_that_lie_about_the_body_are_refused() {
    let stage = Stage::start().await;
    for (name, value) in [
        ("mcp-name", "hold"),
        ("mcp-method", "tools/list"),
        ("mcp-protocol-version", "2099-01-01"),
    ] {
        let mut request = modern(&stage, "echo").build().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let response = stage.client.execute(request).await.unwrap();
        let answer = Answer::read(response).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.body);
        assert!(
            [-32020, -32022].contains(&answer.json()["error"]["code"].as_i64().unwrap()),
            "{}",
            answer.body
        );
        assert!(!answer.header("x-request-id").is_empty());
    }
    assert_eq!(stage.probe.started.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_disconnect_cancels_in_the_stateless_era_only() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let kept = stage
        .open(stage.post(ALICE, Some(&session), call(1, "hold", "")))
        .await;
    stage
        .until("a call", || stage.probe.started.load(Ordering::SeqCst) == 1)
        .await;
    drop(kept);
    let modern = tokio::spawn(modern(&stage, "hold").send());
    stage
        .until("two calls", || {
            stage.probe.started.load(Ordering::SeqCst) == 2
        })
        .await;
    modern.abort();
    stage
        .until("a cancelled call", || {
            stage.probe.dropped.load(Ordering::SeqCst) == 1
        })
        .await;
    stage.probe.leave.add_permits(1);
    stage
        .until("the other's end", || {
            stage.probe.finished.load(Ordering::SeqCst) == 1
        })
        .await;
    assert_eq!(stage.probe.dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_end_of_the_drain_ends_streams_and_calls() {
    let mut stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let listening = stage
        .open(stage.request(Method::GET, ALICE, Some(&session)))
        .await;
    let running = stage
        .open(stage.post(ALICE, Some(&session), call(1, "hold", "")))
        .await;
    stage
        .until("a call", || stage.probe.started.load(Ordering::SeqCst) == 1)
        .await;
    stage.drain().await;
    // Both end as streams should, not by a broken connection.
    for stream in [listening, running] {
        assert!(stream.bytes().await.is_ok());
    }
    stage
        .until("the call's end", || {
            stage.probe.dropped.load(Ordering::SeqCst) == 1
        })
        .await;
}

#[tokio::test]
async fn what_http_sends_as_two_hosts_is_no_request() {
    let gateway = crate::support::Gateway::start("").await;
    let mut raw = Raw::open(&gateway).await;
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nhost: evil\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{PING}",
        PING.len()
    );
    raw.send(head).await;
    let answer = raw.closed().await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}
