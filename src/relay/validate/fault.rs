//! What can be wrong with an answer.

use crate::outcome::{ErrorClass, Failure};

/// What is wrong with an answer. The labels are a closed list: metrics have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// It says nothing.
    Empty,
    /// It is no JSON, where JSON was asked for.
    NotJson,
    /// It is JSON, and does not fit the schema.
    OffSchema,
    /// It calls a tool that is not on offer.
    UnknownTool,
    /// The arguments of a call are no JSON.
    BadArguments,
    /// The arguments of a call do not fit the tool's schema.
    ArgumentsOffSchema,
}

impl FaultKind {
    /// Every kind there is.
    pub const ALL: [Self; 6] = [
        Self::Empty,
        Self::NotJson,
        Self::OffSchema,
        Self::UnknownTool,
        Self::BadArguments,
        Self::ArgumentsOffSchema,
    ];

    /// The label in metrics and records.
    pub fn label(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotJson => "not_json",
            Self::OffSchema => "off_schema",
            Self::UnknownTool => "unknown_tool",
            Self::BadArguments => "bad_arguments",
            Self::ArgumentsOffSchema => "arguments_off_schema",
        }
    }
}

/// One fault of an answer: the first that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// The answer's number.
    pub choice: u64,
    /// The call at fault, counted from 0.
    pub call: Option<usize>,
    /// One sentence for the caller and for the model that is asked again. Of the answer it holds short, escaped
    /// quotations; of the prompt nothing.
    pub message: String,
}

impl Fault {
    /// The fault as the failure of an attempt.
    pub fn failure(&self) -> Failure {
        Failure::new(ErrorClass::InvalidAnswer, self.message.clone())
    }
}
