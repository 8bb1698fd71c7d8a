//! A route as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Candidate, Verdict, priority, weighted};
use crate::span::Span;

/// One route: which targets answer for a name, in which order, and how patiently.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The targets, as `provider/model` or `{target: provider/model, weight: 3}`.
    pub targets: Vec<Entry>,
    /// How the targets are ordered for one request.
    pub strategy: Strategy,
    /// Targets and routes tried in order when the targets are exhausted.
    pub fallback: Vec<String>,
    /// How often to try.
    pub retry: Retry,
    /// How long to wait.
    pub timeout: Timeouts,
}

/// One target of a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Entry {
    /// `provider/model`.
    Name(String),
    /// A target with its weight.
    Weighted(WeightedTarget),
}

/// One target with its weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedTarget {
    /// `provider/model`.
    pub target: String,
    /// Its share under `strategy: weighted`, against the other weights; 0 takes it out.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

impl Entry {
    /// The target's name.
    pub fn target(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Weighted(weighted) => &weighted.target,
        }
    }

    /// The target's weight.
    pub fn weight(&self) -> u32 {
        match self {
            Self::Name(_) => 1,
            Self::Weighted(weighted) => weighted.weight,
        }
    }
}

/// How a pool is ordered for one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// As listed: the first that works.
    #[default]
    Priority,
    /// Drawn by weight: canaries and splits. The undrawn follow, drawn again among themselves.
    Weighted,
}

impl Strategy {
    /// The name in config, logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Weighted => "weighted",
        }
    }

    /// Orders a pool. `seed` is this request's chance.
    pub(super) fn order(self, pool: Vec<Candidate>, seed: u64) -> Vec<Verdict> {
        match self {
            Self::Priority => priority::order(pool),
            Self::Weighted => weighted::order(pool, seed),
        }
    }
}

/// How often to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Attempts per request over the whole chain, the first included; 1 to 10. More amplify an outage.
    pub attempts: u32,
    /// Backoff before the same target is tried again: full jitter between zero and this, doubled each time.
    pub base: Span,
    /// The longest backoff.
    pub cap: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Span::millis(50),
            cap: Span::secs(20),
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
