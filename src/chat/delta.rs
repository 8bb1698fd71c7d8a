//! What came back, piece by piece.

use super::{Finish, ReasoningDetail, Usage};
use crate::json::Raw;

/// One step of a streamed answer. `choice` is the number of the answer it belongs to (0 unless `n` > 1);
/// `call` counts the tool calls of one answer from 0, without gaps.
#[derive(Clone, Debug)]
pub enum Delta {
    /// The answer begins. Comes once, first.
    Start {
        /// The provider's id of the answer; empty when it gave none.
        id: String,
        /// The model that answers, in the provider's words.
        model: String,
        /// Seconds since the Unix epoch, if the provider said.
        created: Option<u64>,
    },
    /// More text.
    Text {
        /// Which answer.
        choice: u64,
        /// The text.
        text: String,
    },
    /// More of the reasoning, readable.
    Reasoning {
        /// Which answer.
        choice: u64,
        /// The text.
        text: String,
    },
    /// A piece of reasoning to give back later.
    ReasoningDetail {
        /// Which answer.
        choice: u64,
        /// The piece.
        detail: ReasoningDetail,
    },
    /// More of a refusal.
    Refusal {
        /// Which answer.
        choice: u64,
        /// The text.
        text: String,
    },
    /// A tool call begins; its arguments follow.
    ToolCall {
        /// Which answer.
        choice: u64,
        /// Which call.
        call: u64,
        /// Its id.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// More of a tool call's arguments: a fragment of JSON text.
    Arguments {
        /// Which answer.
        choice: u64,
        /// Which call.
        call: u64,
        /// The fragment.
        fragment: String,
    },
    /// A citation, in OpenAI's `annotations` shape.
    Annotation {
        /// Which answer.
        choice: u64,
        /// The annotation.
        annotation: Raw,
    },
    /// Something only the provider's own dialect has a word for, such as a block of a tool the provider runs.
    Other {
        /// Which answer.
        choice: u64,
    },
    /// The answer is complete. Comes once for each choice.
    Finish {
        /// Which answer.
        choice: u64,
        /// Why it ended.
        finish: Finish,
    },
    /// What the whole answer cost in tokens. Comes at most once, last.
    Usage(Usage),
}

impl Delta {
    /// Whether this delta says something of the answer, so that once it went out there is no other attempt. A
    /// finish says nothing: an answer that only ends is empty, and another target may have more to say.
    pub fn is_meaningful(&self) -> bool {
        !matches!(
            self,
            Self::Start { .. } | Self::Finish { .. } | Self::Usage(_)
        )
    }
}
