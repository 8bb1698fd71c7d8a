//! A session that is being opened: whether there is room for it, and what happens if it comes to nothing.

use std::sync::Arc;

use rmcp::{model::RequestId, transport::streamable_http_server::SessionId};

use super::{Phase, Sessions, State, Visit, digest, new_id};
use crate::mcp::endpoint::Refused;

/// When whoever found no room may come back, in seconds: by then some session is idle, mostly.
const RETRY_AFTER: u32 = 5;

/// The largest `initialize` that is taken, in bytes: it is kept as long as the session. Clients send less than one KiB.
pub(in crate::mcp) const LARGEST_HANDSHAKE: usize = 64 * 1024;

tokio::task_local! {
    /// The session the present request opens: rmcp asks for a new one without saying for whom.
    pub(super) static OPENED: (SessionId, Arc<State>);
}

/// A session that is being opened. It is given up if it comes to nothing.
pub(in crate::mcp) struct Opening {
    sessions: Arc<Sessions>,
    id: SessionId,
    state: Arc<State>,
}

impl Opening {
    /// Makes room for a session of this caller.
    pub(in crate::mcp) async fn admit(
        sessions: Arc<Sessions>,
        owner: Arc<str>,
        request: RequestId,
    ) -> Result<(Self, Visit), Refused> {
        let id = new_id();
        let state = State::new(owner, digest(&id), Phase::Opening, sessions.budget.clone());
        let state = Arc::new(state);
        sessions.make_room(&state)?;
        let opening = Self {
            sessions: sessions.clone(),
            id,
            state: state.clone(),
        };
        let visit = Visit::enter(sessions, state, Some(request)).await?;
        Ok((opening, visit))
    }

    /// Lets rmcp open it.
    pub(in crate::mcp) async fn through<T>(&self, answering: impl Future<Output = T>) -> T {
        let opened = (self.id.clone(), self.state.clone());
        OPENED.scope(opened, answering).await
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if self.state.life().phase == Phase::Opening {
            self.sessions.give_up(&self.state);
        }
    }
}

impl Sessions {
    /// Takes the state in, in place of idle ones if there is no room otherwise.
    fn make_room(&self, state: &Arc<State>) -> Result<(), Refused> {
        let settings = self.gate.offer().settings.sessions.clone();
        let mut known = self.known();
        let of_owner = |other: &&Arc<State>| other.owner == state.owner;
        let own = known.values().filter(of_owner).count();
        let leaving = if own >= settings.per_key {
            let longest = longest_idle(known.values().filter(of_owner));
            Some((longest.ok_or_else(|| full("You have"))?, "per_key"))
        } else if known.len() >= settings.max {
            let longest = longest_idle(known.values());
            Some((longest.ok_or_else(|| full("The server has"))?, "max"))
        } else {
            None
        };
        known.insert(state.digest, state.clone());
        drop(known);
        match leaving {
            Some((left, reason)) => self.evict(&left, reason),
            None => self.count(),
        }
        Ok(())
    }
}

fn longest_idle<'a>(states: impl Iterator<Item = &'a Arc<State>>) -> Option<Arc<State>> {
    let idle = states.filter_map(|state| {
        let life = state.life();
        let rests = life.is_idle() && life.phase != Phase::Opening;
        rests.then_some((life.last_used, state))
    });
    idle.min_by_key(|(last_used, _)| *last_used)
        .map(|(_, state)| state.clone())
}

fn full(who: &str) -> Refused {
    let message = format!("{who} no room for another session: end one with DELETE, or wait");
    Refused::full(message, RETRY_AFTER)
}
