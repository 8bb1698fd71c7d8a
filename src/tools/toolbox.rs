//! The tools of one configuration, and what they stand on.

use std::{collections::BTreeMap, sync::Arc};

use super::{Memory, Tool, Untrusted, next, pages::NEXT_TOOL, receipt};
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
    /// What conversations may do that have read untrusted data.
    pub(super) untrusted: Untrusted,
}

impl Toolbox {
    /// A toolbox. Wire names of configured tools differ: that was checked. A tool of another server whose name is
    /// taken is left out. What `memory` knows of these tools they keep; the rest is forgotten.
    pub fn new(
        tools: Vec<Tool>,
        desk: Arc<Desk>,
        ledger: Arc<Ledger>,
        memory: Arc<Memory>,
    ) -> Self {
        let toolbox = Self {
            tools: BTreeMap::new(),
            desk,
            ledger,
            memory,
            untrusted: Untrusted::default(),
        };
        toolbox.with(BTreeMap::new(), tools)
    }

    /// The same, with this rule for conversations that have read untrusted data.
    pub fn with_rule(self, untrusted: Untrusted) -> Self {
        Self { untrusted, ..self }
    }

    /// The same, with these tools of other servers in place of those there were.
    pub fn with_federated(&self, federated: Vec<Tool>) -> Self {
        let own = self.tools.iter().filter(|(_, tool)| {
            // It is there for tools whose results have pages, which may be others now.
            !tool.is_federated() && tool.wire != NEXT_TOOL
        });
        let own = own.map(|(wire, tool)| (wire.clone(), tool.clone()));
        self.with(own.collect(), federated)
    }

    /// The same, with the tools that are `kept` and those that are `new`.
    fn with(&self, kept: BTreeMap<String, Arc<Tool>>, new: Vec<Tool>) -> Self {
        let mut added: BTreeMap<String, Tool> = BTreeMap::new();
        // What an operator named comes before what a server names.
        let (federated, own): (Vec<_>, Vec<_>) = new.into_iter().partition(Tool::is_federated);
        for tool in own.into_iter().chain(federated) {
            let id = |wire: &str| {
                let added = added.get(wire).map(|other| &other.id);
                added.or_else(|| kept.get(wire).map(|other| &other.id))
            };
            match id(&tool.wire) {
                Some(other) if tool.is_federated() => tracing::warn!(
                    tool = tool.id,
                    "the tool {} is not offered: `{}` has its name on the wire",
                    tool.id,
                    other
                ),
                _ => drop(added.insert(tool.wire.clone(), tool)),
            }
        }
        let mut all = kept.values().map(|tool| &**tool).chain(added.values());
        if all.any(|tool| tool.common.paging) {
            added.extend(next::tool().map(|tool| (tool.wire.clone(), tool)));
        }
        let all_kept = kept.values().map(|tool| &**tool);
        self.memory.settle(all_kept, added.values_mut());
        let metrics = self.ledger.metrics();
        for tool in added.values() {
            metrics.begin_tool(&tool.id, receipt::labels());
        }
        let added = added.into_iter();
        let added = added.map(|(wire, tool)| (wire, Arc::new(tool)));
        Self {
            tools: kept.into_iter().chain(added).collect(),
            desk: self.desk.clone(),
            ledger: self.ledger.clone(),
            memory: self.memory.clone(),
            untrusted: self.untrusted,
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
