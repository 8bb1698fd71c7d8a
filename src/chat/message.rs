//! One turn of a conversation and its parts.

use serde::{Deserialize, Serialize};

use super::Extra;
use crate::json::Raw;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions of the application (OpenAI's older name).
    System,
    /// Instructions of the application (OpenAI's newer name).
    Developer,
    /// The end user.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// One turn.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: Content,
    /// The speaker's name.
    pub name: Option<String>,
    /// Assistant turns: the tools it called.
    pub tool_calls: Vec<ToolCall>,
    /// Tool turns: the call this answers.
    pub tool_call_id: Option<String>,
    /// Tool turns: whether the tool failed.
    pub is_error: bool,
    /// Assistant turns: why the model declined.
    pub refusal: Option<String>,
    /// Assistant turns: what it thought, as text.
    pub reasoning: Option<String>,
    /// Assistant turns: what the provider needs back to go on thinking.
    pub reasoning_details: Vec<ReasoningDetail>,
    /// Every other field.
    pub extra: Extra,
}

impl Message {
    /// A turn of `role` that says `content`.
    pub fn new(role: Role, content: Content) -> Self {
        Self {
            role,
            content,
            name: None,
            tool_calls: Vec::new(),
            tool_call_id: None,
            is_error: false,
            refusal: None,
            reasoning: None,
            reasoning_details: Vec::new(),
            extra: Extra::new(),
        }
    }
}

/// What a turn says. A plain string and a list of one text part are kept apart: providers hash them apart.
#[derive(Clone, Debug, Default)]
pub enum Content {
    /// Nothing (a turn of tool calls only).
    #[default]
    Empty,
    /// One plain string.
    Text(String),
    /// A list of parts.
    Parts(Vec<Part>),
}

impl Content {
    /// All text parts joined without a separator.
    pub fn text(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Text { text, .. } => Some(text.as_str()),
                    _ => None,
                })
                .collect(),
        }
    }
}

/// One piece of a turn.
#[derive(Clone, Debug)]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
        /// A cache mark behind it.
        cache: Option<CacheMark>,
    },
    /// An image.
    Image {
        /// Where it is.
        source: Media,
        /// OpenAI's `detail`: `auto`, `low`, `high`, `original`.
        detail: Option<String>,
        /// A cache mark behind it.
        cache: Option<CacheMark>,
    },
    /// Sound.
    Audio {
        /// Base64 data.
        data: String,
        /// `wav` or `mp3`.
        format: String,
    },
    /// A document.
    File {
        /// Where it is.
        source: Media,
        /// Its name.
        name: Option<String>,
        /// A cache mark behind it.
        cache: Option<CacheMark>,
    },
    /// A part only its own dialect knows, as it was written.
    Other(Raw),
}

/// Where a picture or document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    /// In the request: its media type (`image/png`) and base64 data.
    Inline {
        /// Media type.
        mime: String,
        /// Base64 data.
        data: String,
    },
    /// At a URL the provider fetches.
    Url(String),
    /// Uploaded to the provider before.
    FileId(String),
}

/// A breakpoint for the provider's prompt cache, behind the piece that carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheMark {
    /// How long the prefix should live, in the writer's words: `5m`, `30m`, `1h`, `12h`; `None` for the default.
    pub ttl: Option<String>,
}

/// A call of a tool.
#[derive(Clone, Debug)]
pub struct ToolCall {
    /// The id its result refers to.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as JSON text, exactly as the model wrote them (so: possibly not valid JSON).
    pub arguments: String,
    /// Every other field.
    pub extra: Extra,
}

/// A piece of reasoning in OpenRouter's shape, kept so that the provider can be given it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasoningDetail {
    /// `reasoning.text`, `reasoning.summary` or `reasoning.encrypted`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Readable reasoning (`reasoning.text`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A readable summary (`reasoning.summary`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The provider's signature over the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Opaque data (`reasoning.encrypted`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Whose format signature and data are in: `anthropic-claude-v1`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Its place among the details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
}
