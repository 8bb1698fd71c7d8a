//! A scripted server on loopback: it speaks either revision, writes down what it gets, and misbehaves when told.

mod calls;

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use self::calls::{after_a_question, call};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};

/// Which revisions it knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    Old,
    New,
    Both,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) method: String,
    /// The tool that was called, or the level that was set.
    pub(super) tool: String,
    pub(super) headers: HeaderMap,
}

impl Got {
    /// The token it came with.
    pub(super) fn token(&self) -> &str {
        let value = self.headers.get("authorization");
        let value = value.map(|value| value.to_str().unwrap());
        value.unwrap_or_default().trim_start_matches("Bearer ")
    }
}

/// What the server knows and remembers.
pub(super) struct Book {
    era: Era,
    pub(super) got: Mutex<Vec<Got>>,
    /// Sessions, each with the user who opened it.
    sessions: Mutex<HashMap<String, String>>,
    /// Whether a session is nobody's but the user's who opened it.
    pub(super) binds: AtomicBool,
    /// A user whose sessions are opened once `let_go` says so.
    pub(super) slow_to_open: Mutex<Option<String>>,
    /// Users who are refused, each with the status.
    refused: Mutex<HashMap<String, StatusCode>>,
    made: AtomicUsize,
    /// The tools it lists, by name, each with its description.
    pub(super) tools: Mutex<Vec<(String, String)>>,
    /// Pages of prompts; endless where there are none.
    pub(super) prompts: Mutex<Vec<String>>,
    pub(super) endless: AtomicBool,
    /// How many more lists of tools it will not give.
    pub(super) unlistable: AtomicUsize,
    /// Open streams on which it says something by itself.
    streams: Mutex<Vec<Stream>>,
    /// Calls of `hang` that were dropped.
    pub(super) dropped: AtomicUsize,
    pub(super) cancelled: AtomicUsize,
    pub(super) let_go: Notify,
    asked: Mutex<HashMap<String, oneshot::Sender<Value>>>,
}

/// A `GET` of a session, or a subscription with its id.
struct Stream {
    say: mpsc::UnboundedSender<Value>,
    subscription: Option<Value>,
}

/// The server. Stopped when dropped.
pub(super) struct Fake {
    pub(super) book: Arc<Book>,
    pub(super) url: String,
    serving: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Fake {
    pub(super) async fn start(era: Era) -> Self {
        Self::at("127.0.0.1:0", era).await
    }

    pub(super) async fn at(address: &str, era: Era) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let book = Arc::new(Book {
            era,
            got: Mutex::default(),
            sessions: Mutex::default(),
            binds: AtomicBool::new(false),
            slow_to_open: Mutex::default(),
            refused: Mutex::default(),
            made: AtomicUsize::new(0),
            tools: Mutex::new(vec![("echo".to_owned(), String::new())]),
            prompts: Mutex::new(vec!["hello".to_owned()]),
            endless: AtomicBool::new(false),
            unlistable: AtomicUsize::new(0),
            streams: Mutex::default(),
            dropped: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            let_go: Notify::new(),
            asked: Mutex::default(),
        });
        let app = Router::new()
            .route("/mcp", any(serve))
            .with_state(book.clone());
        let serving = tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        Self { book, url, serving }
    }

    /// Lists these tools from now on, each with its description.
    pub(super) fn lists(&self, tools: &[(&str, &str)]) {
        let tools = tools.iter();
        let tools =
            tools.map(|(name, description)| ((*name).to_owned(), (*description).to_owned()));
        *self.book.tools.lock().unwrap() = tools.collect();
    }

    /// Whether somebody hears what it says by itself.
    pub(super) fn is_heard(&self) -> bool {
        let streams = self.book.streams.lock().unwrap();
        streams.iter().any(|stream| !stream.say.is_closed())
    }

    /// Forgets all sessions, as a server does that was started anew.
    pub(super) fn forget(&self) {
        self.book.sessions.lock().unwrap().clear();
    }

    /// Forgets the sessions of one user.
    pub(super) fn forget_of(&self, user: &str) {
        let mut sessions = self.book.sessions.lock().unwrap();
        sessions.retain(|_, owner| owner != user);
    }

