//! Calls of tools where operators look: on `/admin/requests/{id}`, in `/admin/tools`, in metrics.

use serde_json::{Value, json};

use crate::support::{Gateway, metrics::sum};

/// The tool takes no arguments, so that a call with one is refused whatever the tool does.
const CONFIG: &str = "
mcp: { builtin: false }
tools:
  test_simple_text: { kind: fixture, does: text, description: Says something., rpm: 60, concurrency: { limit: 3 } }
";

/// Calls the tool as a stateless client of 2026-07-28 does.
async fn call(gateway: &Gateway, name: &str, id: &str) -> Value {
    let body = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": name,
            "arguments": { "no such": 1 },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    let request = gateway.post("/mcp", body.to_string());
    let request = request
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", name)
        .header("x-request-id", id);
    gateway.send(request).await.json()
}

#[tokio::test]
async fn a_call_is_told_on_the_admin_listener() {
    let gateway = Gateway::start(CONFIG).await;
    let answer = call(&gateway, "test_simple_text", "trace-1").await;
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let told = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert_eq!(
        told,
        r#"Invalid arguments: there may be no member "no such""#
    );
    call(&gateway, "nobody", "trace-2").await;

    let known = |hall: &waypost::http::Hall| hall.ledger.find_tool_call("trace-1").is_some();
    gateway.until("the record", known).await;
    let record = gateway.admin("/admin/requests/trace-1").await.json();
    let called = &record["tool_call"];
    for (key, expected) in [
        ("tool", json!("test_simple_text")),
        ("kind", json!("fixture")),
        ("caller", json!("anonymous")),
        ("outcome", json!("invalid_arguments")),
        ("runs", json!(0)),
    ] {
        assert_eq!(called[key], expected, "{record}");
    }
    assert_eq!(record["completions"], json!([]));

    let tools = gateway.admin("/admin/tools").await.json();
    let tool = &tools[0];
    assert_eq!(tool["tool"], "test_simple_text", "{tools}");
    assert_eq!(tool["calls"], 1);
    assert_eq!(tool["rpm"], 60);
    assert_eq!(tool["concurrency"]["limit"], 3);

    let text = gateway.admin("/metrics").await.body;
    let calls = |labels: &[(&str, &str)]| sum(&text, "waypost_tool_calls_total", labels);
    let refused = ("outcome", "invalid_arguments");
    assert_eq!(calls(&[("tool", "test_simple_text"), refused]), 1.0);
    assert_eq!(
        calls(&[("tool", "other"), ("outcome", "unknown_tool")]),
        1.0
    );
    assert!(!text.contains("nobody"), "no name of a caller's is a label");
    assert_eq!(
        sum(
            &text,
            "waypost_tool_circuit",
            &[("tool", "test_simple_text")]
        ),
        0.0
    );
}
