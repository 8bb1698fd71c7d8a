//! The life of one call, for whoever calls.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::{
    Conversation, Fault, FaultClass, Line, Notes, Output, Question, Run, Stop, Tool, Toolbox,
};
use crate::{access::Caller, limit::Limits};

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
    /// When it came.
    pub arrived: Instant,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// The tool ran.
    Done(Output),
    /// The tool needs answers first; the caller comes back with them.
    Asks(Vec<(String, Question)>),
}

/// Why there is no outcome.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such tool, or none this caller may know of: both are told alike.
    UnknownTool,
    /// The idempotency key was used with other arguments.
    KeyReused,
    /// The call failed.
    Fault(Fault),
}

/// Makes one call.
pub async fn call(
    toolbox: Arc<Toolbox>,
    mut call: Call,
    line: Arc<dyn Line>,
) -> Result<Outcome, Refusal> {
    let tool = toolbox.find(&call.tool, &call.caller);
    let tool = tool.ok_or(Refusal::UnknownTool)?.clone();
    let arguments = Value::Object(std::mem::take(&mut call.arguments));
    if let Err(mismatch) = tool.input.check(&arguments) {
        let message = format!("Invalid arguments: {mismatch}");
        return Err(Refusal::Fault(Fault::new(
            FaultClass::InvalidArguments,
            message,
        )));
    }
    let patience = tool.common.timeout.get();
    let deadline = after(call.arrived, patience);
    let notes = Notes::default();
    let run = Run {
        arguments: &arguments,
        call: &call,
        tool: &tool,
        toolbox: &toolbox,
        line: &*line,
        notes: &notes,
        deadline,
    };
    let ran = timeout_at(deadline, tool.kind.run(run)).await;
    let ran = ran.unwrap_or_else(|_| {
        let message = format!("The tool did not finish within {}", tool.common.timeout);
        Err(Fault::new(FaultClass::Timeout, message).into())
    });
    match ran {
        Ok(output) => checked(&tool, output).map(Outcome::Done),
        Err(Stop::Asks(questions)) => Ok(Outcome::Asks(questions)),
        Err(Stop::Fault(fault)) => Err(Refusal::Fault(fault)),
    }
}

/// Holds what the tool gave to its output schema.
fn checked(tool: &Tool, output: Output) -> Result<Output, Refusal> {
    let Some(schema) = tool.output.as_ref().filter(|_| !output.is_error) else {
        return Ok(output);
    };
    let fits = match &output.structured {
        Some(value) => schema.check(value).map_err(|mismatch| mismatch.to_string()),
        None => Err("there is no structured result".to_owned()),
    };
    fits.map(|()| output).map_err(|why| {
        let message = format!("The tool gave a result that does not fit its output schema: {why}");
        Refusal::Fault(Fault::new(FaultClass::InvalidOutput, message))
    })
}

/// The end of a span; one whose end no clock can tell is over at once.
fn after(start: Instant, span: Duration) -> Instant {
    start.checked_add(span).unwrap_or(start)
}
