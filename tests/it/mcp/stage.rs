//! The MCP endpoint on a real listener, with tools whose calls a test can watch, hold and let go.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use waypost::{
    access::{Access, KeySettings},
    catalog::Catalog,
    federation::{Fleet, Pins},
    http::{self, Annex, Face, Hall, Listener, public_router, serve},
    mcp::{self, Endpoint, Gate, Library, Offer},
    relay::Desk,
    route,
    secret::Secret,
    store::Store,
    telemetry::Ledger,
    tools::{Common, Content, Kind, Listing, Output, Run, Stop, Tool, Toolbox},
    upstream::Upstream,
};

use crate::support::{Answer, gateway::PATIENCE};

/// Two callers' keys.
pub(super) const ALICE: &str = "wp-alice-0123456789";
pub(super) const BOB: &str = "wp-bob-0123456789ab";

/// What tools tell of their calls.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) started: AtomicUsize,
    pub(super) finished: AtomicUsize,
    pub(super) dropped: AtomicUsize,
    /// How many calls of `hold` may go on.
    pub(super) leave: Semaphore,
}

/// Answers at once, or when the test says so.
#[derive(Debug)]
struct Echo {
    probe: Arc<Probe>,
    holds: bool,
    silent: bool,
}

/// Counts a call that was dropped.
struct Dropped<'a>(&'a Probe, bool);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        let count = if self.1 {
            &self.0.finished
        } else {
            &self.0.dropped
        };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

impl Kind for Echo {
    fn is_silent(&self) -> bool {
        self.silent
    }

    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(async move {
            self.probe.started.fetch_add(1, Ordering::SeqCst);
            let mut dropped = Dropped(&self.probe, false);
            if self.holds {
                self.probe.leave.acquire().await.unwrap().forget();
            }
            dropped.1 = true;
            let text = run.arguments["text"].as_str().unwrap_or_default();
            Ok(Output {
                content: vec![
                    Content::Text(text.to_owned()),
                    Content::Text(run.call.conversation.id.clone()),
                    Content::Text(format!("{:?}", run.line.abilities())),
                ],
                ..Output::default()
            })
        })
    }
}

/// A tool by its name: one of `hold` holds, a `quiet` one is silent.
fn tool(id: &str, probe: &Arc<Probe>) -> Tool {
    let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
    let common = Common {
        description: "Says what it is told".into(),
        input_schema: schema.as_object().cloned(),
        timeout: "1h".parse().unwrap(),
        ..Common::default()
    };
    let echo = Echo {
        probe: probe.clone(),
        holds: id.ends_with("hold"),
        silent: id.starts_with("quiet"),
    };
    Tool::of_kind(id, &common, "echo", Ok(Box::new(echo))).unwrap()
}

fn desk() -> Arc<Desk> {
    let router = route::Router::new(Arc::new(Catalog::default()), &BTreeMap::new());
    Arc::new(Desk::new(
        router.unwrap(),
        Default::default(),
        Arc::new(Upstream::new(Default::default())),
        Default::default(),
        Default::default(),
    ))
}

/// The endpoint. Stopped when dropped.
pub(super) struct Stage {
    pub(super) url: String,
    pub(super) probe: Arc<Probe>,
    pub(super) hall: Arc<Hall>,
    pub(super) client: reqwest::Client,
    pub(super) endpoint: Arc<Endpoint>,
    gate: Arc<Gate>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Stage {
    /// With Alice and Bob, and default settings.
    pub(super) async fn start() -> Self {
        Self::with(mcp::Settings::default(), None).await
    }

    /// With Alice and Bob.
    pub(super) async fn with(settings: mcp::Settings, store: Option<Store>) -> Self {
        let ledger = Ledger::start(None);
        let probe = Arc::new(Probe {
            started: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            leave: Semaphore::new(0),
        });
        let offer = offer(&probe, &ledger, settings, &[("alice", ALICE), ("bob", BOB)]);
        let face = Face {
            access: offer.access.clone(),
            limits: offer.limits.clone(),
            desk: desk(),
            toolbox: offer.toolbox.clone(),
            fleet: Arc::new(Fleet::new(Pins::open(None), Arc::default(), ledger.clone())),
            settings: http::Settings::default(),
            admin_key: None,
            generation: 1,
        };
        let hall = Arc::new(Hall::new(face, ledger.clone()));
        let gate = Arc::new(Gate::new(offer, ledger, hall.closing.clone()));
        let endpoint = Arc::new(Endpoint::new(gate.clone(), store.map(Arc::new)));
        let answering = endpoint.clone();
        let annex = Annex {
            path: "/mcp",
            answer: Arc::new(move |request| {
                let endpoint = answering.clone();
                Box::pin(async move { endpoint.answer(request).await })
            }),
        };
        let listener = Listener::bind("127.0.0.1:0", None).await.unwrap();
        let url = format!("http://{}/mcp", listener.address().unwrap());
        let stop = CancellationToken::new();
        let settings = http::Settings {
            drain: "1s".parse().unwrap(),
            ..http::Settings::default()
        };
        let paths = public_router(hall.clone(), Some(annex));
        let task = tokio::spawn(serve(listener, paths, hall.clone(), settings, stop.clone()));
        Self {
            url,
            probe,
            hall,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            endpoint,
            gate,
            stop,
            task: Some(task),
        }
    }

    /// Reloads with these keys.
    pub(super) fn reload(&self, settings: mcp::Settings, keys: &[(&str, &str)]) {
        self.gate
            .put(offer(&self.probe, &self.gate.ledger, settings, keys));
    }

    /// Tells all who listen that there are other tools.
    pub(super) fn change_tools(&self) {
        self.gate.changed(Listing::Tools);
    }

    /// Drains, as SIGTERM does, until everything has ended.
    pub(super) async fn drain(&mut self) {
        self.stop.cancel();
        let task = self.task.take().unwrap();
        timeout(PATIENCE, task)
            .await
            .expect("an end in time")
            .unwrap();
    }

    /// A request with a key, in a session if there is one.
    pub(super) fn request(
        &self,
        method: reqwest::Method,
        key: &str,
        session: Option<&str>,
    ) -> reqwest::RequestBuilder {
        let request = self.client.request(method, &self.url).bearer_auth(key);
        let request = request.header("accept", "application/json, text/event-stream");
        match session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        }
    }

