//! How a call can fail, in classes: who is to blame decides what may be done about it.

use std::time::Duration;

use serde_json::Value;

use super::{Question, Unanswered, output::Output};
use crate::dialect::fault::LONGEST_WAIT;

/// What went wrong with one call. The label of each is part of the metrics contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// The arguments do not fit: the model is guessing.
    InvalidArguments,
    /// The operator's conditions do not allow these arguments, or the caller's token lacks scopes.
    Forbidden,
    /// The caller, or the tool for all callers, has used up a rate limit.
    RateLimited,
    /// Too many calls of the tool run at once.
    Busy,
    /// The tool's circuit is open after failures.
    CircuitOpen,
    /// It took longer than the tool's timeout.
    Timeout,
    /// What the tool stands on could not be reached, or says it is overloaded: it may pass by itself.
    Unavailable,
    /// The tool ran and said no to this call: it found nothing, or does not do such a thing. It works.
    Declined,
    /// The tool ran and failed.
    Failed,
    /// What the tool gave is none of what its output schema allows.
    InvalidOutput,
    /// What the tool gave is larger than allowed.
    TooLarge,
    /// The caller has left, or has called it off.
    Cancelled,
    /// A bug of ours.
    Internal,
}

impl FaultClass {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::InvalidArguments,
        Self::Forbidden,
        Self::RateLimited,
        Self::Busy,
        Self::CircuitOpen,
        Self::Timeout,
        Self::Unavailable,
        Self::Declined,
        Self::Failed,
        Self::InvalidOutput,
        Self::TooLarge,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The label in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::InvalidArguments => "invalid_arguments",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Busy => "busy",
            Self::CircuitOpen => "circuit_open",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Declined => "declined",
            Self::Failed => "failed",
            Self::InvalidOutput => "invalid_output",
            Self::TooLarge => "too_large",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }

    /// Whether the same call may well succeed a moment later.
    pub fn passes(self) -> bool {
        matches!(self, Self::Timeout | Self::Unavailable)
    }

    /// Whether it speaks against the tool or what it stands on, for all callers. A `Declined` does not: if it did, one
    /// caller's wrong guesses would open the circuit for everybody.
    pub fn is_of_the_tool(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::Unavailable | Self::Failed | Self::InvalidOutput | Self::Internal
        )
    }
}

/// A fault as an error of JSON-RPC.
#[derive(Clone, Debug, PartialEq)]
pub struct ProtocolError {
    /// Its code.
    pub code: i32,
    /// What the protocol wants beside it.
    pub data: Option<Value>,
    /// Whether it says something of the client and not of the call: no model can do anything about it.
    pub is_for_the_client: bool,
}

/// One failed call. The message goes to a model: a sentence of ours, with at most short, escaped quotations.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What went wrong.
    pub class: FaultClass,
    /// What the caller reads. Never a path of ours, a URL with credentials, or raw input.
    pub message: String,
    /// When to come back, if that is known.
    pub retry_after: Option<Duration>,
    /// What the tool itself gave, where it is an answer that says so (a program's last words).
    pub output: Option<Box<Output>>,
    /// Whether what the tool stands on was not reached at all: the call changed nothing, and may be made again.
    pub unsent: bool,
    /// Whether what failed has a circuit of its own: a server's replica, a target. The tool may be well.
    pub watched_elsewhere: bool,
    /// What it is as an error of the protocol, if the tool ended with one.
    pub protocol: Option<Box<ProtocolError>>,
}

impl Fault {
    /// A fault of this class.
    pub fn new(class: FaultClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            retry_after: None,
            output: None,
            unsent: false,
            watched_elsewhere: false,
            protocol: None,
        }
    }

    /// Whether the tool's circuit learns of it. What another circuit watches is not counted twice: a server or a target
    /// that is away would keep every tool on it from being called, and for longer than it is away itself.
    pub fn speaks_against_the_tool(&self) -> bool {
        self.class.is_of_the_tool() && !self.watched_elsewhere
    }

    /// The same, with when to come back, which the caller reads, too: whole seconds, no fewer than it takes, and no more
    /// than [`LONGEST_WAIT`], whatever a server says.
    pub fn after(mut self, retry_after: Option<Duration>) -> Self {
        let retry_after = retry_after.map(|wait| wait.min(LONGEST_WAIT));
        if let Some(wait) = retry_after {
            let seconds = wait.as_secs_f64().ceil().max(1.0);
            let sentence = self.message.trim_end_matches('.');
            self.message = format!("{sentence}. Try again in {seconds} s");
        }
        self.retry_after = retry_after;
        self
    }
}

/// Why a kind has no output.
#[derive(Debug)]
pub enum Stop {
    /// It failed.
    Fault(Fault),
    /// It needs answers of the caller first, and will be run anew with them.
    Asks(Vec<(String, Question)>),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Unanswered> for Stop {
    fn from(unanswered: Unanswered) -> Self {
        let message = match unanswered {
            Unanswered::Later(questions) => return Self::Asks(questions),
            Unanswered::Unable(question) => {
                let what = match question {
                    Question::Elicit { .. } => "its user, with a form (elicitation)",
                    Question::Sample(_) => "its model (sampling)",
                    Question::Roots => "the folders it works in (roots)",
                };
                format!("The tool has to ask the client for {what}, which it does not offer")
            }
            Unanswered::Failed(why) => why,
        };
        // Another client may be able to answer.
        Fault::new(FaultClass::Declined, message).into()
    }
}
