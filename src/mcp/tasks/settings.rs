//! How many tasks there may be, and for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// How many tasks there may be, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Tasks")]
pub struct Settings {
    /// The most tasks there may be, those included whose result is still kept.
    pub max: usize,
    /// The same for each caller.
    pub per_key: usize,
    /// How long a result is kept beyond the longest its tool may take.
    pub ttl: Span,
    /// How often clients are told to ask.
    pub poll: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // A thousand results of ordinary size are some megabytes.
            max: 1_000,
            per_key: 50,
            ttl: Span::secs(300),
            poll: Span::secs(1),
        }
    }
}
