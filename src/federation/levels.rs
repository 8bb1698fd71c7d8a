//! From which level on a server of before 2026-07-28 logs: one for a whole connection.
#![expect(
    deprecated,
    reason = "log messages are deprecated in 2026-07-28, and part of both revisions"
)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use rmcp::model::{ClientRequest, LoggingLevel, SetLevelRequest, SetLevelRequestParams};

/// The lowest level that anybody wanted on a connection. It is not raised again: who hears less sifts.
#[derive(Debug, Default)]
pub(super) struct Levels(Mutex<Option<LoggingLevel>>);

impl Levels {
    /// Whether nobody wanted one so low yet.
    pub(super) fn is_new_low(&self, wanted: LoggingLevel) -> bool {
        // The protocol's levels are in the order of RFC 5424, from the least to the most that matters.
        self.lock()
            .is_none_or(|lowest| (wanted as u8) < lowest as u8)
    }

    /// Takes note that a server was told this level.
    pub(super) fn lower(&self, told: LoggingLevel) {
        if self.is_new_low(told) {
            *self.lock() = Some(told);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<LoggingLevel>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request for this level.
pub(super) fn request(level: LoggingLevel) -> ClientRequest {
    SetLevelRequest::new(SetLevelRequestParams::new(level)).into()
}
