//! A server of this machine that answers as scripted, and keeps what it was asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};

use super::Signer;

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) authorization: String,
    pub(super) body: String,
}

#[derive(Clone, Debug)]
struct Scripted {
    status: u16,
    cache_control: Option<&'static str>,
    body: String,
}

struct Script {
    answers: Mutex<HashMap<String, Scripted>>,
    asked: Mutex<Vec<Asked>>,
    /// How many answers may leave.
    leave: Semaphore,
}

/// The server.
pub(super) struct Peer {
    origin: String,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    /// Answers everything with 404.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Script {
            answers: Mutex::default(),
            asked: Mutex::default(),
            leave: Semaphore::new(1_000_000),
        });
        let router = Router::new().fallback(answer).with_state(script.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            origin,
            script,
            task,
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Answers a path with this from now on.
    pub(super) fn says(&self, path: &str, status: u16, body: impl ToString) {
        self.script(path, status, None, body.to_string());
    }

    /// Answers `/keys` with these keys.
    pub(super) fn publishes(&self, signers: &[&Signer]) {
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
        self.says("/keys", 200, json!({ "keys": keys }));
    }

    /// The same, with a word on how long they may be kept.
    pub(super) fn publishes_for(&self, cache_control: &'static str, signers: &[&Signer]) {
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
        let body = json!({ "keys": keys }).to_string();
        self.script("/keys", 200, Some(cache_control), body);
    }

    fn script(&self, path: &str, status: u16, cache_control: Option<&'static str>, body: String) {
        let scripted = Scripted {
            status,
            cache_control,
            body,
        };
        let mut answers = self.script.answers.lock().unwrap();
        answers.insert(path.to_owned(), scripted);
    }

    /// Lets no answer leave, until [`Peer::goes_on`].
    pub(super) fn hangs(&self) {
        self.script.leave.forget_permits(usize::MAX);
    }

    pub(super) fn goes_on(&self) {
        self.script.leave.add_permits(1_000_000);
    }

    /// What it was asked.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    /// How often a path was asked for.
    pub(super) fn count(&self, path: &str) -> usize {
        let asked = self.asked();
        asked.iter().filter(|asked| asked.path == path).count()
    }
}

async fn answer(State(script): State<Arc<Script>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let authorization = head.headers.get("authorization");
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    let path = head.uri.path().to_owned();
    script.asked.lock().unwrap().push(Asked {
        path: path.clone(),
        authorization: authorization.unwrap_or_default(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let leave = script.leave.acquire().await.unwrap();
    let scripted = script.answers.lock().unwrap().get(&path).cloned();
    drop(leave);
    let Some(scripted) = scripted else {
        return Response::builder().status(404).body(Body::empty()).unwrap();
    };
    let mut response = Response::builder()
        .status(scripted.status)
        .header("content-type", "application/json");
    if let Some(value) = scripted.cache_control {
        response = response.header("cache-control", value);
    }
    response.body(scripted.body.into()).unwrap()
}
