//! How MCP is served, as written.

use std::{collections::BTreeMap, num::NonZeroUsize};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    library::{PromptSettings, ResourceSettings, TemplateSettings},
    sessions, tasks,
};
use crate::span::Span;

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
            websocket: WebSocket::default(),
            prompts: BTreeMap::new(),
            resources: BTreeMap::new(),
            templates: BTreeMap::new(),
        }
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
