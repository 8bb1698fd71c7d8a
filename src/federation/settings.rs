//! A server as written, and as it is run.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    policy::Breaker,
    route::Dollars,
    secret::Secret,
    span::Span,
    upstream::guarded::{Allow, Bound},
};

/// An MCP server whose tools, prompts and resources are offered here, under this tool's name and a dot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// Where it speaks Streamable HTTP. Either this, `urls` or `command`.
    pub url: Option<String>,
    /// Where its replicas do, which are the same to callers.
    pub urls: Vec<String>,
    /// The program and its arguments, which speaks over standard input and output. No shell.
    pub command: Vec<String>,
    /// The program's environment, all of it: values, `env:NAME` or `file:PATH`.
    pub env: BTreeMap<String, String>,
    /// Where the program runs.
    pub cwd: String,
    /// How many processes of the program there are. One with `model` serves one call at a time in each.
    pub processes: usize,
    /// Memory of each process, in bytes.
    pub memory: u64,
    /// Files each process may have open.
    pub files: u64,
    /// Which revision of the protocol to speak.
    pub revision: Revision,
    /// Headers of every request, by name: values, `env:NAME` or `file:PATH`, these also behind a word: `Bearer env:NAME`.
    pub headers: BTreeMap<String, String>,
    /// Names, addresses and networks inside that its URLs may mean.
    pub allow_private: Vec<String>,
    /// Whose credentials requests carry. A caller's own token is never passed on.
    pub credentials: Credentials,
    /// When its tools are offered: once each was approved by hand, or at first sight. A changed one always waits.
    pub approve: Approve,
    /// Whether what it says may be trusted as if an operator had written it.
    pub trust: Trust,
    /// Whether its tools and prompts keep their bare names here, but for those with a dot or `__`. One whose name is taken is then not offered.
    pub bare_names: bool,
    /// The names of its tools that are offered, where not all are: `search`, `read_*`.
    pub only: Option<Vec<String>>,
    /// What is different for some of its tools, by the server's names for them.
    pub policy: BTreeMap<String, ToolPolicy>,
    /// Lets it ask for completions, with a key made for it.
    pub model: Option<ModelAccess>,
    /// How long a connection may take to be made, its handshake included.
    pub connect_timeout: Span,
    /// The largest message it may send, in bytes.
    pub max_message: usize,
    /// The most sessions at each replica where every user has one of its own. The one used least recently ends first.
    pub max_sessions: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: None,
            urls: Vec::new(),
            command: Vec::new(),
            env: BTreeMap::new(),
            cwd: "/".to_owned(),
            processes: 1,
            memory: 2 * 1024 * 1024 * 1024,
            files: 1024,
            revision: Revision::default(),
            headers: BTreeMap::new(),
            allow_private: Vec::new(),
            credentials: Credentials::default(),
            approve: Approve::default(),
            trust: Trust::default(),
            bare_names: false,
            only: None,
            policy: BTreeMap::new(),
            model: None,
            connect_timeout: Span::secs(20),
            max_message: 4 * 1024 * 1024,
            max_sessions: 1_000,
        }
    }
}

/// Which revision of the protocol a server is spoken to in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Revision {
    /// 2026-07-28 if it knows that one, else with a handshake.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// With a handshake: 2025-11-25 and before.
    #[serde(rename = "2025-11-25")]
    Sessions,
    /// Each request by itself.
    #[serde(rename = "2026-07-28")]
    Stateless,
}

/// When a server's tools are offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Approve {
    /// Once an operator approved each of them.
    #[default]
    ByHand,
    /// At first sight. Changes wait for approval all the same.
    FirstUse,
}

/// Whether a server's words are data or the operator's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Trust {
    /// Its results are untrusted data: who has read them may not send data out without approval.
    #[default]
    Untrusted,
    /// Its results are as good as the operator's own.
    Trusted,
}

