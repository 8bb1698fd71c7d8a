//! How MCP is served, as written.

use std::{collections::BTreeMap, num::NonZeroUsize};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    endpoint::{is_host_name, is_page_origin},
    library::{PromptSettings, ResourceSettings, TemplateSettings},
    sessions, tasks,
};
use crate::{problem::Problem, span::Span, tools::Untrusted};

/// More tools than a model should be given, so that most lists are one page of some ten thousand bytes.
const PAGE_SIZE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(99);

/// How MCP is served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The names this server is reached by, as `host` or `host:port`: requests to any other are refused, which keeps web pages from reaching it through DNS. Loopback names always are.
    pub allowed_hosts: Vec<String>,
    /// The web pages that may call, as `https://app.example.com`; none by default. Programs send no `Origin` and are not concerned.
    pub allowed_origins: Vec<String>,
    /// What the server says of itself to models.
    pub instructions: Option<String>,
    /// Whether the built-in tools are served, like `llm.complete`. One of the same name under `tools` takes a built-in's place.
    pub builtin: bool,
    /// The largest request, in bytes.
    pub max_body: usize,
    /// How many items a list has at once; clients come back for the rest.
    pub page_size: NonZeroUsize,
    /// How many calls may run as tasks, and for how long their results are kept.
    pub tasks: tasks::Settings,
    /// How many may listen for changes.
    pub listeners: Listeners,
    /// How many sessions there may be, and for how long.
    pub sessions: sessions::Settings,
    /// Connections over WebSocket.
    pub websocket: WebSocket,
    /// The file with what was approved of other servers' tools, relative to the working directory. Made by the first approval. A change needs a restart.
    pub pins: String,
    /// What a conversation may do that has read untrusted data: results of tools marked so, and whatever servers give that are not trusted.
    pub untrusted: Untrusted,
    /// Messages that users pick by name.
    pub prompts: BTreeMap<String, PromptSettings>,
    /// What clients may read.
    pub resources: BTreeMap<String, ResourceSettings>,
    /// What clients may read at addresses of one form.
    pub templates: BTreeMap<String, TemplateSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            instructions: None,
            builtin: true,
            max_body: 4 * 1024 * 1024,
            page_size: PAGE_SIZE,
            tasks: tasks::Settings::default(),
            listeners: Listeners::default(),
            sessions: sessions::Settings::default(),
            pins: "waypost.pins.json".to_owned(),
            untrusted: Untrusted::default(),
            websocket: WebSocket::default(),
            prompts: BTreeMap::new(),
            resources: BTreeMap::new(),
            templates: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// What is wrong with it; paths start at its keys.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (at, host) in self.allowed_hosts.iter().enumerate() {
            if !is_host_name(host) {
                let path = ["allowed_hosts", &at.to_string()];
                let problem = Problem::new(path, format!("`{host}` is no name of a server"));
                problems.push(problem.expected("`host` or `host:port`, each in full"));
            }
        }
        for (at, origin) in self.allowed_origins.iter().enumerate() {
            if !is_page_origin(origin) {
                let path = ["allowed_origins", &at.to_string()];
                let problem = Problem::new(path, format!("`{origin}` is no origin of a web page"));
                problems.push(problem.expected("`https://app.example.com`, without a path"));
            }
        }
        let (sessions, websocket) = (&self.sessions, &self.websocket);
        for (path, nothing) in [
            (&["max_body"][..], self.max_body == 0),
            (&["sessions", "max"], sessions.max == 0),
            (&["sessions", "per_key"], sessions.per_key == 0),
            (&["sessions", "idle"], sessions.idle.get().is_zero()),
            (
                &["untrusted", "lasts"],
                self.untrusted.lasts.get().is_zero(),
            ),
            (&["websocket", "ping"], websocket.ping.get().is_zero()),
            (&["websocket", "idle"], websocket.idle.get().is_zero()),
        ] {
            if nothing {
                let problem = Problem::new(path.iter().copied(), "with nothing nobody is served");
                problems.push(problem.expected("more than 0"));
            }
        }
        problems
    }
}

/// How many may listen for changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Listeners {
    /// Subscriptions of one key at once.
    pub per_key: usize,
    /// Subscriptions of all keys together.
    pub all: usize,
    /// Resources that one subscription or session follows.
    pub resources: usize,
}

/// A client needs one subscription, a host with many clients some ten. Each holds an open stream, whose memory
/// (some 100 KiB) the sum bounds to 100 MiB.
impl Default for Listeners {
    fn default() -> Self {
        Self {
            per_key: 32,
            all: 1_000,
            resources: 200,
        }
    }
}

/// Connections over WebSocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocket {
    /// Connections of all keys together; more are refused with 503.
    pub max: usize,
    /// Connections of one key at once; more are refused with 503.
    pub per_key: usize,
    /// How often the client is asked whether it is still there. One that is silent for three times as long is given up.
    pub ping: Span,
    /// How long a connection may be without a message and without a request that runs.
    pub idle: Span,
}

impl Default for WebSocket {
    fn default() -> Self {
        Self {
            // Some 100 KiB each: 100 MiB in all.
            max: 1_000,
            per_key: 32,
            // Below the minute after which many proxies close a silent connection.
            ping: Span::secs(30),
            idle: Span::secs(30 * 60),
        }
    }
}
