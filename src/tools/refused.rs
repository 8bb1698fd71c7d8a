//! Calls that are refused before there is anything to run. Each leaves its record all the same: who tries what they may
//! not is what a log is read for.

use tokio::time::Instant;

use super::{Call, Fault, FaultClass, Refusal, Surface, Tool, Toolbox, receipt};
use crate::{
    access::Caller,
    limit::Limits,
    schema::shown_text,
    telemetry::{Cost, Ledger, ToolRecord, What},
};

/// How much of a name that no tool has is recorded, in characters.
const SHOWN: usize = 64;

/// A call that is refused.
#[derive(Debug)]
pub struct Refused<'a> {
    /// The id of its request.
    pub request: &'a str,
    /// Who calls.
    pub caller: &'a Caller,
    /// Where it came in.
    pub surface: Surface,
    /// When it came.
    pub arrived: Instant,
    /// The tool, or the name of one that is not there, or not for this caller.
    pub tool: Result<&'a Tool, &'a str>,
}

/// Takes one request from what a caller may use in a minute.
///
/// # Errors
/// It is used up.
pub(crate) fn admit(limits: &Limits, ledger: &Ledger) -> Result<(), Fault> {
    let admitted = limits.admit(0, Instant::now()).map(drop);
    admitted.map_err(|refused| {
        let limited = &ledger.metrics().limited;
        limited.with_label_values(&[refused.limit]).inc();
        Fault::new(FaultClass::RateLimited, refused.to_string()).after(refused.retry_after)
    })
}

/// Refuses the call of a tool that is not there, or not for this caller: both are told alike, and count as calls, so
/// that nobody guesses names for nothing.
pub(super) fn unknown(toolbox: &Toolbox, call: &Call) -> Refusal {
    let refusal = match admit(&call.limits, &toolbox.ledger) {
        Ok(()) => Refusal::UnknownTool,
        Err(fault) => fault.into(),
    };
    let refused = Refused {
        request: &call.request,
        caller: &call.caller,
        surface: call.surface,
        arrived: call.arrived,
        tool: Err(&call.tool),
    };
    refused.record(&toolbox.ledger, receipt::why(&refusal));
    refusal
}

/// Records a call of a tool for which its caller's token lacks scopes, where that is told before the call is made.
pub fn out_of_scope(toolbox: &Toolbox, refused: Refused<'_>) {
    refused.record(&toolbox.ledger, FaultClass::Forbidden.label());
}

impl Refused<'_> {
    fn record(self, ledger: &Ledger, outcome: &'static str) {
        let (tool, kind, server) = match self.tool {
            Ok(tool) => (tool.id.clone(), tool.kind_name, tool.kind.server().cloned()),
            Err(name) => (shown_text(name, SHOWN), ToolRecord::UNKNOWN, None),
        };
        ledger.take_tool_call(ToolRecord {
            id: self.request.to_owned(),
            at: jiff::Timestamp::now(),
            what: What::Tool,
            tool,
            kind,
            server,
            caller: self.caller.name.to_string(),
            identity: self.caller.told(),
            surface: self.surface.label(),
            outcome,
            runs: 0,
            cache: None,
            shared: None,
            paged: false,
            completions: Vec::new(),
            input_tokens: 0,
            output_tokens: 0,
            cost: Cost::Nothing,
            queued: None,
            total: Some(self.arrived.elapsed()),
            upstream: Vec::new(),
        });
    }
}
