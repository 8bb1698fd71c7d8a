//! How MCP is served, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            instructions: None,
            builtin: true,
            max_body: 4 * 1024 * 1024,
        }
    }
}
