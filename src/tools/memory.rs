//! What outlives a call: what is remembered of each tool across reloads, and of each conversation across calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use super::{
    Tool,
    kinds::mcp::Slots,
    once::Once,
    pages::Pages,
    shelf::Bounds,
    standing::Standing,
    taint::{Taint, Taints},
};
use crate::{access::Mint, identity::Broker, upstream::guarded::Guarded};

/// Outcomes of calls with an idempotency key, and cached results: as many of each, and as large. A caller who fills
/// its share loses its own oldest first, and a key that was lost so is a new one.
const OUTCOMES: Bounds = Bounds {
    things: 20_000,
    bytes: 64 * 1024 * 1024,
    things_each: 5_000,
    bytes_each: 16 * 1024 * 1024,
};

/// What outlives a reload: the limits, circuits and caches of tools. Made once.
#[derive(Debug)]
pub struct Memory {
    standings: Mutex<HashMap<String, Standing>>,
    /// Calls with an idempotency key, and those that are the same while they run.
    pub(super) calls: Arc<Once>,
    /// Results by arguments.
    pub(super) results: Arc<Once>,
    /// Results of which more can be asked for.
    pub(super) pages: Pages,
    /// Who has read untrusted data.
    pub(crate) taints: Taints,
    /// Connections to what tools call.
    pub(crate) web: Arc<Guarded>,
    /// Tokens for servers.
    pub(crate) broker: Arc<Broker>,
    /// Where the models are for servers, and the keys their processes have.
    pub(super) slots: Arc<Slots>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(Arc::default(), Arc::default())
    }
}

impl Memory {
    /// An empty memory on these connections, with this mint.
    pub fn new(web: Arc<Guarded>, mint: Arc<Mint>) -> Self {
        Self {
            standings: Mutex::default(),
            calls: Arc::new(Once::new(OUTCOMES)),
            results: Arc::new(Once::new(OUTCOMES)),
            pages: Pages::default(),
            taints: Taints::default(),
            broker: Arc::new(Broker::new(web.clone())),
            web,
            slots: Arc::new(Slots::new(mint)),
        }
    }

    /// Where the models are for servers, and the keys their processes have.
    pub fn slots(&self) -> &Arc<Slots> {
        &self.slots
    }

    /// Gives these new tools what is remembered of them. With those that are `kept` they are all there are now; the
    /// rest is forgotten.
    pub(super) fn settle<'a>(
        &self,
        kept: impl Iterator<Item = &'a Tool>,
        new: impl Iterator<Item = &'a mut Tool>,
    ) {
        let mut standings = self
            .standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let kept = kept.map(|tool| (tool.id.clone(), tool.standing.clone()));
        let mut present: HashMap<_, _> = kept.collect();
        for tool in new {
            if let Some(before) = standings.get(&tool.id) {
                tool.standing = before.under(&tool.common);
            }
            present.insert(tool.id.clone(), tool.standing.clone());
        }
        *standings = present;
    }
}

/// The context of calls that belong together: one session, connection or handle of one caller.
#[derive(Debug)]
pub struct Conversation {
    /// Its name, which nobody can guess.
    pub id: String,
    /// Whether its caller named it, so that later calls can be part of it.
    pub(super) is_named: bool,
    /// What untrusted data it has read, where it lasts by itself.
    pub(super) taint: OnceLock<Taint>,
}

impl Conversation {
    /// The one of this name, which its caller knows it by.
    pub fn named(id: String) -> Self {
        Self::new(id, true)
    }

    fn new(id: String, is_named: bool) -> Self {
        Self {
            id,
            is_named,
            taint: OnceLock::new(),
        }
    }
}

impl Default for Conversation {
    fn default() -> Self {
        Self::new(uuid::Uuid::new_v4().simple().to_string(), false)
    }
}
