//! Both revisions over HTTP/2, many calls on one connection.

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::timeout;

use super::speaker::{ALICE, Modern, gateway};
use crate::support::{Gateway, gateway::PATIENCE, metrics::sum};

const TOOLS: &[&str] = &[
    "count: { kind: fixture, does: count, description: Counts., input_schema: { properties: { n: {}, ms: {} } } }",
];

fn over_http2() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy();
    client.http2_prior_knowledge().build().unwrap()
}

/// Waits until that many calls of tools run.
async fn until_running(gateway: &Gateway, count: f64) {
    let running = async {
        loop {
            let metrics = gateway.admin("/metrics").await.body;
            if sum(&metrics, "waypost_tool_running", &[]) == count {
                return;
            }
        }
    };
    timeout(PATIENCE, running)
        .await
        .expect("all calls run at once");
}

#[tokio::test]
async fn many_calls_on_one_connection_run_at_once() {
    let mut gateway = gateway("", TOOLS).await;
    gateway.client = over_http2();
    let client = Modern::new(&gateway, ALICE);
    let calls = (0..64).map(|_| client.call("count", json!({"n": 1, "ms": 2000})));
    let (replies, ()) = tokio::join!(join_all(calls), until_running(&gateway, 64.0));
    for reply in replies {
        assert_eq!(reply.text(), "counted 1 for alice");
    }
}

#[tokio::test]
async fn many_calls_in_one_session_run_at_once() {
    let mut gateway = gateway("", TOOLS).await;
    gateway.client = over_http2();
    let post = |body: serde_json::Value| {
        let request = gateway.post("/mcp", body.to_string()).bearer_auth(ALICE);
        request.header("accept", "application/json, text/event-stream")
    };
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"},
    });
    let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello});
    let begun = gateway.send(post(hello)).await;
    let session = begun.header("mcp-session-id").to_owned();
    let calls = (1..=64).map(|id| {
        let call = json!({"name": "count", "arguments": {"n": 1, "ms": 2000}});
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call});
        gateway.send(post(call).header("mcp-session-id", &session))
    });
    let (answers, ()) = tokio::join!(join_all(calls), until_running(&gateway, 64.0));
    for answer in answers {
        assert!(
            answer.body.contains("counted 1 for alice"),
            "{}",
            answer.body
        );
    }
}