/// What is different for one tool of a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct ToolPolicy {
    /// Whether it can send data out: mail, posts, uploads, payments.
    pub sends_out: Option<bool>,
    /// The scopes a caller's token must have.
    pub scopes: Option<Vec<String>>,
    /// The longest a call may take.
    pub timeout: Option<Span>,
    /// Calls per minute over all callers.
    pub rpm: Option<u32>,
    /// Whether running it again does no harm: what the server says of that counts for nothing.
    pub idempotent: Option<bool>,
}

/// Whose credentials requests to a server carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schemars(inline)]
pub enum Credentials {
    /// None but `headers`.
    #[default]
    None,
    /// The gateway's own, from an authorization server.
    ClientCredentials {
        /// Where tokens are had.
        token_url: String,
        /// The gateway's name there.
        client_id: String,
        /// The gateway's secret there: `env:NAME` or `file:PATH`.
        client_secret: String,
        /// What the token is for (RFC 8707); the server's URL when absent.
        resource: Option<String>,
        /// The scopes asked for.
        #[serde(default)]
        scopes: Vec<String>,
    },
    /// The caller's, exchanged for one that is good for this server alone (RFC 8693).
    TokenExchange {
        /// Where tokens are exchanged.
        token_url: String,
        /// The gateway's name there.
        client_id: String,
        /// The gateway's secret there: `env:NAME` or `file:PATH`.
        client_secret: String,
        /// What the token is for; the server's URL when absent.
        resource: Option<String>,
        /// The scopes asked for.
        #[serde(default)]
        scopes: Vec<String>,
    },
    /// The caller's, by an identity assertion of its identity provider (enterprise-managed authorization).
    IdJag {
        /// Where the identity provider exchanges tokens.
        idp_token_url: String,
        /// The gateway's name at the identity provider.
        idp_client_id: String,
        /// The gateway's secret there: `env:NAME` or `file:PATH`.
        idp_client_secret: String,
        /// The issuer of the server's authorization server.
        audience: String,
        /// Where the server's authorization server gives tokens.
        token_url: String,
        /// The gateway's name there.
        client_id: String,
        /// The gateway's secret there: `env:NAME` or `file:PATH`.
        client_secret: String,
        /// What the token is for; the server's URL when absent.
        resource: Option<String>,
        /// The scopes asked for.
        #[serde(default)]
        scopes: Vec<String>,
    },
}

/// What a server may ask of models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct ModelAccess {
    /// The route all its completions take, whatever model they name.
    pub route: Option<String>,
    /// The most completions one call of a tool may ask for.
    pub max_completions: u32,
    /// The most one call may spend on them, in US dollars. Models whose price is not known are not counted.
    pub max_cost: Dollars,
    /// Whether `sampling/createMessage` of 2025-11-25 is answered too.
    pub sampling: bool,
    /// Where the gateway is for a server that speaks HTTP, as `https://gateway.example/v1`; its own address when absent.
    pub base_url: Option<String>,
    /// What a server that speaks HTTP proves itself with when it exchanges a call's ticket for a key: `env:NAME` or `file:PATH`.
    pub client_key: Option<String>,
}

impl Default for ModelAccess {
    fn default() -> Self {
        Self {
            route: None,
            max_completions: 20,
            max_cost: Dollars::nanos(500_000_000),
            sampling: false,
            base_url: None,
            client_key: None,
        }
    }
}

/// A server as it is run: its settings with everything they name. What is equal is the same server, kept over a reload.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The operator's name for it, which its tools' names begin with.
    pub name: Arc<str>,
    /// As written.
    pub settings: Settings,
    /// Where it is.
    pub place: Where,
    /// When a replica that fails is left alone.
    pub breaker: Breaker,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq)]
pub enum Where {
    /// At these addresses.
    Http {
        /// Its replicas.
        urls: Vec<url::Url>,
        /// Its headers, each bound to the origin of its replica.
        headers: Vec<Vec<Bound>>,
        /// What it may reach inside.
        allow: Allow,
    },
    /// In processes of this program.
    Stdio {
        /// The program and its arguments.
        command: Vec<String>,
        /// Its environment.
        environment: Vec<(String, Secret)>,
        /// Where it runs.
        folder: PathBuf,
    },
}
