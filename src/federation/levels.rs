//! From which level on a server of before 2026-07-28 logs: one for a whole connection.
#![expect(
    deprecated,
    reason = "log messages are deprecated in 2026-07-28, and part of both revisions"
)]

use std::sync::{Mutex, PoisonError};

use rmcp::model::{ClientRequest, LoggingLevel, SetLevelRequest, SetLevelRequestParams};

/// The lowest level that anybody wanted on a connection. It is not raised again: who hears less sifts.
#[derive(Debug, Default)]
pub(super) struct Levels(Mutex<Option<LoggingLevel>>);

impl Levels {
    /// Takes note that this level is wanted: whether none so low was before.
    pub(super) fn lower(&self, wanted: LoggingLevel) -> bool {
        let mut lowest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The protocol's levels are in the order of RFC 5424, from the least to the most that matters.
        let is_lower = lowest.is_none_or(|lowest| (wanted as u8) < lowest as u8);
        if is_lower {
            *lowest = Some(wanted);
        }
        is_lower
    }
}

/// The request for this level.
pub(super) fn request(level: LoggingLevel) -> ClientRequest {
    SetLevelRequest::new(SetLevelRequestParams::new(level)).into()
}
