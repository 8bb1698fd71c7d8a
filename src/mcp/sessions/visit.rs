//! One request in a session, from its first byte to the end of its answer.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::StatusCode;
use rmcp::model::RequestId;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Sessions, State,
    state::{InFlight, Phase},
};
use crate::mcp::endpoint::Refused;

/// The most requests and streams one session may have open. Agents that call tools in parallel call a dozen.
const MOST_OPEN: usize = 128;

/// How long ending a session's service may take before somebody who wants it back is turned away.
const PARKING: Duration = Duration::from_secs(5);

/// One request in a session. While it lasts the session is neither parked nor given up.
pub(in crate::mcp) struct Visit {
    sessions: Arc<Sessions>,
    /// The session.
    pub(in crate::mcp) state: Arc<State>,
    /// The request's id, as long as nobody else answers for it.
    flight: Option<RequestId>,
}

impl Visit {
    /// Enters a session, with the id of a request if it is one.
    pub(super) async fn enter(
        sessions: Arc<Sessions>,
        state: Arc<State>,
        flight: Option<RequestId>,
    ) -> Result<Self, Refused> {
        let entered = timeout(PARKING, Self::settle(&state, flight.as_ref())).await;
        entered.unwrap_or_else(|_| Err(Refused::full("The session is busy", 1)))?;
        Ok(Self {
            sessions,
            state,
            flight,
        })
    }

    /// Waits while the session is being parked, and takes a place in it.
    async fn settle(state: &State, flight: Option<&RequestId>) -> Result<(), Refused> {
        loop {
            let changed = state.changed.notified();
            if let Some(entered) = Self::take_place(state, flight) {
                return entered;
            }
            changed.await;
        }
    }

    fn take_place(state: &State, flight: Option<&RequestId>) -> Option<Result<(), Refused>> {
        let mut life = state.life();
        if state.over.is_cancelled() {
            return Some(Err(Refused::no_session()));
        }
        if life.phase == Phase::Parking {
            return None;
        }
        if life.open.max(life.in_flight.len()) >= MOST_OPEN {
            let message = format!("The session has {MOST_OPEN} requests and streams open already");
            return Some(Err(Refused::busy(message)));
        }
        if let Some(id) = flight
            && life.in_flight.contains_key(id)
        {
            let message = "A request with this id is still being answered in this session";
            return Some(Err(Refused::invalid(message)));
        }
        let flight = flight.map(|id| (id.clone(), InFlight::default()));
        life.in_flight.extend(flight);
        life.open += 1;
        life.last_used = Instant::now();
        Some(Ok(()))
    }

    /// Cancelled when the session is over.
    pub(in crate::mcp) fn over(&self) -> CancellationToken {
        self.state.over.clone()
    }

    /// rmcp answered the request with this status. If it took it up, its id is in use until it is answered, even if its
    /// client leaves.
    pub(in crate::mcp) fn taken_up(&mut self, status: StatusCode) {
        if status == StatusCode::OK {
            self.handed_over();
        }
    }

    /// Whoever answers the request says when it is answered.
    pub(super) fn handed_over(&mut self) {
        self.flight = None;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut life = self.state.life();
        life.open -= 1;
        life.last_used = Instant::now();
        if let Some(id) = self.flight.take() {
            life.in_flight.remove(&id);
        }
        drop(life);
        if self.state.unsaved.swap(false, Ordering::Relaxed) {
            self.sessions.note(&self.state);
        }
    }
}
