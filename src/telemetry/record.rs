//! The record of one request: what explain shows and the log line is written from. No prompt, key or body.

use std::{sync::Arc, time::Duration};

use serde::{Serialize, Serializer};

use super::Serves;
use crate::{
    catalog::NanoDollars,
    chat::Usage,
    facts::Facts,
    outcome::{AttemptKind, ErrorClass, Reason},
};

/// Everything known of one request.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Its id, as in `x-request-id`.
    pub id: String,
    /// When it came, as RFC 3339.
    pub at: jiff::Timestamp,
    /// Where it came in.
    pub surface: Surface,
    /// The key's name; of the holder of a token, its issuer's name and whom it names.
    pub caller: Arc<str>,
    /// Whose token it came with, instead of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// The model the caller named.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The route that answered; none where the caller named a target.
    pub route: Option<Arc<str>>,
    /// How the pool was ordered.
    pub strategy: Option<&'static str>,
    /// The rule that chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// The tool on whose behalf the completion was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The call of a tool it was made for, where the key was made for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serves: Option<Box<Serves>>,
    /// The chance the plan was drawn with.
    pub seed: u64,
    /// Every candidate and why it stands where it stands.
    pub candidates: Vec<Candidate>,
    /// Every attempt, in order.
    pub attempts: Vec<Attempt>,
    /// The target that answered.
    pub target: Option<Arc<str>>,
    /// Parameters the target had no word for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// What the answer cost in tokens.
    pub usage: Option<Usage>,
    /// What the answer cost in money.
    pub cost: Cost,
    /// How it ended.
    pub end: End,
    /// From arrival to the first delta.
    #[serde(rename = "first_token_ms", serialize_with = "as_millis")]
    pub first_token: Option<Duration>,
    /// From arrival to the end.
    #[serde(rename = "total_ms", serialize_with = "as_millis")]
    pub total: Option<Duration>,
}

/// Whose token a request came with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The issuer, by the configuration's name for it.
    pub issuer: Arc<str>,
    /// Whom it names.
    pub subject: Arc<str>,
    /// The program it was given to, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Arc<str>>,
}

impl Record {
    /// What all attempts cost together, those that came to nothing too.
    pub fn spent(&self) -> Cost {
        let costs = self.attempts.iter().map(|attempt| attempt.cost);
        costs.fold(Cost::Nothing, Cost::plus)
    }
}

/// One candidate of the plan.
#[derive(Clone, Debug, Serialize)]
pub struct Candidate {
    /// `provider/model`.
    pub target: Arc<str>,
    /// Whether it might be tried.
    pub kept: bool,
    /// Why.
    pub reason: Reason,
    /// The class of failure it is kept for; none where it is tried in its turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<ErrorClass>,
    /// What was known of it when the plan was made.
    pub facts: Facts,
    /// What the strategy compared, the lowest first: dollars, seconds, a score; nothing where it did not compare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

/// Where requests come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/messages`.
    Messages,
    /// `/v1/embeddings`, and tools that embed.
    Embeddings,
    /// A tool that completes.
    Tool,
}

impl Surface {
    /// The label in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Messages => "messages",
            Self::Embeddings => "embeddings",
            Self::Tool => "tool",
        }
    }

    /// OpenTelemetry's `gen_ai.operation.name`.
    pub fn operation(self) -> &'static str {
        match self {
            Self::Chat | Self::Messages | Self::Tool => "chat",
            Self::Embeddings => "embeddings",
        }
    }
}

/// One try of one target.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// `provider/model`.
    pub target: Arc<str>,
    /// The provider.
    pub provider: Arc<str>,
    /// The model as metrics may name it: one the card lists, or `other`.
    #[serde(skip)]
    pub model_label: Arc<str>,
    /// Why it was made.
    pub kind: AttemptKind,
    /// Which of the provider's keys was used, by its place from 1; none where the provider has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Arc<str>>,
    /// What was found when its answer was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<&'static str>,
    /// How it ended.
    pub end: End,
    /// The status the provider answered, if it was an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The wait before it.
    #[serde(
        rename = "waited_ms",
        serialize_with = "as_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub waited: Option<Duration>,
    /// The wait for a place at a target with a cap.
    #[serde(
        rename = "queued_ms",
        serialize_with = "as_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub queued: Option<Duration>,
    /// From its start to its first delta.
    #[serde(
        rename = "first_token_ms",
        serialize_with = "as_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub first_token: Option<Duration>,
    /// From its start to its end.
    #[serde(rename = "total_ms", serialize_with = "as_millis")]
    pub total: Option<Duration>,
    /// What it cost in tokens, if it delivered or produced anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What it cost in money.
    pub cost: Cost,
}

/// What something cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cost {
    /// Nothing was produced.
    #[default]
    Nothing,
    /// This much.
    Known(NanoDollars),
    /// Something, but the card has no price for it. Never counted as zero.
    Unknown,
}

impl Cost {
    /// Both together: unknown if either is.
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, cost) | (cost, Self::Nothing) => cost,
            (Self::Known(left), Self::Known(right)) => Self::Known(left.plus(right)),
            _ => Self::Unknown,
        }
    }

    /// The amount in dollars, if known.
    pub fn dollars(self) -> Option<String> {
        match self {
            Self::Known(amount) => Some(amount.dollars()),
            Self::Nothing | Self::Unknown => None,
        }
    }
}

impl Serialize for Cost {
    /// Nano-dollars; `0` for nothing, `"unknown"` for unknown.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_u64(0),
            Self::Known(amount) => serializer.serialize_u64(amount.0),
            Self::Unknown => serializer.serialize_str("unknown"),
        }
    }
}

/// How a request or an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has not.
    Open,
    /// With a whole answer.
    Delivered,
    /// With an error.
    Failed(ErrorClass),
    /// The client left before the end.
    Abandoned,
}

impl End {
    /// The label in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Delivered => "delivered",
            Self::Failed(class) => class.label(),
            Self::Abandoned => ErrorClass::Cancelled.label(),
        }
    }
}

impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}

/// Milliseconds with microseconds behind the point.
pub(super) fn as_millis<S: Serializer>(
    span: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.serialize_f64(span.as_micros() as f64 / 1_000.0),
        None => serializer.serialize_none(),
    }
}
