//! The record of a call, opened when it comes and closed once, however it ends: a call that is dropped was
//! cancelled.

use std::sync::{Arc, atomic::Ordering};

use super::{FaultClass, Outcome, Refusal, job::Job};
use crate::telemetry::{Cost, ToolRecord, What};

/// The open record of one call.
pub(super) struct Receipt {
    job: Arc<Job>,
    at: jiff::Timestamp,
    open: bool,
}

impl Receipt {
    pub(super) fn open(job: Arc<Job>) -> Self {
        let metrics = job.toolbox.ledger.metrics();
        metrics
            .tool_running
            .with_label_values(&[&job.tool.id])
            .inc();
        job.tool.standing.count();
        Self {
            at: jiff::Timestamp::now(),
            open: true,
            job,
        }
    }

    /// Closes it.
    pub(super) fn close(mut self, outcome: &Result<Outcome, Refusal>) {
        self.shut(label(outcome));
    }

    fn shut(&mut self, outcome: &'static str) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let Job {
            toolbox,
            tool,
            call,
            notes,
            seen,
            ..
        } = &*self.job;
        let metrics = toolbox.ledger.metrics();
        metrics.tool_running.with_label_values(&[&tool.id]).dec();
        let completions = notes.completions();
        let usage = completions.iter().filter_map(|made| made.usage.as_ref());
        let (input_tokens, output_tokens) = usage.fold((0_u64, 0_u64), |sum, usage| {
            (
                sum.0.saturating_add(usage.input),
                sum.1.saturating_add(usage.output),
            )
        });
        let costs = completions.iter().map(|made| made.cost);
        let identity = call.caller.told();
        toolbox.ledger.take_tool_call(ToolRecord {
            id: call.request.clone(),
            at: self.at,
            what: What::Tool,
            tool: tool.id.clone(),
            kind: tool.kind_name,
            server: tool.kind.server().cloned(),
            caller: call.caller.name.to_string(),
            upstream: notes.upstreams(identity.as_ref()),
            identity,
            surface: call.surface.label(),
            outcome,
            runs: seen.runs.load(Ordering::Relaxed),
            cache: seen.had(),
            shared: seen.how(),
            paged: seen.paged.load(Ordering::Relaxed),
            input_tokens,
            output_tokens,
            cost: costs.fold(Cost::Nothing, Cost::plus),
            queued: seen.queued(),
            total: Some(call.arrived.elapsed()),
            completions: completions.into_iter().map(|made| made.id).collect(),
        });
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.shut(FaultClass::Cancelled.label());
    }
}

/// The label of an outcome in logs and metrics.
fn label(outcome: &Result<Outcome, Refusal>) -> &'static str {
    match outcome {
        Ok(Outcome::Done(output)) if output.is_error => "tool_error",
        Ok(Outcome::Done(_)) => "done",
        Ok(Outcome::Asks(_)) => "asks",
        Err(refusal) => why(refusal),
    }
}

/// The same, of a refusal.
pub(super) fn why(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::UnknownTool => "unknown_tool",
        Refusal::KeyReused => "key_reused",
        Refusal::Fault(fault) => fault.class.label(),
    }
}

/// All labels a call of a known tool may end with.
pub(super) fn labels() -> impl Iterator<Item = &'static str> {
    let faults = FaultClass::ALL.into_iter().map(FaultClass::label);
    ["done", "tool_error", "asks", "key_reused"]
        .into_iter()
        .chain(faults)
}