    /// A message to be posted.
    pub(super) fn post(
        &self,
        key: &str,
        session: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::RequestBuilder {
        let request = self.request(reqwest::Method::POST, key, session);
        request
            .header("content-type", "application/json")
            .body(body)
    }

    /// Sends a request and reads the answer to its end.
    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::read(self.open(request).await).await
    }

    /// Sends a request and reads the head of the answer.
    pub(super) async fn open(&self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let sent = timeout(PATIENCE, request.send()).await;
        sent.expect("an answer in time").unwrap()
    }

    /// Opens a session and gives its id.
    pub(super) async fn session(&self, key: &str) -> String {
        let answer = self.send(self.post(key, None, INITIALIZE)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let session = answer.header("mcp-session-id").to_owned();
        assert!(!session.is_empty());
        let told = self.send(self.post(key, Some(&session), INITIALIZED)).await;
        assert_eq!(told.status, 202, "{}", told.body);
        session
    }

    /// Calls a tool in a session.
    pub(super) async fn call(&self, session: &str, id: u32, tool: &str, text: &str) -> Answer {
        self.send(self.post(ALICE, Some(session), call(id, tool, text)))
            .await
    }

    /// Waits until `happened`.
    pub(super) async fn until(&self, what: &str, mut happened: impl FnMut() -> bool) {
        let happened = async {
            while !happened() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = timeout(PATIENCE, happened).await;
        waited.unwrap_or_else(|_| panic!("waited for: {what}"));
    }

    /// How many sessions are `active` or `parked`.
    pub(super) fn sessions(&self, state: &str) -> i64 {
        self.hall
            .ledger
            .metrics()
            .mcp_sessions
            .with_label_values(&[state])
            .get()
    }

    /// How many streams are open.
    pub(super) fn streams(&self) -> i64 {
        self.hall.ledger.metrics().mcp_streams.get()
    }

    /// How many requests were refused for this reason.
    pub(super) fn refused(&self, reason: &str) -> u64 {
        self.hall
            .ledger
            .metrics()
            .refused
            .with_label_values(&[reason])
            .get()
    }

    /// How many sessions gave way for this reason.
    pub(super) fn evicted(&self, reason: &str) -> u64 {
        self.hall
            .ledger
            .metrics()
            .mcp_evictions
            .with_label_values(&[reason])
            .get()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn offer(
    probe: &Arc<Probe>,
    ledger: &Arc<Ledger>,
    settings: mcp::Settings,
    keys: &[(&str, &str)],
) -> Offer {
    let keys = keys.iter().map(|(name, key)| {
        let settings = KeySettings {
            name: (*name).into(),
            ..KeySettings::default()
        };
        (settings, Secret::new(*key))
    });
    let tools = ["echo", "hold", "quiet_echo", "quiet_hold"];
    let tools = tools.map(|id| tool(id, probe)).into();
    let library = Library::build(&settings, &|_| Err("there are no files".into()));
    Offer {
        access: Arc::new(Access::with_keys(keys.collect()).unwrap()),
        limits: Arc::default(),
        toolbox: Arc::new(Toolbox::new(tools, desk(), ledger.clone(), Arc::default())),
        library: Arc::new(library.unwrap()),
        settings,
    }
}

/// The first message of a session.
pub(super) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"sampling":{}},"clientInfo":{"name":"test","version":"0"}}}"#;
/// The second.
pub(super) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
/// One that always has an answer.
pub(super) const PING: &str = r#"{"jsonrpc":"2.0","id":"ping","method":"ping"}"#;

/// A call of a tool.
pub(super) fn call(id: u32, tool: &str, text: &str) -> String {
    let params = json!({"name": tool, "arguments": {"text": text}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
}

/// The messages of a stream.
pub(super) fn messages(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok())
        .collect()
}

/// The ids of a stream's events.
pub(super) fn event_ids(body: &str) -> Vec<String> {
    let ids = body.lines().filter_map(|line| line.strip_prefix("id:"));
    ids.map(|id| id.trim().to_owned()).collect()
}

/// The texts a tool's result holds.
pub(super) fn texts(message: &Value) -> Vec<String> {
    let content = message["result"]["content"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    content
        .iter()
        .map(|block| block["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}