    /// Who sent requests of this method, by their tokens, one after the other.
    pub(super) fn who_sent(&self, method: &str) -> Vec<String> {
        let got = self.book.got.lock().unwrap();
        let sent = got.iter().filter(|got| got.method == method);
        sent.map(|got| got.token().to_owned()).collect()
    }

    /// The levels of logs it was told, one after the other.
    pub(super) fn levels(&self) -> Vec<String> {
        let got = self.book.got.lock().unwrap();
        let told = got.iter().filter(|got| got.method == "logging/setLevel");
        told.map(|got| got.tool.clone()).collect()
    }

    /// Refuses these users with this status from now on.
    pub(super) fn refuse(&self, users: &[&str], status: StatusCode) {
        let refused = users.iter().map(|user| ((*user).to_owned(), status));
        self.book.refused.lock().unwrap().extend(refused);
    }

    /// Says something on every open stream.
    pub(super) fn say(&self, method: &str) {
        let mut streams = self.book.streams.lock().unwrap();
        streams.retain(|stream| {
            let said = about(stream.subscription.as_ref(), method, json!({}));
            stream.say.send(said).is_ok()
        });
    }

    /// Ends every open stream.
    pub(super) fn hang_up(&self) {
        self.book.streams.lock().unwrap().clear();
    }

    pub(super) fn count(&self, method: &str) -> usize {
        let got = self.book.got.lock().unwrap();
        got.iter().filter(|got| got.method == method).count()
    }

    pub(super) fn calls(&self) -> Vec<Got> {
        let got = self.book.got.lock().unwrap();
        let calls = got.iter().filter(|got| got.method == "tools/call");
        calls.cloned().collect()
    }
}

