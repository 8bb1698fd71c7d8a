//! The record of one call of a tool, or of one prompt, resource or completion of another MCP server. No arguments and
//! no result: those are the caller's.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{Cost, Identity, Upstream, record::as_millis};

/// Everything known of one call of a tool, or of what is asked of another server like one.
#[derive(Clone, Debug, Serialize)]
pub struct ToolRecord {
    /// The id of the request it came with, as in `x-request-id`.
    pub id: String,
    /// When it came, as RFC 3339.
    pub at: jiff::Timestamp,
    /// What was asked for.
    pub what: What,
    /// The name of that in the configuration: of a resource that a template has, the template's. Of a tool that is not
    /// there, or not for this caller, the name that was asked for, escaped and cut.
    pub tool: String,
    /// The name of its kind; [`ToolRecord::UNKNOWN`] of a tool that is not there.
    pub kind: &'static str,
    /// The other MCP server it is of, by its name here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Arc<str>>,
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
    /// Which replicas of the server were asked, and with whose token; none where nothing was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub upstream: Vec<Upstream>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A call of a tool.
    Tool,
    /// A prompt.
    Prompt,
    /// What stands at an address.
    Resource,
    /// What the user may be about to type.
    Completion,
}

impl What {
    /// All that servers are asked for beside calls of their tools.
    pub const OTHERS: [Self; 3] = [Self::Prompt, Self::Resource, Self::Completion];

    /// The label in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Completion => "completion",
        }
    }

    /// The method of MCP it is asked for with.
    pub fn method(self) -> &'static str {
        match self {
            Self::Tool => "tools/call",
            Self::Prompt => "prompts/get",
            Self::Resource => "resources/read",
            Self::Completion => "completion/complete",
        }
    }
}

impl ToolRecord {
    /// The kind of a tool that is not there, or not for this caller.
    pub const UNKNOWN: &str = "unknown";

    /// The tool as metrics may name it: callers may invent any other. Empty where it is none.
    pub fn label(&self) -> &str {
        match (self.what, self.kind) {
            (What::Tool, Self::UNKNOWN) => "other",
            (What::Tool, _) => &self.tool,
            _ => "",
        }
    }

    /// Whether the caller got no result.
    pub fn failed(&self) -> bool {
        !matches!(self.outcome, "done" | "asks")
    }

    /// Whether it came as an MCP message, rather than from inside the gateway.
    pub fn is_mcp(&self) -> bool {
        self.surface != "inside"
    }
}
