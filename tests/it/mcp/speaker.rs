//! Clients of both revisions that send what they are told, and fixtures for them to call.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Gateway, gateway::PATIENCE};

/// Alice's key, and Bob's.
pub(crate) const ALICE: &str = "wp-alice-0123456789abcdef";
pub(crate) const BOB: &str = "wp-bob-0123456789abcdef00";

/// A gateway with two keys and these tools, each `NAME: {…}` on a line; `mcp` is more of `mcp`.
pub(crate) async fn gateway(mcp: &str, tools: &[&str]) -> Gateway {
    let tools: String = tools.iter().map(|tool| format!("  {tool}\n")).collect();
    let yaml = format!(
        "providers: {{ nobody: {{ dialect: simulated }} }}\n\
         server: {{ drain: 2s }}\n\
         access: {{ keys: [{{ name: alice, key: {ALICE} }}, {{ name: bob, key: {BOB} }}] }}\n\
         mcp: {{ {mcp} }}\n\
         tools:\n{tools}"
    );
    Gateway::start(&yaml).await
}

/// A client of 2026-07-28: every request stands alone.
#[derive(Clone)]
pub(crate) struct Modern<'a> {
    gateway: &'a Gateway,
    key: &'a str,
    /// What it can be asked.
    pub(crate) able: Value,
    /// More of `_meta`.
    pub(crate) meta: Value,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// What came before the answer.
    pub(crate) notes: Vec<Value>,
    /// The answer.
    pub(crate) answer: Value,
}

impl Reply {
    pub(crate) fn result(&self) -> &Value {
        self.answer
            .get("result")
            .unwrap_or_else(|| panic!("{self:?}"))
    }

    pub(crate) fn code(&self) -> i64 {
        self.answer["error"]["code"]
            .as_i64()
            .unwrap_or_else(|| panic!("{self:?}"))
    }

    /// The text of a tool's result.
    pub(crate) fn text(&self) -> &str {
        self.result()["content"][0]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("{self:?}"))
    }
}

impl<'a> Modern<'a> {
    /// One that can be asked everything, and polls tasks.
    pub(crate) fn new(gateway: &'a Gateway, key: &'a str) -> Self {
        let able = json!({
            "elicitation": {}, "sampling": {}, "roots": {},
            "extensions": {"io.modelcontextprotocol/tasks": {}},
        });
        Self {
            gateway,
            key,
            able,
            meta: json!({}),
        }
    }

    /// The same with other abilities.
    pub(crate) fn able(&self, able: Value) -> Self {
        Self {
            able,
            ..self.clone()
        }
    }

