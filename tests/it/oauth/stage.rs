//! A gateway on a real listener, with a double in the place of what judges tokens.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use waypost::{
    access::{Access, Denied, Identity, Settings, Tokens},
    app::{Memory, wire},
    config::{File, parse},
    http::{self, Annex, Face, Hall, Listener, public_router, serve},
    mcp::{Endpoint, Gate, Offer},
    secret::Secret,
};

use super::known::{Known, identity};
use crate::support::{Answer, gateway::PATIENCE};

/// A key beside the tokens.
pub(super) const KEY: &str = "wp-0123456789abcdef";

/// Who `ann` is at two issuers, and somebody without any scope.
pub(super) const ANN: &str = "token.of.ann";
pub(super) const OTHER_ANN: &str = "token.of.ann-elsewhere";
pub(super) const NOBODY: &str = "token.of.nobody";

/// Where the metadata are.
pub(super) const METADATA: &str = "http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp";

pub(super) const CONFIG: &str = "
providers: { s: { dialect: simulated, models: { fast: {} } } }
routes: { chat: { targets: [s/fast] }, private: { targets: [s/fast] } }
mcp: { builtin: false }
tools:
  docs.count: { kind: fixture, does: count, description: Counts., input_schema: { properties: { n: {}, ms: {} } } }
  docs.write: { kind: fixture, does: count, description: Writes., scopes: [write] }
  crm.count: { kind: fixture, does: count, description: Counts. }
access:
  keys: [{ name: ci, key: wp-0123456789abcdef }]
  oauth:
    resource: http://127.0.0.1:8080/mcp
    issuers: [{ issuer: 'https://corp.example', name: corp }, { issuer: 'https://labs.example' }]
    scopes:
      read: { tools: [docs.*], routes: [chat] }
      write: {}
";

/// The gateway. Stopped when dropped.
pub(super) struct Stage {
    pub(super) url: String,
    pub(super) hall: Arc<Hall>,
    known: Arc<Known>,
    gate: Arc<Gate>,
    memory: Memory,
    client: reqwest::Client,
    stop: CancellationToken,
    _task: JoinHandle<()>,
}

impl Stage {
    /// With the configuration above, and Ann at both issuers.
    pub(super) async fn start() -> Self {
        Self::with(CONFIG).await
    }

    /// With this configuration.
    pub(super) async fn with(yaml: &str) -> Self {
        let file: File = parse("test", yaml).unwrap().value;
        let memory = Memory::new(&file, Box::new(std::io::sink()));
        let known = Arc::new(Known::default());
        let (face, offer) = faces(&memory, &known, yaml, 1);
        let hall = Arc::new(Hall::new(face, memory.ledger.clone()));
        let gate = Gate::new(offer, memory.ledger.clone(), hall.closing.clone());
        let gate = Arc::new(gate);
        let endpoint = Arc::new(Endpoint::new(gate.clone(), None));
        let annex = Annex {
            path: "/mcp",
            answer: Arc::new(move |request| {
                let endpoint = endpoint.clone();
                Box::pin(async move { endpoint.answer(request).await })
            }),
        };
        let listener = Listener::bind("127.0.0.1:0", None).await.unwrap();
        let url = format!("http://{}", listener.address().unwrap());
        let stop = CancellationToken::new();
        let paths = public_router(hall.clone(), Some(annex));
        let settings = http::Settings::default();
        let serving = serve(listener, paths, hall.clone(), settings, stop.clone());
        let stage = Self {
            url,
            hall,
            known,
            gate,
            memory,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            stop,
            _task: tokio::spawn(serving),
        };
        stage.knows(ANN, "corp", "ann", &["read"], 3600);
        stage.knows(OTHER_ANN, "labs.example", "ann", &["read"], 3600);
        stage.knows(NOBODY, "corp", "nobody", &["unheard"], 3600);
        stage
    }

    /// Takes another configuration.
    pub(super) fn reload(&self, yaml: &str) {
        let (face, offer) = faces(&self.memory, &self.known, yaml, 2);
        self.hall.put(face);
        self.gate.put(offer);
    }

    /// Lets time pass, for those that wait as for those that look at the clock.
    pub(super) async fn passes(&self, seconds: u64) {
        let span = Duration::from_secs(seconds);
        self.known.passes(span);
        tokio::time::pause();
        tokio::time::advance(span).await;
        tokio::time::resume();
    }

