//! A scripted provider on loopback: it does what the next act says, and remembers what it was asked.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::timeout};

use super::gateway::PATIENCE;

/// What the provider does with one request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Answers with this status, headers and body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Answers an event stream of these pieces, to its proper end.
    Stream(Vec<String>),
    /// Answers an event stream of the first pieces; once the gate is opened, of the rest, and then ends it
    /// properly or breaks the connection.
    Paused {
        first: Vec<String>,
        gate: Arc<Notify>,
        rest: Vec<String>,
        cut: bool,
    },
    /// Answers an event stream of these pieces, then says nothing more.
    Stall(Vec<String>),
    /// Never answers.
    Hang,
    /// Answers as the act says once the gate is opened.
    Gated(Arc<Notify>, Box<Act>),
}

/// What the provider was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) path: String,
    /// Headers, by lower-case name.
    pub(crate) headers: http::HeaderMap,
    /// The body.
    pub(crate) body: String,
}

impl Asked {
    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The provider.
pub(crate) struct Provider {
    /// Its base URL, with `/v1`.
    pub(crate) url: String,
    state: Arc<Stage>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Stage {
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<Asked>>,
    left: Mutex<usize>,
    changed: Notify,
}

impl Provider {
    /// A provider that plays these acts, one for each request; a further request gets the last again.
    pub(crate) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let state = Arc::new(Stage::default());
        *state.acts.lock().unwrap() = acts.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(play).with_state(state.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state, task }
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Waits until it was asked `count` times.
    pub(crate) async fn asked_times(&self, count: usize) {
        self.wait("requests", |stage| {
            stage.asked.lock().unwrap().len() >= count
        })
        .await;
    }

    /// Waits until a client left it before the end of an answer.
    pub(crate) async fn left(&self) {
        self.wait("the client to leave", |stage| {
            *stage.left.lock().unwrap() > 0
        })
        .await;
    }

    async fn wait(&self, what: &str, done: impl Fn(&Stage) -> bool) {
        let waiting = async {
            loop {
                let changed = self.state.changed.notified();
                if done(&self.state) {
                    return;
                }
                let _ = timeout(Duration::from_millis(50), changed).await;
            }
        };
        timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("waited for {what}"));
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(State(stage): State<Arc<Stage>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let path = head
        .uri
        .path_and_query()
        .map_or("", |path| path.as_str())
        .to_owned();
    let asked = Asked {
        path,
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let act = {
        let mut acts = stage.acts.lock().unwrap();
        if acts.len() > 1 {
            acts.pop_front()
        } else {
            acts.front().cloned()
        }
    };
    stage.asked.lock().unwrap().push(asked);
    stage.changed.notify_waiters();
    let watch = Watch {
        stage: stage.clone(),
        over: false,
    };
    perform(act.unwrap_or(Act::Hang), watch).await
}

async fn perform(act: Act, watch: Watch) -> Response {
    match act {
        Act::Answer(status, headers, body) => {
            watch.end();
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Act::Stream(pieces) => {
            let end = stream::once(async move {
                watch.end();
                None
            });
            event_stream(
                pieces,
                end.filter_map(|none: Option<Result<Bytes, Infallible>>| async { none }),
            )
        }
        Act::Paused {
            first,
            gate,
            rest,
            cut,
        } => {
            let opened = stream::once(async move {
                gate.notified().await;
                watch.end();
                let rest = rest.concat();
                let end = cut.then(|| Err(std::io::Error::other("cut")));
                stream::iter([Ok(Bytes::from(rest))].into_iter().chain(end))
            });
            event_stream(first, opened.flatten())
        }
        Act::Stall(pieces) => {
            let silence = stream::once(async move {
                let _watch = watch;
                std::future::pending::<Result<Bytes, Infallible>>().await
            });
            event_stream(pieces, silence)
        }
        Act::Hang => {
            let _watch = watch;
            std::future::pending().await
        }
        Act::Gated(gate, act) => {
            gate.notified().await;
            Box::pin(perform(*act, watch)).await
        }
    }
}

fn event_stream<E>(
    pieces: Vec<String>,
    end: impl futures_util::Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> Response
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    let pieces = stream::iter(pieces).map(|piece| Ok(Bytes::from(piece)));
    // A breath between pieces, so that they travel apart.
    let pieces = pieces.then(|piece| async move {
        tokio::task::yield_now().await;
        piece
    });
    let response = Response::builder().header("content-type", "text/event-stream");
    response.body(Body::from_stream(pieces.chain(end))).unwrap()
}

/// Notices a client that leaves before the end.
struct Watch {
    stage: Arc<Stage>,
    over: bool,
}

impl Watch {
    /// The answer was given to its end.
    fn end(mut self) {
        self.over = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.over {
            *self.stage.left.lock().unwrap() += 1;
            self.stage.changed.notify_waiters();
        }
    }
}

/// A whole completion with this text.
pub(crate) fn completion(text: &str) -> Act {
    let body = format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"m-1","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}}}}"#
    );
    Act::Answer(200, vec![("content-type", "application/json".into())], body)
}

/// An error with this status, in OpenAI's envelope.
pub(crate) fn error(status: u16, code: &str) -> Act {
    let body = format!(
        r#"{{"error":{{"message":"it is {code}","type":"t","param":null,"code":"{code}"}}}}"#
    );
    Act::Answer(
        status,
        vec![("content-type", "application/json".into())],
        body,
    )
}

/// A chunk with this delta and finish.
pub(crate) fn chunk(delta: &str, finish: Option<&str>) -> String {
    let finish = finish.map_or("null".to_owned(), |finish| format!("\"{finish}\""));
    format!(
        "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"m-1\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}]}}\n\n"
    )
}

/// A chunk with this much text.
pub(crate) fn text(text: &str) -> String {
    chunk(&format!("{{\"content\":\"{text}\"}}"), None)
}

/// The chunk that opens a stream.
pub(crate) fn role() -> String {
    chunk(r#"{"role":"assistant","content":""}"#, None)
}

/// The usage chunk.
pub(crate) fn usage() -> String {
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"m-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4,\"total_tokens\":14}}\n\n".into()
}

/// The terminator.
pub(crate) fn done() -> String {
    "data: [DONE]\n\n".into()
}

/// A whole stream with this text.
pub(crate) fn streamed(words: &str) -> Act {
    Act::Stream(vec![
        role(),
        text(words),
        chunk("{}", Some("stop")),
        usage(),
        done(),
    ])
}
