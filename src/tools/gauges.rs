//! How tools are, for operators: what the admin listener lists and what is read when metrics are asked for.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio::time::Instant;

use super::{Cache, Concurrency, Tool, Toolbox};
use crate::{
    facts::Circuit,
    telemetry::{Metrics, show},
};

/// How one tool is.
#[derive(Debug, Serialize)]
pub struct ToolState<'a> {
    /// Its name in the configuration.
    pub tool: &'a str,
    /// Its name on the wire.
    pub wire: &'a str,
    /// The name of its kind.
    pub kind: &'static str,
    /// Calls since the gateway started.
    pub calls: u64,
    /// Where its circuit is.
    pub circuit: Circuit,
    /// Calls per minute over all callers.
    pub rpm: Option<u32>,
    /// How many calls run at once.
    pub concurrency: Option<Concurrency>,
    /// How results are kept.
    pub cache: Option<Cache>,
    /// The largest result, in bytes.
    pub max_result: usize,
}

/// How every tool is, by name.
pub fn states(toolbox: &Toolbox) -> Vec<ToolState<'_>> {
    let now = Instant::now();
    toolbox.all().map(|tool| state(tool, now)).collect()
}

fn state(tool: &Tool, now: Instant) -> ToolState<'_> {
    ToolState {
        tool: &tool.id,
        wire: &tool.wire,
        kind: tool.kind_name,
        calls: tool.standing.calls(),
        circuit: tool.standing.circuit().state(now),
        rpm: tool.common.rpm,
        concurrency: tool.common.concurrency,
        cache: tool.common.cache,
        max_result: tool.common.most_result(tool.output.is_some()),
    }
}

/// Sets the gauges that are read when metrics are asked for.
pub fn gauges(toolbox: &Toolbox, metrics: &Metrics) {
    let mut circuits = BTreeMap::new();
    for state in states(toolbox) {
        let level = match state.circuit {
            Circuit::Closed => 0,
            Circuit::Warming { .. } => 1,
            Circuit::HalfOpen => 2,
            Circuit::Open { .. } => 3,
        };
        circuits.insert(vec![state.tool], level);
    }
    show(&metrics.tool_circuit, &circuits);
}
