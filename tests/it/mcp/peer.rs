//! Clients of both revisions over HTTP, in plain JSON.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Answer, Gateway, gateway::PATIENCE};

/// A client of 2026-07-28, which has no session.
pub(crate) struct Modern<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) key: Option<&'a str>,
}

/// What every request of 2026-07-28 says of itself.
pub(crate) fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    })
}

impl Modern<'_> {
    pub(crate) fn request(&self, method: &str, mut params: Value) -> RequestBuilder {
        params["_meta"] = meta();
        let name = params.get("name").or_else(|| params.get("uri"));
        let name = name.and_then(Value::as_str).map(str::to_owned);
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut request = self
            .gateway
            .post("/mcp", body.to_string())
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
        match self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// The whole answer to a request.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let answer = self.gateway.send(self.request(method, params)).await;
        answer_of(&answer)
    }

    /// The result of a request.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        let answer = self.ask(method, params).await;
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    /// The code and message of a request's error.
    pub(crate) async fn error(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.ask(method, params).await;
        let error = &answer["error"];
        let code = error["code"].as_i64();
        let code = code.unwrap_or_else(|| panic!("no error: {answer}"));
        (code, error["message"].as_str().unwrap().to_owned())
    }

    /// Opens a subscription, and reads its acknowledgement.
    pub(crate) async fn listen(&self, notifications: Value) -> Events {
        let params = json!({"notifications": notifications});
        let mut events = Events::of(self.request("subscriptions/listen", params)).await;
        let first = events.next().await.expect("an acknowledgement");
        let acknowledged = "notifications/subscriptions/acknowledged";
        assert_eq!(first["method"], acknowledged, "{first}");
        events
    }
}

/// The JSON of an answer, of which the last event counts.
fn answer_of(answer: &Answer) -> Value {
    match answer.events().last() {
        Some(event) => serde_json::from_str(event).unwrap(),
        None => answer.json(),
    }
}

/// A session of 2025-11-25.
pub(crate) struct Session<'a> {
    gateway: &'a Gateway,
    id: String,
    key: Option<&'a str>,
}

impl<'a> Session<'a> {
    pub(crate) async fn begin(gateway: &'a Gateway, key: Option<&'a str>) -> Self {
        let mut session = Self {
            gateway,
            id: String::new(),
            key,
        };
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"},
        });
        let begun = session.send("initialize", Some(1), params).await;
        session.id = begun.header("mcp-session-id").to_owned();
        assert!(!session.id.is_empty(), "{begun:?}");
        let told = session
            .send("notifications/initialized", None, json!({}))
            .await;
        assert_eq!(told.status, 202);
        session
    }

    async fn send(&self, method: &str, id: Option<i64>, params: Value) -> Answer {
        let mut body = json!({"jsonrpc": "2.0", "method": method, "params": params});
        if let Some(id) = id {
            body["id"] = id.into();
        }
        let request = self.gateway.post("/mcp", body.to_string());
        self.gateway.send(self.with_head(request)).await
    }

    fn with_head(&self, request: RequestBuilder) -> RequestBuilder {
        let mut request = request.header("accept", "application/json, text/event-stream");
        if !self.id.is_empty() {
            request = request
                .header("mcp-session-id", &self.id)
                .header("mcp-protocol-version", "2025-11-25");
        }
        match self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// The whole answer to a request.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        answer_of(&self.send(method, Some(2), params).await)
    }

    /// What the server says by itself.
    pub(crate) async fn events(&self) -> Events {
        Events::of(self.with_head(self.gateway.get("/mcp"))).await
    }
}

/// A stream of events.
pub(crate) struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    async fn of(request: RequestBuilder) -> Self {
        let response = timeout(PATIENCE, request.send()).await.unwrap().unwrap();
        assert_eq!(response.status().as_u16(), 200);
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next message; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
                let data: String = data.map(str::trim).collect();
                self.text = rest.to_owned();
                if !data.is_empty() {
                    return Some(serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let chunk = timeout(PATIENCE, self.response.chunk());
            let chunk = chunk.await.expect("an event in time").ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The methods of the next messages.
    pub(crate) async fn methods(&mut self, count: usize) -> Vec<String> {
        let mut methods = Vec::new();
        for _ in 0..count {
            let message = self.next().await.expect("a message");
            methods.push(message["method"].as_str().unwrap_or_default().to_owned());
        }
        methods
    }
}