    /// Makes a token good, for so many seconds.
    pub(super) fn knows(
        &self,
        token: &str,
        issuer: &str,
        subject: &str,
        scopes: &[&str],
        seconds: i64,
    ) {
        self.tells(
            token,
            Ok(Arc::new(Identity {
                expires: self.known.now() + SignedDuration::from_secs(seconds),
                ..identity(token, issuer, subject, scopes)
            })),
        );
    }

    /// What is told of a token.
    pub(super) fn tells(&self, token: &str, what: Result<Arc<Identity>, Denied>) {
        self.known.tells(token, what);
    }

    /// How often somebody was asked about tokens.
    pub(super) fn asked(&self) -> usize {
        self.known.asked()
    }

    pub(super) fn request(
        &self,
        method: reqwest::Method,
        path: &str,
        token: Option<&str>,
    ) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = request.header("accept", "application/json, text/event-stream");
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Posts a JSON-RPC message, in a session if there is one.
    pub(super) fn message(
        &self,
        token: Option<&str>,
        session: Option<&str>,
        message: &Value,
    ) -> reqwest::RequestBuilder {
        let request = self.request(reqwest::Method::POST, "/mcp", token);
        let request = match session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        };
        request
            .header("content-type", "application/json")
            .body(message.to_string())
    }

    /// A message of 2026-07-28.
    pub(super) fn modern(
        &self,
        token: Option<&str>,
        method: &str,
        mut params: Value,
    ) -> reqwest::RequestBuilder {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let name = params["name"].as_str().map(str::to_owned);
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let request = self
            .message(token, None, &message)
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        match name {
            Some(name) => request.header("mcp-name", name),
            None => request,
        }
    }

    /// Calls a tool in 2026-07-28.
    pub(super) async fn call(&self, token: Option<&str>, tool: &str) -> Answer {
        let params = json!({"name": tool, "arguments": {}});
        self.send(self.modern(token, "tools/call", params)).await
    }

    /// Posts a chat.
    pub(super) async fn chat(&self, token: Option<&str>, model: &str) -> Answer {
        let request = self.request(reqwest::Method::POST, "/v1/chat/completions", token);
        let request = request.header("content-type", "application/json");
        self.send(request.body(crate::support::chat(model, false)))
            .await
    }

    /// Opens a session, and gives its id.
    pub(super) async fn session(&self, token: &str) -> String {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"},
        });
        let begin = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let begun = self.send(self.message(Some(token), None, &begin)).await;
        assert_eq!(begun.status, 200, "{}", begun.body);
        let session = begun.header("mcp-session-id").to_owned();
        let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let told = self.message(Some(token), Some(&session), &told);
        assert_eq!(self.send(told).await.status, 202);
        session
    }

    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::read(self.open(request).await).await
    }

    /// Sends a request and reads the head of the answer.
    pub(super) async fn open(&self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let sent = timeout(PATIENCE, request.send()).await;
        sent.expect("an answer in time").unwrap()
    }

    /// How many requests were refused for this reason.
    pub(super) fn refused(&self, reason: &str) -> u64 {
        let refused = &self.hall.ledger.metrics().refused;
        refused.with_label_values(&[reason]).get()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// All of a stream, which must end soon.
pub(super) async fn ended(stream: reqwest::Response) -> Answer {
    let read = timeout(PATIENCE, Answer::read(stream)).await;
    read.expect("an end in time")
}

/// Both faces of a configuration, with the double in the place of what judges tokens.
fn faces(memory: &Memory, known: &Arc<Known>, yaml: &str, generation: u64) -> (Face, Offer) {
    let file: File = parse("test", yaml).unwrap().value;
    let wired = wire(&file, &|_| None).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let issuers = wired.issuers.clone();
    let (mut face, mut offer) = memory.faces(wired, generation);
    if let (Some(Settings::Keys(keys)), Some(issuers)) = (&file.access, issuers) {
        let keys = keys.keys.iter();
        let keys = keys.map(|key| (key.clone(), Secret::new(key.key.as_str())));
        let access = Access::with_keys(keys.collect()).unwrap();
        let access = Arc::new(access.with_tokens(known.clone(), issuers.settings));
        face.access = access.clone();
        offer.access = access;
    }
    (face, offer)
}
