//! Telemetry as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is told of requests, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The access log on standard output: `json`, one line for each request, or `off`.
    pub log: AccessLog,
    /// The least severe of the gateway's own messages on standard error.
    pub level: Level,
}

/// The access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccessLog {
    /// One JSON line for each request.
    #[default]
    Json,
    /// None.
    Off,
}

/// Severities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Somebody should act.
    Error,
    /// Somebody should look.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// How it happens.
    Debug,
}

impl Level {
    /// The name `tracing` knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}
