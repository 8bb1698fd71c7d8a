//! How many sessions there may be, and for how long, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// How many sessions of the 2025-11-25 revision there may be, and for how long. Later revisions have none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The most there may be. Beyond it the one idle for longest gives way; if none is idle, 503.
    pub max: usize,
    /// The most one key may have. Beyond it that key's own give way.
    pub per_key: usize,
    /// How long a session is kept that nobody uses. Calls that run and streams that are open are use.
    pub idle: Span,
    /// How long a session may rest before only its handshake is kept. Its next request wakes it.
    pub park_after: Span,
    /// How many sessions may be awake before those that rest longest are parked at once.
    pub awake: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max: 2000,
            // Some clients open a new session for each window and end none of them.
            per_key: 32,
            idle: Span::secs(30 * 60),
            park_after: Span::secs(60),
            // An active session takes some 80 KiB: 40 MiB in all, however many clients come at once.
            awake: 500,
        }
    }
}
