//! One session's [`Log`] as rmcp's event store. Each session has its own, so that a replay can never leave it.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::unfold;
use rmcp::{
    model::ServerJsonRpcMessage,
    transport::{
        common::server_side_http::ServerSseMessage,
        streamable_http_server::session::{EventId, EventStore, EventStoreError, EventStream},
    },
};

use super::{
    State,
    event_id::{EventIds, Place},
    log::Next,
};

/// What one session sent of late.
pub(super) struct Events {
    state: Arc<State>,
    ids: EventIds,
}

impl Events {
    pub(super) fn new(state: Arc<State>, session: &str) -> Self {
        Self {
            state,
            ids: EventIds::of(session),
        }
    }

    /// The number of the stream an event came on.
    pub(super) fn stream_of(&self, event: &ServerSseMessage) -> Option<u64> {
        let place = self.ids.read(event.event_id.as_deref()?)?;
        Some(place.stream)
    }
}

#[async_trait]
impl EventStore for Events {
    async fn store_event(
        &self,
        stream: &str,
        event: &ServerSseMessage,
    ) -> Result<EventId, EventStoreError> {
        let answered = event.message.as_deref().and_then(|message| match message {
            ServerJsonRpcMessage::Response(response) => Some(response.id.clone()),
            ServerJsonRpcMessage::Error(error) => error.id.clone(),
            _ => None,
        });
        let log = &self.state.log;
        let place = log.add(stream, event.message.clone(), answered.is_some());
        if let Some(id) = answered {
            self.state.answered(&id);
        }
        Ok(self.ids.write(place))
    }

    /// Gives what followed, and then what follows: the call may still be running.
    async fn replay_events_after(&self, last: &str) -> Result<EventStream, EventStoreError> {
        let place = self.ids.read(last).ok_or("the id is of no event here")?;
        let from = (self.state.clone(), self.ids, place);
        Ok(Box::pin(unfold(from, |(state, ids, place)| async move {
            let (place, event) = next(&state, &ids, place).await?;
            Some((event, (state, ids, place)))
        })))
    }
}

async fn next(state: &State, ids: &EventIds, place: Place) -> Option<(Place, ServerSseMessage)> {
    loop {
        let changed = state.log.changed.notified();
        match state.log.after(place) {
            Next::Event(place, message) => {
                let mut event = ServerSseMessage::default();
                event.event_id = Some(ids.write(place));
                event.message = Some(message);
                return Some((place, event));
            }
            Next::Wait => changed.await,
            Next::End => return None,
        }
    }
}
