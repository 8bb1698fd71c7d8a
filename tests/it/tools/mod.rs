//! Tools, called over MCP as any client of 2026-07-28 would: one POST for each call.

mod builtin;
mod completion;
mod embed;
mod http;
mod openapi;
mod search;
mod settings;
mod untrusted;

use serde_json::{Value, json};

use crate::support::{Answer, Gateway};

/// The request of one call.
pub(crate) fn request(tool: &str, arguments: Value, meta: Value) -> Value {
    let mut known = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "it", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let members = known.as_object_mut().unwrap();
    members.extend(meta.as_object().cloned().unwrap_or_default());
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": known},
    })
}

/// One call on its way, with the head a client sends.
pub(crate) fn post(gateway: &Gateway, tool: &str, request: &Value) -> reqwest::RequestBuilder {
    gateway
        .post("/mcp", request.to_string())
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
}

/// Calls a tool and gives the whole answer.
pub(crate) async fn answer(gateway: &Gateway, tool: &str, arguments: Value) -> Answer {
    let request = request(tool, arguments, json!({}));
    gateway.send(post(gateway, tool, &request)).await
}

/// Calls a tool and gives its result.
pub(crate) async fn call(gateway: &Gateway, tool: &str, arguments: Value) -> Value {
    result(&answer(gateway, tool, arguments).await)
}

/// The result in an answer.
pub(crate) fn result(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let message = match answer.events().last() {
        Some(event) => serde_json::from_str(event).unwrap(),
        None => answer.json(),
    };
    assert!(message["result"].is_object(), "{message}");
    message["result"].clone()
}

/// What a result says first.
pub(crate) fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}
