//! The record of one call of a tool. No arguments and no result: those are the caller's.

use std::time::Duration;

use serde::Serialize;

use super::{Cost, Identity, record::as_millis};

/// Everything known of one call of a tool.
#[derive(Clone, Debug, Serialize)]
pub struct ToolRecord {
    /// The id of the request it came with, as in `x-request-id`.
    pub id: String,
    /// When it came, as RFC 3339.
    pub at: jiff::Timestamp,
    /// The tool's name in the configuration.
    pub tool: String,
    /// The name of its kind.
    pub kind: &'static str,
    /// The key's name; of the holder of a token, its issuer's name and whom it names.
    pub caller: String,
    /// Whose token it came with, instead of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Where it came in: `http`, `session`, `websocket`, `stdio` or `inside`.
    pub surface: &'static str,
    /// How it ended: `done`, `tool_error` (the tool ran and says that it failed), `asks`, or the class of its fault.
    pub outcome: &'static str,
    /// How often the tool was run for it.
    pub runs: u32,
    /// What the cache had, where the tool has one: `hit` or `miss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<&'static str>,
    /// What it shared with an earlier call: `joined` while that ran, `replayed` after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<&'static str>,
    /// Whether the result was cut into pages.
    pub paged: bool,
    /// The completions made for it, by the ids of their records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub completions: Vec<String>,
    /// Tokens of their prompts.
    pub input_tokens: u64,
    /// Tokens of their answers.
    pub output_tokens: u64,
    /// What they cost in money.
    pub cost: Cost,
    /// The wait for a place among the calls that run at once.
    #[serde(
        rename = "queued_ms",
        serialize_with = "as_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub queued: Option<Duration>,
    /// From arrival to the end.
    #[serde(rename = "total_ms", serialize_with = "as_millis")]
    pub total: Option<Duration>,
}

impl ToolRecord {
    /// Whether the caller got no result.
    pub fn failed(&self) -> bool {
        !matches!(self.outcome, "done" | "asks")
    }

    /// Whether it came as an MCP message, rather than from inside the gateway.
    pub fn is_mcp(&self) -> bool {
        self.surface != "inside"
    }
}
