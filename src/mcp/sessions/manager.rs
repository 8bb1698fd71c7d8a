//! Sessions as rmcp wants them managed. Each that is awake is made by a manager of rmcp's of its own, so that its
//! event store is its own, too.
//!
//! rmcp tells of the end of a session's service by closing the session, however it ended. That is the moment a
//! parked session is really parked: nobody wakes it earlier. Should a second service be started beside a dying one
//! all the same, the end of the first is not taken for the end of the second.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{
    Stream, StreamExt,
    stream::{iter, poll_fn},
};
use rmcp::{
    model::{ClientJsonRpcMessage, JsonRpcMessage, ServerJsonRpcMessage},
    transport::{
        common::server_side_http::ServerSseMessage,
        streamable_http_server::{
            RestoreOutcome, SessionId, SessionManager,
            session::{
                EventStore, SessionState, SessionStore, SessionStoreError,
                local::{
                    LocalSessionHandle, LocalSessionManager, LocalSessionManagerError,
                    SessionError, SessionTransport,
                },
            },
        },
    },
};
use tokio::sync::mpsc::Receiver;

use super::{
    Sessions, State, digest,
    events::Events,
    opening::OPENED,
    row,
    state::{Digest, Phase},
};

/// The service of a session that is awake.
#[derive(Clone)]
pub(super) struct Service {
    /// rmcp starts a service and tells of its end with one and the same allocation of the id, and reads another one
    /// from each request. So it is also the name of this service among all that the session ever had.
    id: SessionId,
    handle: LocalSessionHandle,
    events: Arc<Events>,
    pub(super) state: Arc<State>,
}

type Managed<T> = Result<T, LocalSessionManagerError>;

impl Sessions {
    /// Starts rmcp's part of a session.
    async fn start(&self, id: SessionId, state: Arc<State>) -> Managed<Option<SessionTransport>> {
        let mut manager = LocalSessionManager::default();
        // rmcp counts messages, and would end a session whose one call is silent for that long. We count requests.
        manager.session_config.keep_alive = None;
        let events = Arc::new(Events::new(state.clone(), &id));
        let manager = manager.with_event_store(events.clone());
        // Restoring is how rmcp makes a session of a given id.
        let made = manager.restore_session(id.clone()).await?;
        let handle = manager.sessions.into_inner().remove(&id);
        let (RestoreOutcome::Restored(transport), Some(handle)) = (made, handle) else {
            return Ok(None);
        };
        let (digest, over) = (state.digest, state.over.clone());
        let service = Service {
            id,
            handle,
            events,
            state,
        };
        let before = self.awake().insert(digest, service);
        if let Some(before) = before {
            before.end();
        }
        if over.is_cancelled() {
            // It was given up meanwhile, when there was nothing to stop.
            self.stop(digest);
        }
        self.relieve();
        self.count();
        Ok(Some(transport))
    }

    fn service(&self, id: &SessionId) -> Managed<Service> {
        let service = self.awake().get(&digest(id)).cloned();
        service.ok_or_else(|| LocalSessionManagerError::SessionNotFound(id.clone()))
    }

    /// Asks the service of a session to end, and tells whether there is one. [`SessionManager::close_session`] is
    /// called once it has ended.
    pub(super) fn stop(&self, digest: Digest) -> bool {
        let service = self.awake().get(&digest).cloned();
        let is_there = service.is_some();
        if let Some(service) = service {
            service.end();
        }
        is_there
    }

    /// Forgets the service with this very id, if it is still the session's.
    fn forget(&self, id: &SessionId) -> Option<Service> {
        let digest = digest(id);
        let mut awake = self.awake();
        let service = awake.get(&digest)?;
        if !Arc::ptr_eq(&service.id, id) {
            return None;
        }
        awake.remove(&digest)
    }
}

impl Service {
    fn end(self) {
        // It may have a full inbox, and nobody should wait for it here.
        tokio::spawn(async move {
            let _ = self.handle.close().await;
        });
    }
}

impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = SessionTransport;

    async fn create_session(&self) -> Managed<(SessionId, Self::Transport)> {
        let nobody = || LocalSessionManagerError::SessionNotFound("".into());
        let (id, state) = OPENED.try_with(Clone::clone).map_err(|_| nobody())?;
        let transport = self.start(id.clone(), state).await?;
        Ok((id, transport.ok_or_else(nobody)?))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Managed<ServerJsonRpcMessage> {
        let service = self.service(id)?;
        let answer = service.handle.initialize(message).await?;
        let mut life = service.state.life();
        if life.phase == Phase::Opening {
            life.in_flight.clear();
            if matches!(answer, JsonRpcMessage::Response(_)) {
                life.phase = Phase::Awake;
            }
        }
        drop(life);
        Ok(answer)
    }

    async fn has_session(&self, id: &SessionId) -> Managed<bool> {
        let service = self.service(id);
        Ok(service.is_ok_and(|service| service.state.life().phase == Phase::Awake))
    }

    async fn close_session(&self, id: &SessionId) -> Managed<()> {
        if let Some(service) = self.forget(id) {
            service.state.parked();
            self.count();
        }
        Ok(())
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Managed<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static> {
        let Service {
            handle,
            events,
            state,
            ..
        } = self.service(id)?;
        let mut stream = handle.establish_request_wise_channel().await?;
        // rmcp opens each stream with an event of ours, whose id tells which stream it is.
        let first = stream.inner.try_recv().ok();
        if let JsonRpcMessage::Request(request) = &message {
            let number = first.as_ref().and_then(|event| events.stream_of(event));
            state.answers(&request.id, number, None);
        }
        handle.push_message(message, stream.http_request_id).await?;
        Ok(iter(first).chain(received(stream.inner)))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Managed<()> {
        let service = self.service(id)?;
        service.handle.push_message(message, None).await?;
        let mut life = service.state.life();
        if life.phase == Phase::Waking {
            // The second and last message of a repeated handshake.
            life.phase = Phase::Awake;
        }
        Ok(())
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Managed<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static> {
        let handle = self.service(id)?.handle;
        let stream = handle.establish_common_channel().await?;
        Ok(received(stream.inner))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Managed<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static> {
        let events = self.service(id)?.events;
        let replay = events.replay_events_after(&last_event_id).await;
        replay.map_err(|error| SessionError::EventStore(error).into())
    }

    async fn restore_session(&self, id: SessionId) -> Managed<RestoreOutcome<Self::Transport>> {
        let state = self.known().get(&digest(&id)).cloned();
        let Some(state) = state else {
            return Ok(RestoreOutcome::NotSupported);
        };
        state.life().phase = Phase::Waking;
        let transport = self.start(id, state).await?;
        Ok(transport.map_or(RestoreOutcome::NotSupported, RestoreOutcome::Restored))
    }
}

fn received(
    mut messages: Receiver<ServerSseMessage>,
) -> impl Stream<Item = ServerSseMessage> + Send + Sync + 'static {
    poll_fn(move |context| messages.poll_recv(context))
}

/// What rmcp needs to wake a session.
#[async_trait]
impl SessionStore for Sessions {
    async fn load(&self, id: &str) -> Result<Option<SessionState>, SessionStoreError> {
        let state = self.known().get(&digest(id)).cloned();
        let handshake = state.and_then(|state| state.life().handshake.clone());
        Ok(handshake.map(SessionState::new))
    }

    async fn store(&self, id: &str, session: &SessionState) -> Result<(), SessionStoreError> {
        let state = self.known().get(&digest(id)).cloned();
        let Some(state) = state else {
            return Ok(());
        };
        if state.life().phase == Phase::Opening {
            // rmcp stores a handshake whatever came of it. This one was refused: the session is given up.
            return Ok(());
        }
        state.life().handshake = Some(session.initialize_params.clone());
        if let (Some(store), Some(row)) = (&self.store, row::row(&state)) {
            store.save(row).await;
        }
        Ok(())
    }

    async fn delete(&self, _: &str) -> Result<(), SessionStoreError> {
        Ok(())
    }
}
