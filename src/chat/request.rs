//! What a caller asked.

use serde::{Deserialize, Serialize};

use super::{CacheMark, Extra, Message};
use crate::json::Raw;

/// One completion request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The model as the caller named it: a route, or `provider/model`.
    pub model: String,
    /// The conversation so far, oldest first; system and developer messages stand where they were written.
    pub messages: Vec<Message>,
    /// The tools on offer.
    pub tools: Vec<Tool>,
    /// How tools may be chosen; `None` where the caller did not say.
    pub tool_choice: Option<ToolChoice>,
    /// Whether one answer may hold several tool calls; `None` where the caller did not say.
    pub parallel_tool_calls: Option<bool>,
    /// The most output tokens wanted, reasoning included.
    pub max_tokens: Option<u64>,
    /// Sampling temperature on OpenAI's scale, 0 to 2.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1.
    pub top_p: Option<f64>,
    /// Sampling among the k likeliest tokens; not an OpenAI parameter.
    pub top_k: Option<u64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// How much the model should think.
    pub effort: Option<Effort>,
    /// The shape of the answer's text.
    pub format: Format,
    /// An opaque name of the end user.
    pub user: Option<String>,
    /// OpenAI's name of a service tier: `auto`, `default`, `flex`, `priority`, `fast`, …
    pub service_tier: Option<String>,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// Whether a streamed answer should end with its usage.
    pub include_usage: bool,
    /// How many answers are wanted; 1 unless said otherwise.
    pub n: u64,
    /// A cache mark on the request as a whole.
    pub cache: Option<CacheMark>,
    /// Every other field of the request.
    pub extra: Extra,
}

/// A function the model may call.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name, as the model writes it in a call.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// JSON Schema of its arguments; `None` when it takes none.
    pub parameters: Option<Raw>,
    /// Whether arguments must follow the schema exactly.
    pub strict: Option<bool>,
    /// A cache mark behind this tool.
    pub cache: Option<CacheMark>,
}

/// How the model may choose tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model likes.
    Auto,
    /// Not at all.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// How much a model should think before it answers, in OpenAI's seven steps, least first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Not at all.
    None,
    /// Barely.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Very much.
    Xhigh,
    /// As much as the model can.
    Max,
}

impl Effort {
    /// The name on OpenAI's wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The nearest of the efforts a model has: upward on a tie, and `none` to the lowest there is.
    pub fn nearest(self, available: &[Self]) -> Option<Self> {
        if self == Self::None {
            return available.iter().min().copied();
        }
        let distance = |other: Self| (other as i8 - self as i8).unsigned_abs();
        let thinking = available
            .iter()
            .copied()
            .filter(|&other| other != Self::None);
        thinking
            .min_by_key(|&other| (distance(other), std::cmp::Reverse(other)))
            .or_else(|| available.iter().min().copied())
    }
}

/// The shape of the answer's text.
#[derive(Clone, Debug, Default)]
pub enum Format {
    /// Free text.
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// The schema, in source order.
        schema: Raw,
        /// Its name (OpenAI requires one).
        name: String,
        /// What it is for.
        description: Option<String>,
        /// Whether the answer must follow the schema exactly.
        strict: Option<bool>,
    },
}

#[cfg(test)]
mod tests {
    use super::Effort::{self, *};

    #[test]
    fn nearest_effort_goes_upward_on_a_tie_and_none_to_the_lowest() {
        let check = |wanted: Effort, available: &[Effort], expected: Effort| {
            assert_eq!(
                wanted.nearest(available),
                Some(expected),
                "{wanted:?} of {available:?}"
            );
        };
        check(Medium, &[Low, High, Max], High);
        check(None, &[Low, High], Low);
        check(None, &[None, High], None);
        check(Minimal, &[None, High], High);
        check(Xhigh, &[Low, High, Max], Max);
        check(Minimal, &[Low, Medium], Low);
    }
}
