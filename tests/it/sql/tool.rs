//! The tool as clients see it: a gateway with one tool, called over MCP.

use serde_json::{Value, json};

use super::server::Shop;
use crate::support::Gateway;

/// A gateway whose tool `query` asks a shop.
pub(super) struct Tool {
    /// The gateway.
    pub(super) gateway: Gateway,
}

impl Tool {
    /// For a role, with more settings in YAML.
    pub(super) async fn of(shop: &Shop, role: &str, settings: &str) -> Self {
        Self::at(&shop.url(role), settings).await
    }

    /// At an address.
    pub(super) async fn at(url: &str, settings: &str) -> Self {
        let yaml = format!(
            "providers: {{ simulated: {{}} }}\nroutes: {{ a: {{ targets: [simulated/echo] }} }}\n\
             tools:\n  query: {{ kind: postgres, description: Queries a shop., url: '{url}', {settings} }}\n"
        );
        Self {
            gateway: Gateway::start(&yaml).await,
        }
    }

    /// The request of a call.
    pub(super) fn request(&self, arguments: &Value) -> reqwest::RequestBuilder {
        let body = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": "query",
                "arguments": arguments,
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        });
        let request = self.gateway.post("/mcp", body.to_string());
        request
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "query")
    }

    /// Calls it.
    pub(super) async fn call(&self, arguments: &Value) -> Value {
        let answer = self.gateway.send(self.request(arguments)).await;
        let text = answer
            .events()
            .into_iter()
            .find(|event| event.contains("jsonrpc"));
        let message: Value = match text {
            Some(event) => serde_json::from_str(event).unwrap(),
            None => answer.json(),
        };
        message["result"].clone()
    }

    /// What a statement gives.
    pub(super) async fn table(&self, sql: &str) -> Value {
        let result = self.call(&json!({ "sql": sql })).await;
        assert_ne!(result["isError"], true, "{sql}: {result}");
        let text: Value =
            serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(
            text, result["structuredContent"],
            "text and data are the same"
        );
        result["structuredContent"].clone()
    }

    /// What a statement fails with.
    pub(super) async fn fault(&self, sql: &str) -> String {
        fault(&self.call(&json!({ "sql": sql })).await)
    }
}

/// The text of a failed call.
pub(super) fn fault(result: &Value) -> String {
    assert_eq!(result["isError"], true, "{result}");
    result["content"][0]["text"].as_str().unwrap().to_owned()
}
