//! What came back, whole.

use super::{Extra, Message, Usage};
use crate::json::Raw;

/// One whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The provider's id of the answer; empty when it gave none.
    pub id: String,
    /// The model that answered, in the provider's words.
    pub model: String,
    /// Seconds since the Unix epoch, if the provider said.
    pub created: Option<u64>,
    /// The answers, in order of their index.
    pub choices: Vec<Choice>,
    /// What it cost in tokens, if the provider said.
    pub usage: Option<Usage>,
    /// Every other field.
    pub extra: Extra,
}

/// One of the answers.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Its number, from 0.
    pub index: u64,
    /// The assistant's turn. Web citations stand in its `extra` as OpenAI's `annotations`.
    pub message: Message,
    /// Why it ended.
    pub finish: Finish,
    /// OpenAI's `logprobs`, as written.
    pub logprobs: Option<Raw>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It was complete, or a stop text came.
    Stop,
    /// It reached the token limit.
    Length,
    /// The model waits for tool results.
    ToolCalls,
    /// A content filter ended it.
    ContentFilter,
}

impl Finish {
    /// OpenAI's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}
