//! One request to a server, and what comes of it.
#![expect(
    deprecated,
    reason = "log messages are deprecated in 2026-07-28, and part of both revisions"
)]

use std::time::Duration;

use futures_util::future::BoxFuture;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, ClientCapabilities,
    CompleteRequestParams, CompleteResult, DetailedTask, GetPromptRequestParams, GetPromptResponse,
    GetTaskParams, LoggingLevel, ReadResourceRequestParams, ReadResourceResponse, UpdateTaskParams,
};
use serde_json::Value;
use tokio::time::Instant;

use super::ProcessId;
use crate::{secret::Secret, telemetry::Notes};

/// What is sent to a server.
pub struct Outgoing<'a> {
    /// What is asked.
    pub question: Question,
    /// Who relays what the server says and asks meanwhile.
    pub relay: &'a dyn Relay,
    /// The bearer token of this request alone, where it has one of its own.
    pub bearer: Option<Bearer<'a>>,
    /// Members of `_meta` for the server: trace context, a key for completions.
    pub meta: serde_json::Map<String, Value>,
    /// When the answer must be here.
    pub deadline: Instant,
    /// Whether asking twice does no harm, so that a request whose connection died may be sent again.
    pub repeatable: bool,
    /// Told the process that is about to serve the request, each time it is sent to one. What it gives is held until the
    /// answer is there.
    pub serving: Option<&'a Serving<'a>>,
}

/// The bearer token of a request.
#[derive(Clone, Copy, Debug)]
pub struct Bearer<'a> {
    /// The token.
    pub token: &'a Secret,
    /// The user it was got for; nobody where it is the gateway's own.
    pub person: Option<Person>,
}

/// A user of a server, as a digest of whom tokens are got for and what they are for: of what stays the same when they
/// are renewed, and of nothing less. Where a server has sessions, each of these has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Person(pub [u8; 32]);

/// What is done while a process serves a request.
pub type Serving<'a> = dyn Fn(ProcessId) -> Box<dyn Send> + Send + Sync + 'a;

/// What can be asked.
#[derive(Clone, Debug)]
pub enum Question {
    /// A call of a tool, by the server's name.
    Call(CallToolRequestParams),
    /// A prompt, by the server's name.
    Prompt(GetPromptRequestParams),
    /// A resource, by the server's address.
    Read(ReadResourceRequestParams),
    /// What may be about to be typed.
    Complete(CompleteRequestParams),
    /// How it stands with a task that a call was answered with, at the replica that began it.
    Task(GetTaskParams),
    /// Answers to what a task asks, likewise.
    Update(UpdateTaskParams),
    /// That nobody waits for a task any more, likewise.
    Cancel(CancelTaskParams),
}

impl Question {
    /// Its method, as the protocol calls it.
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::Call(_) => "tools/call",
            Self::Prompt(_) => "prompts/get",
            Self::Read(_) => "resources/read",
            Self::Complete(_) => "completion/complete",
            Self::Task(_) => "tasks/get",
            Self::Update(_) => "tasks/update",
            Self::Cancel(_) => "tasks/cancel",
        }
    }
}

/// What a server answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To a call.
    Call(CallToolResponse),
    /// To a prompt.
    Prompt(GetPromptResponse),
    /// To a resource.
    Read(ReadResourceResponse),
    /// To a completion.
    Complete(CompleteResult),
    /// How it stands with a task.
    Task(Box<DetailedTask>),
    /// A task has the answers.
    Updated,
    /// A task is told to end.
    Cancelled,
}

/// The caller's end of one request to a server.
pub trait Relay: Send + Sync {
    /// What a server of 2026-07-28 is told that its client can do; unless somebody knows, all that any caller could.
    fn able(&self) -> Option<ClientCapabilities> {
        None
    }

    /// From which level on the caller wants a server's log messages; none wants none.
    fn log_level(&self) -> Option<LoggingLevel> {
        None
    }

    /// Where it is noted which replica the request is sent to, and with whose token; nowhere unless somebody keeps a
    /// record of it.
    fn notes(&self) -> Option<&Notes> {
        None
    }

    /// Tells of progress.
    fn progress<'a>(
        &'a self,
        progress: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, ()>;

    /// Passes on a log message.
    fn log<'a>(&'a self, level: &'a str, data: Value) -> BoxFuture<'a, ()>;

    /// Asks what a server of 2025-11-25 asks in the middle of a call: a request of `elicitation/create`,
    /// `sampling/createMessage` or `roots/list`, and its result or why there is none.
    fn ask<'a>(&'a self, method: &'a str, params: Value) -> BoxFuture<'a, Result<Value, String>>;
}

/// Why a server has not answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failed {
    /// No replica is there to be asked.
    #[error("The server {server} cannot be reached")]
    Away {
        /// The server's name.
        server: String,
        /// When it is tried again.
        retry_after: Option<Duration>,
    },
    /// It takes no more of this caller's requests now.
    #[error("The server {server} is asked too often")]
    Limited {
        /// The server's name.
        server: String,
        /// When it takes more.
        retry_after: Option<Duration>,
    },
    /// The connection broke before the answer.
    #[error("The connection to the server {server} broke before it answered")]
    Broken {
        /// The server's name.
        server: String,
        /// Whether it is sure that nothing was sent.
        unsent: bool,
    },
    /// It did not answer in time.
    #[error("The server {server} did not answer in time")]
    Late {
        /// The server's name.
        server: String,
    },
    /// It answered with an error of the protocol.
    #[error("{message}")]
    Error {
        /// The code.
        code: i32,
        /// Its words, cleaned and cut.
        message: String,
        /// What it says beside them, as it came.
        data: Option<Value>,
    },
    /// It wants other credentials.
    #[error("The server {server} wants a sign-in")]
    Unauthorized {
        /// The server's name.
        server: String,
        /// What it says is missing.
        challenge: Option<String>,
    },
    /// The credentials are good, and do not suffice: others of the same kind would not either.
    #[error("The server {server} does not let this caller do that")]
    Forbidden {
        /// The server's name.
        server: String,
        /// What it says is missing.
        challenge: Option<String>,
    },
    /// It answered with more than is taken, which the request may have asked for.
    #[error("The server {server} answered with too much: {why}")]
    TooLarge {
        /// The server's name.
        server: String,
        /// What was too large.
        why: String,
    },
    /// What it sent is not what the protocol allows.
    #[error("The server {server} answered with something that is no answer: {why}")]
    Unfit {
        /// The server's name.
        server: String,
        /// What is wrong.
        why: String,
    },
}

/// How requests to servers end, as metrics call it.
pub(super) const OUTCOMES: [&str; 10] = [
    "answered",
    "away",
    "limited",
    "broken",
    "late",
    "error",
    "unauthorized",
    "forbidden",
    "too_large",
    "unfit",
];

impl Failed {
    /// What metrics call it: one of [`OUTCOMES`].
    pub fn label(&self) -> &'static str {
        match self {
            Self::Away { .. } => "away",
            Self::Limited { .. } => "limited",
            Self::Broken { .. } => "broken",
            Self::Late { .. } => "late",
            Self::Error { .. } => "error",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::TooLarge { .. } => "too_large",
            Self::Unfit { .. } => "unfit",
        }
    }
}