    pub(crate) fn request(&self, method: &str, mut params: Value) -> reqwest::RequestBuilder {
        let name = ["name", "taskId", "uri"];
        let name = name.iter().find_map(|key| params[key].as_str());
        let name = name.unwrap_or_default().to_owned();
        let mut meta = self.meta.clone();
        meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
        meta["io.modelcontextprotocol/clientCapabilities"] = self.able.clone();
        params["_meta"] = meta;
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = self.gateway.post("/mcp", body.to_string());
        let request = request
            .bearer_auth(self.key)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        if name.is_empty() {
            request
        } else {
            request.header("mcp-name", name)
        }
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Reply {
        let answer = self.gateway.send(self.request(method, params)).await;
        let mut messages: Vec<Value> = if answer.header("content-type").contains("event-stream") {
            let events = answer
                .events()
                .into_iter()
                .filter(|event| !event.is_empty());
            events
                .map(|event| serde_json::from_str(event).unwrap())
                .collect()
        } else {
            vec![answer.json()]
        };
        Reply {
            status: answer.status,
            answer: messages.pop().unwrap(),
            notes: messages,
        }
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Reply {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments}))
            .await
    }

    /// Calls a tool that answers `input_required`; gives its state.
    pub(crate) async fn state_of(&self, tool: &str, arguments: Value) -> String {
        let reply = self.call(tool, arguments).await;
        assert_eq!(reply.result()["resultType"], "input_required", "{reply:?}");
        reply.result()["requestState"].as_str().unwrap().to_owned()
    }

    /// Comes back to a tool without arguments.
    pub(crate) async fn back(&self, tool: &str, state: &str, answers: Value) -> Reply {
        let params = json!({"name": tool, "arguments": {}, "requestState": state, "inputResponses": answers});
        self.ask("tools/call", params).await
    }

    /// Begins a task; gives its id.
    pub(crate) async fn begin(&self, tool: &str, arguments: Value) -> String {
        let reply = self.call(tool, arguments).await;
        assert_eq!(reply.result()["resultType"], "task", "{reply:?}");
        reply.result()["taskId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn task(&self, id: &str) -> Reply {
        self.ask("tasks/get", json!({"taskId": id})).await
    }

    /// The task, once its status is this.
    pub(crate) async fn task_when(&self, id: &str, status: &str) -> Value {
        let reached = async {
            loop {
                let task = self.task(id).await;
                if task.result()["status"] == status {
                    return task.result().clone();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, reached)
            .await
            .unwrap_or_else(|_| panic!("{id} never was {status}"))
    }
}

/// A client of 2025-11-25, in its session.
pub(crate) struct Legacy<'a> {
    gateway: &'a Gateway,
    session: String,
}

/// One answer that is still being written.
pub(crate) struct Stream {
    response: reqwest::Response,
    read: String,
}

impl Stream {
    /// The next message; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some(end) = self.read.find("\n\n") {
                let event: String = self.read.drain(..end + 2).collect();
                let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                if let Some(data) = data.map(str::trim).filter(|data| !data.is_empty()) {
                    return Some(serde_json::from_str(data).unwrap());
                }
            }
            let chunk = timeout(PATIENCE, self.response.chunk());
            let chunk = chunk.await.expect("a message in time").ok()??;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

impl<'a> Legacy<'a> {
    /// Opens a session of Alice's with a client that can be asked these.
    pub(crate) async fn open(gateway: &'a Gateway, able: Value) -> Self {
        let mut this = Self {
            gateway,
            session: String::new(),
        };
        let client = json!({"name": "test", "version": "1"});
        let params =
            json!({"protocolVersion": "2025-11-25", "capabilities": able, "clientInfo": client});
        let mut stream = this.send("initialize", params).await;
        let session = stream.response.headers().get("mcp-session-id").unwrap();
        this.session = session.to_str().unwrap().to_owned();
        stream.next().await.unwrap();
        this.tell(json!({"method": "notifications/initialized"}))
            .await;
        this
    }

    fn post(&self, body: &Value) -> reqwest::RequestBuilder {
        let request = self.gateway.post("/mcp", body.to_string());
        let request = request
            .bearer_auth(ALICE)
            .header("accept", "application/json, text/event-stream");
        if self.session.is_empty() {
            return request;
        }
        request
            .header("mcp-session-id", &self.session)
            .header("mcp-protocol-version", "2025-11-25")
    }

    /// Sends a request with the id of its method's length, which is as good as any.
    pub(crate) async fn send(&self, method: &str, params: Value) -> Stream {
        let id = params["id"].as_u64().unwrap_or(method.len() as u64);
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let response = timeout(PATIENCE, self.post(&body).send()).await;
        Stream {
            response: response.expect("an answer in time").unwrap(),
            read: String::new(),
        }
    }

    /// What the session says outside of requests.
    pub(crate) async fn listen(&self) -> Stream {
        let request = self.gateway.get("/mcp");
        let request = request
            .bearer_auth(ALICE)
            .header("accept", "text/event-stream")
            .header("mcp-session-id", &self.session)
            .header("mcp-protocol-version", "2025-11-25");
        let response = timeout(PATIENCE, request.send()).await;
        Stream {
            response: response.expect("an answer in time").unwrap(),
            read: String::new(),
        }
    }

    /// Sends what has no answer.
    pub(crate) async fn tell(&self, mut message: Value) {
        message["jsonrpc"] = json!("2.0");
        let answer = self.gateway.send(self.post(&message)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }

    /// Sends a request and reads everything that comes.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Reply {
        let mut stream = self.send(method, params).await;
        let status = stream.response.status().as_u16();
        let mut notes = Vec::new();
        loop {
            let message = stream.next().await.expect("an answer");
            if message.get("method").is_none() {
                return Reply {
                    status,
                    notes,
                    answer: message,
                };
            }
            notes.push(message);
        }
    }
}
