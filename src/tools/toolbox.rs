//! The tools of one configuration, and what they stand on.

use std::{collections::BTreeMap, sync::Arc};

use super::{Memory, Tool, next, pages::NEXT_TOOL, receipt};
use crate::{access::Caller, relay::Desk, telemetry::Ledger};

/// The tools of one configuration, and what they stand on.
#[derive(Debug)]
pub struct Toolbox {
    /// By wire name: lists are in this order, which is the same at every call.
    tools: BTreeMap<String, Arc<Tool>>,
    /// What completions need.
    pub desk: Arc<Desk>,
    /// Where records go.
    pub ledger: Arc<Ledger>,
    /// What outlives a reload.
    pub memory: Arc<Memory>,
}

impl Toolbox {
    /// A toolbox. Wire names differ: that was checked. What `memory` knows of these tools they keep; the rest is
    /// forgotten.
    pub fn new(
        mut tools: Vec<Tool>,
        desk: Arc<Desk>,
        ledger: Arc<Ledger>,
        memory: Arc<Memory>,
    ) -> Self {
        if tools.iter().any(|tool| tool.common.paging) {
            tools.extend(next::tool());
        }
        memory.settle(tools.iter_mut());
        for tool in &tools {
            ledger.metrics().begin_tool(&tool.id, receipt::labels());
        }
        let by_name = |tool: Tool| (tool.wire.clone(), Arc::new(tool));
        Self {
            tools: tools.into_iter().map(by_name).collect(),
            desk,
            ledger,
            memory,
        }
    }

    /// The tool of this wire name, if this caller may know of it.
    pub fn find(&self, wire: &str, caller: &Caller) -> Option<&Arc<Tool>> {
        let tool = self.tools.get(wire)?;
        self.may_use(caller, tool).then_some(tool)
    }

    /// The tool of this wire name, whoever asks.
    pub fn get(&self, wire: &str) -> Option<&Arc<Tool>> {
        self.tools.get(wire)
    }

    /// All tools, by name.
    pub fn all(&self) -> impl Iterator<Item = &Tool> + Clone {
        self.tools.values().map(|tool| &**tool)
    }

    /// The tools this caller may know of, by name.
    pub fn visible<'a>(&'a self, caller: &'a Caller) -> impl Iterator<Item = &'a Arc<Tool>> {
        let tools = self.tools.values();
        tools.filter(|tool| self.may_use(caller, tool))
    }

    /// The next page is for whoever may have had the first.
    fn may_use(&self, caller: &Caller, tool: &Tool) -> bool {
        if tool.wire == NEXT_TOOL {
            let mut tools = self.tools.values();
            return tools.any(|tool| tool.common.paging && caller.may_use_tool(&tool.id));
        }
        caller.may_use_tool(&tool.id)
    }
}