/// Counts a stream whose reader left.
struct Leaves(Arc<Book>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

async fn serve(
    State(book): State<Arc<Book>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let told = |name: &str| {
        let value = headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let session = told("mcp-session-id");
    // Tokens are `USER.NUMBER`.
    let user = told("authorization").unwrap_or_default();
    let user = user.trim_start_matches("Bearer ");
    let user = user.split('.').next().unwrap_or_default().to_owned();
    let binds = book.binds.load(Ordering::SeqCst);
    let known = |id: &String| {
        let sessions = book.sessions.lock().unwrap();
        sessions
            .get(id)
            .is_some_and(|owner| !binds || *owner == user)
    };
    if method != Method::POST {
        book.got.lock().unwrap().push(Got {
            method: method.to_string(),
            tool: String::new(),
            headers: headers.clone(),
        });
    }
    if let Some(status) = book.refused.lock().unwrap().get(&user) {
        return status.into_response();
    }
    if session.as_ref().is_some_and(|id| !known(id)) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match method {
        Method::POST => {}
        Method::GET if session.is_some() => {
            let (say, said) = mpsc::unbounded_channel();
            let subscription = None;
            let mut streams = book.streams.lock().unwrap();
            streams.push(Stream { say, subscription });
            return events(said, None);
        }
        Method::DELETE => {
            let session = session.unwrap_or_default();
            book.sessions.lock().unwrap().remove(&session);
            return StatusCode::NO_CONTENT.into_response();
        }
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
    let message: Value = serde_json::from_slice(&body).unwrap();
    let method = message["method"].as_str().unwrap_or("answer").to_owned();
    book.got.lock().unwrap().push(Got {
        method: method.clone(),
        tool: message["params"]["name"]
            .as_str()
            .or(message["params"]["level"].as_str())
            .unwrap_or_default()
            .to_owned(),
        headers: headers.clone(),
    });
    if method == "answer" {
        let id = message["id"].to_string();
        let asked = book.asked.lock().unwrap().remove(&id);
        if let Some(asked) = asked {
            let _ = asked.send(message);
        }
        return StatusCode::ACCEPTED.into_response();
    }
    let id = message["id"].clone();
    if id.is_null() {
        if method == "notifications/cancelled" {
            book.cancelled.fetch_add(1, Ordering::SeqCst);
        }
        return StatusCode::ACCEPTED.into_response();
    }
    let capabilities = json!({
        "tools": { "listChanged": true }, "prompts": { "listChanged": true }, "resources": {}, "logging": {},
    });
    let me = json!({ "name": "fake", "version": "1" });
    let answered = |result: Value| json!({ "jsonrpc": "2.0", "id": id, "result": result });
    let refused = |code: i32, message: &str| {
        let error = json!({ "code": code, "message": message });
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    };
    match method.as_str() {
        "server/discover" if book.era == Era::Old => {
            // As servers of that time do: they want a session first, and say so in plain words.
            (StatusCode::BAD_REQUEST, "Bad Request: no valid session").into_response()
        }
        "server/discover" => plain(&answered(json!({
            "resultType": "complete", "supportedVersions": ["2026-07-28"],
            "capabilities": capabilities, "ttlMs": 0, "cacheScope": "private",
            "_meta": { "io.modelcontextprotocol/serverInfo": me },
        }))),
        "initialize" if book.era == Era::New => plain(&refused(-32601, "Method not found")),
        "initialize" => {
            if book.slow_to_open.lock().unwrap().as_ref() == Some(&user) {
                book.let_go.notified().await;
            }
            let made = book.made.fetch_add(1, Ordering::SeqCst);
            let session = format!("session-{made}");
            let mut sessions = book.sessions.lock().unwrap();
            sessions.insert(session.clone(), user);
            drop(sessions);
            let result = json!({
                "protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": me,
            });
            let mut response = plain(&answered(result));
            let headers = response.headers_mut();
            headers.insert("mcp-session-id", session.parse().unwrap());
            response
        }
        "subscriptions/listen" if book.era != Era::Old => {
            let (say, said) = mpsc::unbounded_channel();
            let params = json!({ "notifications": message["params"]["notifications"] });
            let acknowledged = "notifications/subscriptions/acknowledged";
            let _ = say.send(about(Some(&id), acknowledged, params));
            let subscription = Some(id);
            let mut streams = book.streams.lock().unwrap();
            streams.push(Stream { say, subscription });
            events(said, None)
        }
        "tools/list" if book.unlistable.load(Ordering::SeqCst) > 0 => {
            book.unlistable.fetch_sub(1, Ordering::SeqCst);
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        "tools/list" => {
            let schema = json!({ "type": "object" });
            let tools = book.tools.lock().unwrap().clone();
            let tools = tools.iter().map(|(name, description)| {
                json!({ "name": name, "description": description, "inputSchema": schema })
            });
            let tools: Vec<Value> = tools.collect();
            plain(&answered(
                json!({ "resultType": "complete", "tools": tools }),
            ))
        }
        "prompts/list" => {
            let prompts = book.prompts.lock().unwrap().clone();
            let prompts: Vec<Value> = prompts.iter().map(|name| json!({ "name": name })).collect();
            let mut result = json!({ "resultType": "complete", "prompts": prompts });
            if book.endless.load(Ordering::SeqCst) {
                let at = book.got.lock().unwrap().len();
                result["nextCursor"] = json!(at.to_string());
            }
            plain(&answered(result))
        }
        "resources/list" => {
            let resource = json!({ "name": "note", "uri": "note://1" });
            let list = json!({ "resultType": "complete", "resources": [resource] });
            plain(&answered(list))
        }
        "prompts/get" | "resources/read" => plain(&answered(after_a_question(&message["params"]))),
        "logging/setLevel" => plain(&answered(json!({}))),
        "tools/call" => call(&book, &message, told("authorization")).await,
        _ => plain(&refused(-32601, "Method not found")),
    }
}

/// A notification, by which subscription it comes.
fn about(subscription: Option<&Value>, method: &str, mut params: Value) -> Value {
    if let Some(id) = subscription {
        params["_meta"] = json!({ "io.modelcontextprotocol/subscriptionId": id });
    }
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

fn plain(answer: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, answer.to_string()).into_response()
}

fn events(said: mpsc::UnboundedReceiver<Value>, leaves: Option<Leaves>) -> Response {
    let kept = (said, leaves);
    let events = futures_util::stream::unfold(kept, async |(mut said, leaves)| {
        let next = said.recv().await?;
        let event = format!("data: {next}\n\n");
        Some((Ok::<_, Infallible>(Bytes::from(event)), (said, leaves)))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, Body::from_stream(events.boxed())).into_response()
}
