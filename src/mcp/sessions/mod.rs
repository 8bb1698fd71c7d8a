//! Sessions of the 2025-11-25 revision: whose they are, how many there may be, and what is kept of them.
//!
//! rmcp runs a service for each session and knows it by its id alone. Here each session has an owner, and only the
//! owner finds it; there are caps; and a session nobody uses is *parked*: its service is ended and only its handshake
//! and its wishes are kept, from which the next request [wakes](manager) it, unseen. With a store they outlive the
//! process in the same way.
//!
//! A session is idle when no request in it waits for an answer and no stream of it is open, however long its last
//! message is ago.

mod budget;
mod event_id;
mod events;
mod flight;
mod log;
mod manager;
mod opening;
mod row;
mod settings;
mod state;
mod sweep;
mod visit;

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::{model::RequestId, transport::streamable_http_server::SessionId};

use self::{
    budget::Budget,
    manager::Service,
    state::{Digest, Phase},
};
use super::{Gate, endpoint::Refused};
use crate::store::Store;

pub(super) use event_id::EventIds;
pub(super) use flight::{Flight, Landed};
pub(super) use opening::{LARGEST_HANDSHAKE, Opening};
pub use settings::Settings;
pub(super) use state::MOST_SUBSCRIPTIONS;
pub use state::State;
pub(super) use sweep::Sweeper;
pub(super) use visit::Visit;

/// The sessions there are.
pub(super) struct Sessions {
    gate: Arc<Gate>,
    store: Option<Arc<Store>>,
    budget: Arc<Budget>,
    known: Mutex<HashMap<Digest, Arc<State>>>,
    /// The services of those that are awake.
    awake: Mutex<HashMap<Digest, Service>>,
}

impl Sessions {
    /// The sessions the store remembers.
    pub(super) fn new(gate: Arc<Gate>, store: Option<Arc<Store>>) -> Self {
        let budget = Arc::default();
        let kept = store.as_ref().map(|store| store.sessions());
        let kept = kept.unwrap_or_default().into_iter();
        let known = kept.filter_map(|row| row::state(row, &budget));
        let known = known.map(|state| (state.digest, Arc::new(state)));
        let sessions = Self {
            gate,
            store,
            known: Mutex::new(known.collect()),
            budget,
            awake: Mutex::default(),
        };
        sessions.count();
        sessions
    }

    /// Enters the session with this id, for its owner. Nobody else is told that there is one.
    pub(super) async fn enter(
        self: &Arc<Self>,
        id: &str,
        caller: &str,
        request: Option<RequestId>,
    ) -> Result<Visit, Refused> {
        let state = self.find(id, caller).ok_or_else(Refused::no_session)?;
        Visit::enter(self.clone(), state, request).await
    }

    /// Whether there is a session with this id, for its owner.
    pub(super) fn has(&self, id: &str, caller: &str) -> bool {
        self.find(id, caller).is_some()
    }

    /// Ends the session with this id, for its owner.
    pub(super) async fn end(&self, id: &str, caller: &str) -> Result<(), Refused> {
        let state = self.find(id, caller).ok_or_else(Refused::no_session)?;
        self.give_up(&state);
        if let Some(store) = &self.store {
            store.forget(state.digest).await;
        }
        Ok(())
    }

    fn find(&self, id: &str, caller: &str) -> Option<Arc<State>> {
        let state = self.known().get(&digest(id)).cloned();
        state.filter(|state| *state.owner == *caller)
    }

    /// Forgets a session, and ends what runs in it.
    fn give_up(&self, state: &Arc<State>) {
        self.known().remove(&state.digest);
        state.over.cancel();
        state.changed.notify_waiters();
        self.stop(state.digest);
        self.count();
    }

    /// Tells the store how a session stands now, without waiting.
    fn note(&self, state: &State) {
        if let (Some(store), Some(row)) = (&self.store, row::row(state)) {
            store.note(row);
        }
    }

    /// Puts the numbers of sessions into the metrics.
    fn count(&self) {
        let known = self.known().len();
        let awake = self.awake().len().min(known);
        let gauge = &self.gate.ledger.metrics().mcp_sessions;
        let set = |state, count| {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            gauge.with_label_values(&[state]).set(count);
        };
        set("active", awake);
        set("parked", known - awake);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Digest, Arc<State>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn awake(&self) -> MutexGuard<'_, HashMap<Digest, Service>> {
        self.awake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a session is over; for ever where there is none.
pub(super) async fn over(session: Option<&State>) {
    match session {
        Some(session) => session.over.cancelled().await,
        None => pending().await,
    }
}

fn digest(id: &str) -> Digest {
    *blake3::hash(id.as_bytes()).as_bytes()
}

/// An id nobody can guess: 122 bits of the system's randomness.
fn new_id() -> SessionId {
    uuid::Uuid::new_v4().simple().to_string().into()
}
