//! What outlives a call: what is remembered of each tool across reloads, and of each conversation across calls.

use crate::upstream::guarded::Guarded;

/// What outlives a reload: the limits, circuits and caches of tools. Made once.
#[derive(Debug, Default)]
pub struct Memory {
    /// Connections to what tools call.
    pub web: Guarded,
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
