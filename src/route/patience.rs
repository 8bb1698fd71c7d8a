//! How often a route tries, and how long it waits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{policy::Budget, span::Span};

/// How often to try.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Attempts per request over the whole chain, the first included; 1 to 10. More amplify an outage.
    pub attempts: u32,
    /// Backoff before the same target is tried again: full jitter between zero and this, doubled each time.
    pub base: Span,
    /// The longest backoff.
    pub cap: Span,
    /// How many tries beyond the first change of target the route may make over all its requests.
    pub budget: Budget,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Span::millis(50),
            cap: Span::secs(20),
            budget: Budget::default(),
        }
    }
}

/// How long to wait. Each is counted from the start of what it names; `total` covers the whole chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// For a connection to the provider.
    pub connect: Span,
    /// From sending a request to the first piece of its answer: a stream's first delta. For plain requests `total` counts.
    pub first_token: Span,
    /// Between two pieces of a streamed answer; comments do not count as pieces.
    pub idle: Span,
    /// For the whole request, all attempts included.
    pub total: Span,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Span::secs(3),
            first_token: Span::secs(30),
            idle: Span::secs(30),
            total: Span::secs(600),
        }
    }
}
