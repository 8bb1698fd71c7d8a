//! Where a provider departs from OpenAI's wire format. Data on the card, obeyed by `dialect/openai`.
//!
//! Each quirk has one field, its default is OpenAI-like behaviour, and the sentence beside it says what it
//! changes. Sources: the providers' SDKs and docs as of 2026-11-22.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The quirks of one provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// The name of the output limit; default: whichever the caller used.
    pub max_tokens_field: MaxTokensField,
    /// How the usage of a stream is had.
    pub stream_usage: StreamUsage,
    /// Roles to rename, e.g. `developer: system`.
    pub roles: BTreeMap<String, String>,
    /// Parameters to rename, e.g. `seed: random_seed`.
    pub rename: BTreeMap<String, String>,
    /// Parameters the provider rejects: left out and reported.
    pub drop: Vec<String>,
    /// Words of `tool_choice` to replace, e.g. `required: any`; what it maps to `auto` is reported.
    pub tool_choice: BTreeMap<String, String>,
    /// Gateway extensions this provider takes: `cache_control`, `reasoning_details`, `extra_content` of messages,
    /// `models` and `provider` of requests.
    pub keep_extensions: Vec<String>,
    /// What happens to `reasoning_content` on earlier assistant turns.
    pub reasoning_history: ReasoningHistory,
    /// How `reasoning_effort` is spelled.
    pub effort: EffortStyle,
    /// Whether sampling parameters are refused while the model thinks: they are left out and reported.
    pub no_sampling_while_thinking: bool,
    /// The highest temperature taken; higher ones are clamped.
    pub max_temperature: Option<f64>,
    /// Which tool call ids are taken; others are mapped one to one.
    pub tool_ids: ToolIds,
    /// Whether `stop` must be a list.
    pub stop_as_list: bool,
}

/// The name of the output limit on a provider's wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// Both names work: the caller's is kept.
    #[default]
    AsSent,
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// How the usage of a stream is had from a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamUsage {
    /// By `stream_options.include_usage`: always asked for, and hidden from callers that did not ask.
    #[default]
    Ask,
    /// It comes by itself, or the provider may not know the option: the caller's `stream_options` go as sent.
    AsSent,
    /// It comes by itself and the option is refused: `stream_options` is left out.
    Unasked,
}

/// What happens to `reasoning_content` on earlier assistant turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningHistory {
    /// Left out: the provider rejects or ignores it.
    #[default]
    Drop,
    /// Sent where the caller has it.
    Keep,
    /// Sent on every assistant turn, empty where the caller has none.
    Required,
    /// Sent where the caller has it, and as one space on tool-call turns without.
    RequiredWithToolCalls,
}

/// How `reasoning_effort` is spelled by a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffortStyle {
    /// `reasoning_effort`, moved to the nearest effort the model has.
    #[default]
    Effort,
    /// `enable_thinking: true | false`.
    EnableThinking,
    /// `thinking: {type: enabled | disabled}` and `reasoning_effort`.
    ThinkingAndEffort,
}

/// Which tool call ids a provider takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToolIds {
    /// Any.
    #[default]
    Any,
    /// Exactly nine of `[a-zA-Z0-9]`.
    NineAlphanumerics,
}
