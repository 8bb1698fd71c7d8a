//! What outlives a call: what is remembered of each tool across reloads, and of each conversation across calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Tool, kinds::mcp::Slots, once::Once, pages::Pages, shelf::Bounds, standing::Standing};
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
            broker: Arc::new(Broker::new(web.clone())),
            web,
            slots: Arc::new(Slots::new(mint)),
        }
    }

    /// Where the models are for servers, and the keys their processes have.
    pub fn slots(&self) -> &Arc<Slots> {
        &self.slots
    }

    /// Gives these tools, which are all there are now, what is remembered of them; the rest is forgotten.
    pub(super) fn settle<'a>(&self, tools: impl Iterator<Item = &'a mut Tool>) {
        let mut standings = self
            .standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut present = HashMap::new();
        for tool in tools {
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
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            id: uuid::Uuid::new_v4().simple().to_string(),
        }
    }
}
