//! Sessions as rmcp wants them managed. Each that is awake is made by a manager of rmcp's of its own, so that its
//! event store is its own, too.
//!
//! rmcp tells of the end of a session's service by closing the session, however it ended. That is the moment a
//! parked session is really parked: to wake it earlier would start a second service beside the dying one, whose end
//! would then be taken for the end of the new one.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{Stream, stream::poll_fn};
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
    handle: LocalSessionHandle,
    events: Arc<Events>,
    state: Arc<State>,
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
        let digest = state.digest;
        let service = Service {
            handle,
            events,
            state,
        };
        self.awake().insert(digest, service);
        self.count();
        Ok(Some(transport))
    }

    fn service(&self, id: &SessionId) -> Managed<Service> {
        let service = self.awake().get(&digest(id)).cloned();
        service.ok_or_else(|| LocalSessionManagerError::SessionNotFound(id.clone()))
    }

    /// Asks the service of a session to end. [`SessionManager::close_session`] is called once it has.
    pub(super) fn stop(&self, digest: Digest) {
        let service = self.awake().get(&digest).cloned();
        if let Some(Service { handle, .. }) = service {
            // The service may have a full inbox, and nobody should wait for it here.
            tokio::spawn(async move {
                let _ = handle.close().await;
            });
        }
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
        let digest = digest(id);
        let service = self.awake().remove(&digest);
        let Some(service) = service else {
            return Ok(());
        };
        {
            let mut life = service.state.life();
            if life.phase != Phase::Opening {
                life.phase = Phase::Parked;
            }
            life.in_flight.clear();
        }
        service.state.log.end_streams();
        service.state.changed.notify_waiters();
        self.count();
        Ok(())
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Managed<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static> {
        let handle = self.service(id)?.handle;
        let stream = handle.establish_request_wise_channel().await?;
        handle.push_message(message, stream.http_request_id).await?;
        Ok(received(stream.inner))
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
