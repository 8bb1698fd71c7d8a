//! The life of one call, for whoever calls.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    Conversation, Fault, FaultClass, Input, Line, Output, Question, Stop, Toolbox, approval,
    arguments,
    job::Job,
    receipt::Receipt,
    refused, sharing,
    taint::{Reader, UNTRUSTED},
};
use crate::{access::Caller, limit::Limits};

/// The member of `_meta` that says whether a result came from the cache.
const CACHE: &str = "dev.waypost/cache";

/// One call to be made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The tool's wire name.
    pub tool: String,
    /// The arguments as they came.
    pub arguments: Map<String, Value>,
    /// Who calls.
    pub caller: Arc<Caller>,
    /// How much they may use.
    pub limits: Arc<Limits>,
    /// The request's id, for logs and records.
    pub request: String,
    /// Calls with the same key run once.
    pub idempotency_key: Option<String>,
    /// What this call belongs to.
    pub conversation: Arc<Conversation>,
    /// Where it came in.
    pub surface: Surface,
    /// When it came.
    pub arrived: Instant,
}

/// Where calls come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Surface {
    /// MCP over HTTP, each request for itself.
    #[default]
    Http,
    /// MCP over HTTP, in a session.
    Session,
    /// MCP over a WebSocket.
    WebSocket,
    /// MCP over a program's standard input and output.
    Stdio,
    /// From inside the gateway: another tool, or a completion.
    Inside,
}

impl Surface {
    /// The label in logs and records.
    pub fn label(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Session => "session",
            Self::WebSocket => "websocket",
            Self::Stdio => "stdio",
            Self::Inside => "inside",
        }
    }

    /// Whether later calls of the same client come with the same conversation.
    pub(super) fn lasts(self) -> bool {
        matches!(self, Self::Session | Self::WebSocket | Self::Stdio)
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The tool ran.
    Done(Output),
    /// The tool needs answers first; the caller comes back with them.
    Asks(Vec<(String, Question)>),
}

/// Why there is no outcome.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// There is no such tool, or none this caller may know of: both are told alike.
    UnknownTool,
    /// The idempotency key was used with other arguments.
    KeyReused,
    /// The call failed.
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Makes one call. Dropping the future calls it off.
pub async fn call(
    toolbox: Arc<Toolbox>,
    call: Call,
    line: Arc<dyn Line>,
) -> Result<Outcome, Refusal> {
    let Some(tool) = toolbox.find(&call.tool, &call.caller).cloned() else {
        return Err(refused::unknown(&toolbox, &call));
    };
    let span = tracing::debug_span!(
        "tool_call",
        request_id = %call.request,
        tool = %tool.id,
        caller = %call.caller.name,
    );
    let job = Arc::new(Job::new(toolbox, tool, call, line));
    let receipt = Receipt::open(job.clone());
    let outcome = answered(&job).instrument(span).await;
    receipt.close(&outcome);
    outcome
}

/// The outcome of a call somebody may make.
async fn answered(job: &Arc<Job>) -> Result<Outcome, Refusal> {
    in_scope(job)?;
    arguments::check(&job.tool.input, &job.arguments)?;
    let input = Input {
        arguments: &job.arguments,
        caller: &job.call.caller.name,
    };
    job.tool.allow.check(&job.tool.id, input)?;
    match approval::given(job).await {
        Ok(()) => {}
        Err(Stop::Asks(questions)) => return Ok(Outcome::Asks(questions)),
        Err(Stop::Fault(fault)) => return Err(fault.into()),
    }
    admitted(job)?;
    let taints = &job.toolbox.memory.taints;
    if job.tool.common.untrusted {
        // Before it runs: what it says meanwhile is read even if its result is not.
        taints.note(Reader::of(&job.call), &job.tool.id);
    }
    let output = match sharing::outcome(job).await? {
        Outcome::Done(output) => output,
        asks @ Outcome::Asks(_) => return Ok(asks),
    };
    let pages = &job.toolbox.memory.pages;
    let (mut output, more) = pages.first(&job.tool, &job.call, output)?;
    job.seen.paged.store(more, Ordering::Relaxed);
    if job.tool.common.untrusted {
        output.meta.insert(UNTRUSTED.to_owned(), true.into());
    } else if output.meta.contains_key(UNTRUSTED) {
        // More of what another tool gave, maybe in another conversation.
        taints.note(Reader::of(&job.call), &job.tool.id);
    }
    if let Some(had) = job.seen.had() {
        output.meta.insert(CACHE.to_owned(), had.into());
    }
    Ok(Outcome::Done(output))
}

/// Refuses a call for which the caller's token lacks scopes, on whatever way it came.
fn in_scope(job: &Job) -> Result<(), Fault> {
    match job.call.caller.lacking(&job.tool.common.scopes) {
        None => Ok(()),
        Some(lacking) => Err(Fault::new(FaultClass::Forbidden, lacking.to_string())),
    }
}

/// Takes the call from what its caller may use, and from what the tool has for all.
fn admitted(job: &Job) -> Result<(), Fault> {
    refused::admit(&job.call.limits, &job.toolbox.ledger)?;
    job.tool.standing.admit(Instant::now())
}

/// The end of a span; one whose end no clock can tell is over at once.
pub(super) fn after(start: Instant, span: Duration) -> Instant {
    start.checked_add(span).unwrap_or(start)
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
