//! The listeners as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// Where and how callers are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The public listener: `/v1/*`, `/healthz`, `/readyz`. HTTP/1.1 and HTTP/2 on one port. A change needs a restart.
    pub listen: String,
    /// The admin listener: `/metrics`, `/admin/*`. A change needs a restart.
    pub admin_listen: String,
    /// The key of the admin listener: `env:NAME`, `file:PATH`, or the key itself. Required off loopback.
    pub admin_key: Option<String>,
    /// TLS on the public listener. A change needs a restart.
    pub tls: Option<Tls>,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// How long a client may take to send the head of a request. HTTP/1.1 connections that are idle this long are closed, too; HTTP/2 ones stay while they answer pings.
    pub header_timeout: Span,
    /// How long a client may take for its body before a minimum of 1 KiB/s is asked for.
    pub body_grace: Span,
    /// Connections served at once; further ones wait.
    pub max_connections: usize,
    /// How long the head of a streamed answer waits for the first token before comments keep the connection alive.
    pub keepalive_after: Span,
    /// How long requests may go on after SIGTERM.
    pub drain: Span,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate chain.
    pub cert: String,
    /// The private key.
    pub key: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            admin_listen: "127.0.0.1:9090".into(),
            admin_key: None,
            tls: None,
            max_body: 32 * 1024 * 1024,
            header_timeout: Span::secs(10),
            body_grace: Span::secs(10),
            max_connections: 10_000,
            keepalive_after: Span::secs(15),
            drain: Span::secs(30),
        }
    }
}
