//! What happens to sessions nobody uses: they are parked, and later given up.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{Sessions, State, state::Phase};

/// The shortest and the longest time between two sweeps. A sweep looks at each session once: some 50 µs for 2,000.
const OFTEN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The store hears of use once in this time. Sessions live for half an hour by default, so more is not needed.
const NOTED_EVERY: Duration = Duration::from_secs(30);

/// Sweeps until it is dropped.
pub(in crate::mcp) struct Sweeper(JoinHandle<()>);

impl Sweeper {
    /// Begins to sweep.
    pub(in crate::mcp) fn start(sessions: Arc<Sessions>) -> Self {
        Self(tokio::spawn(async move {
            loop {
                let settings = sessions.gate.offer().settings.sessions.clone();
                let shorter = settings.park_after.get().min(settings.idle.get());
                sleep((shorter / 4).clamp(OFTEN.0, OFTEN.1)).await;
                sessions.sweep(Instant::now());
            }
        }))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is to be done with a session.
enum Verdict {
    Keep,
    Note,
    Park,
    GiveUp,
}

impl Sessions {
    fn sweep(&self, now: Instant) {
        let settings = self.gate.offer().settings.sessions.clone();
        let known: Vec<Arc<State>> = self.known().values().cloned().collect();
        for state in known {
            state.log.sweep(now);
            let verdict = {
                let mut life = state.life();
                let rests = now.duration_since(life.last_used);
                let verdict = match life.phase {
                    Phase::Awake | Phase::Parked
                        if life.is_idle() && rests >= settings.idle.get() =>
                    {
                        Verdict::GiveUp
                    }
                    Phase::Awake if life.is_idle() && rests >= settings.park_after.get() => {
                        life.phase = Phase::Parking;
                        Verdict::Park
                    }
                    _ if life.last_used.duration_since(life.last_noted) >= NOTED_EVERY => {
                        life.last_noted = life.last_used;
                        Verdict::Note
                    }
                    _ => Verdict::Keep,
                };
                if life.in_flight.is_empty() && life.open == 0 {
                    // Requests that were called off while nobody listened.
                    state.log.end_streams();
                }
                verdict
            };
            match verdict {
                Verdict::Keep => {}
                Verdict::Note => self.note(&state),
                Verdict::Park => self.stop(state.digest),
                Verdict::GiveUp => self.evict(&state, "idle"),
            }
        }
    }

    /// Gives a session up for this reason.
    pub(super) fn evict(&self, state: &Arc<State>, reason: &'static str) {
        self.give_up(state);
        if let Some(store) = &self.store {
            store.forget_later(state.digest);
        }
        let evictions = &self.gate.ledger.metrics().mcp_evictions;
        evictions.with_label_values(&[reason]).inc();
        tracing::debug!(owner = %state.owner, reason, "an MCP session was given up");
    }
}
