//! What happens to sessions nobody uses: they are parked, and later given up; earlier where many are awake.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    Sessions, Settings, State,
    state::{Life, Phase},
};

/// The shortest and the longest time between two sweeps. A sweep looks at each session once: some 50 µs for 2,000.
const OFTEN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The store hears of use once in this time. Sessions live for half an hour by default, so more is not needed.
const NOTED_EVERY: Duration = Duration::from_secs(30);

/// Beyond the number that may be awake, this part of it is parked at a time, so that not every session that opens looks
/// at all others.
const RELIEF: usize = 16;

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

impl Verdict {
    fn of(life: &mut Life, settings: &Settings, now: Instant) -> Self {
        let rests = life.is_idle().then(|| now.duration_since(life.last_used));
        let rests_for = |time: Duration| rests.is_some_and(|rests| rests >= time);
        match life.phase {
            Phase::Awake | Phase::Waking | Phase::Parked if rests_for(settings.idle.get()) => {
                Self::GiveUp
            }
            // Waking while nobody waits for it: its handshake has failed.
            Phase::Awake | Phase::Waking if rests_for(settings.park_after.get()) => {
                life.phase = Phase::Parking;
                Self::Park
            }
            _ if life.last_used.duration_since(life.last_noted) >= NOTED_EVERY => {
                life.last_noted = life.last_used;
                Self::Note
            }
            _ => Self::Keep,
        }
    }
}

impl Sessions {
    fn sweep(&self, now: Instant) {
        let settings = self.gate.offer().settings.sessions.clone();
        let known: Vec<Arc<State>> = self.known().values().cloned().collect();
        for state in known {
            state.log.sweep(now);
            let verdict = {
                let mut life = state.life();
                if life.is_idle() {
                    // Streams of requests that rmcp would not take.
                    state.log.end_streams();
                }
                Verdict::of(&mut life, &settings, now)
            };
            match verdict {
                Verdict::Keep => {}
                Verdict::Note => self.note(&state),
                Verdict::Park => self.park(&state),
                Verdict::GiveUp => self.evict(&state, "idle"),
            }
        }
    }

    /// Ends the service of a session whose phase says so.
    fn park(&self, state: &State) {
        if !self.stop(state.digest) {
            // Its service has ended already.
            state.parked();
        }
    }

    /// Parks those that rest longest, if more are awake than should be.
    pub(super) fn relieve(&self) {
        let most = self.gate.offer().settings.sessions.awake;
        let mut resting: Vec<(Instant, Arc<State>)> = {
            let awake = self.awake();
            if awake.len() <= most {
                return;
            }
            let states = awake.values().map(|service| service.state.clone());
            let rest_since = |state: Arc<State>| {
                let since = state.life().rests_since()?;
                Some((since, state))
            };
            states.filter_map(rest_since).collect()
        };
        resting.sort_unstable_by_key(|(since, _)| *since);
        for (_, state) in resting.into_iter().take(1 + most / RELIEF) {
            let rests = {
                let mut life = state.life();
                let rests = life.rests_since().is_some();
                if rests {
                    life.phase = Phase::Parking;
                }
                rests
            };
            if rests {
                self.park(&state);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_whose_waking_failed_is_parked_and_given_up() {
        let state = State::new("alice".into(), [7; 32], Phase::Waking, Arc::default());
        let settings = Settings::default();
        let judge = || Verdict::of(&mut state.life(), &settings, Instant::now());
        state.life().open = 1;
        tokio::time::advance(settings.park_after.get()).await;
        assert!(matches!(judge(), Verdict::Keep), "somebody waits for it");
        state.life().open = 0;
        assert!(matches!(judge(), Verdict::Park));
        assert_eq!(state.life().phase, Phase::Parking);
        state.parked();
        tokio::time::advance(settings.idle.get()).await;
        assert!(matches!(judge(), Verdict::GiveUp));
        state.life().phase = Phase::Waking;
        assert!(matches!(judge(), Verdict::GiveUp));
    }
}
