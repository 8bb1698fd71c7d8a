//! A request of a session that is answered without the session's service, which may stay parked meanwhile.
//!
//! Its stream is in the log as any other: who loses it asks for the rest. It can be called off, and it runs on when its
//! client only leaves.

use std::sync::Arc;

use rmcp::model::{RequestId, ServerJsonRpcMessage};
use tokio_util::sync::CancellationToken;

use super::{
    State, Visit,
    event_id::{EventIds, Place},
};

/// A request of a session that is answered without the session's service.
pub(in crate::mcp) struct Flight {
    state: Arc<State>,
    ids: EventIds,
    request: RequestId,
    first: Place,
}

/// An answer in the session's log.
pub(in crate::mcp) struct Landed {
    /// The event's id.
    pub(in crate::mcp) event: String,
    /// The answer, written.
    pub(in crate::mcp) text: String,
}

impl Flight {
    /// Begins to answer a request of this visit, in the session with this id. `called_off` ends the work.
    pub(in crate::mcp) fn begin(
        visit: &mut Visit,
        session: &str,
        request: RequestId,
        called_off: CancellationToken,
    ) -> Self {
        let state = visit.state.clone();
        let first = state.log.open();
        state.answers(&request, Some(first.stream), Some(called_off));
        visit.handed_over();
        Self {
            state,
            ids: EventIds::of(session),
            request,
            first,
        }
    }

    /// The id of the event that opens its stream.
    pub(in crate::mcp) fn first(&self) -> String {
        self.ids.write(self.first)
    }

    /// Puts the answer into the log; none where it cannot be written.
    pub(in crate::mcp) fn land(self, answer: ServerJsonRpcMessage) -> Option<Landed> {
        let text = serde_json::to_string(&answer).ok()?;
        let kept = Some((Arc::new(answer), text.len()));
        let place = self.state.log.put(self.first.stream, kept, true);
        Some(Landed {
            event: self.ids.write(place),
            text,
        })
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.state.log.end(self.first.stream);
        self.state.answered(&self.request);
    }
}
