//! failsafe's state machine, with a policy and an instrument of ours. Nothing else here knows failsafe.
//!
//! It asks its policy whether to open after errors only. But a slow success may also be the one too many, or a
//! good call the one that completes the fewest calls; so whatever fills the cup is told as an error, while the
//! window has counted it for what it was.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use failsafe::{FailurePolicy, Instrument, StateMachine};
use tokio::time::Instant;

use super::{Settings, Trip, breaker::lock, window::Window};

/// The state machine and the window it judges by.
pub(super) struct Machine {
    machine: StateMachine<Policy, Mirror>,
    mirror: Mirror,
    window: Arc<Mutex<Window>>,
}

/// Where a circuit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Open,
    HalfOpen,
}

/// A call as the window counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// A stream began, slowly or not.
    Began { slow: bool },
    /// A call ended, well or not.
    Ended { fine: bool },
}

impl Machine {
    /// A closed circuit with an empty window.
    pub(super) fn new(settings: Settings) -> Self {
        let window = Arc::new(Mutex::new(Window::new(settings)));
        let mirror = Mirror::default();
        Self {
            machine: StateMachine::new(Policy(window.clone()), mirror.clone()),
            mirror,
            window,
        }
    }

    pub(super) fn state(&self) -> State {
        self.mirror.state()
    }

    /// Counts a call made while closed. If it was one too many the circuit is open now, and the share of calls
    /// that failed comes back with the reason.
    pub(super) fn count(&self, call: Call, now: Instant) -> Option<(Trip, f64)> {
        let verdict = {
            let mut window = lock(&self.window);
            match call {
                Call::Began { slow } => window.began(slow, now),
                Call::Ended { fine } => window.ended(fine, now),
            }
            let failure_rate = window.failure_rate(now);
            window.verdict().map(|because| (because, failure_rate))
        };
        match verdict {
            Some(_) => self.machine.on_error(),
            None => self.machine.on_success(),
        }
        verdict
    }

    /// The share of calls that failed of late, 0 to 1.
    pub(super) fn failure_rate(&self, now: Instant) -> f64 {
        lock(&self.window).failure_rate(now)
    }

    /// Moves an open circuit to half-open. Whether it is that now: it was opened for no time at all, so failsafe
    /// says no only as long as its own clock has not taken its next step.
    pub(super) fn half_open(&self) -> bool {
        self.machine.is_call_permitted()
    }

    /// A half-open circuit opens again.
    pub(super) fn reopen(&self) {
        self.machine.on_error();
    }

    /// A half-open circuit closes, and its window is empty.
    pub(super) fn close(&self) {
        self.machine.on_success();
    }
}

/// failsafe's question whether to open, answered by the window.
struct Policy(Arc<Mutex<Window>>);

impl FailurePolicy for Policy {
    /// The machine has counted it, with its time.
    fn record_success(&mut self) {}

    /// Zero, because the gate holds the true open time.
    fn mark_dead_on_failure(&mut self) -> Option<Duration> {
        lock(&self.0).verdict().map(|_| Duration::ZERO)
    }

    fn revived(&mut self) {
        lock(&self.0).clear();
    }
}

/// failsafe's state, which cannot be read from it without changing it.
#[derive(Clone, Default)]
struct Mirror(Arc<AtomicU8>);

impl Mirror {
    fn state(&self) -> State {
        match self.0.load(Ordering::Acquire) {
            0 => State::Closed,
            1 => State::Open,
            _ => State::HalfOpen,
        }
    }

    fn set(&self, state: State) {
        self.0.store(state as u8, Ordering::Release);
    }
}

impl Instrument for Mirror {
    fn on_call_rejected(&self) {}

    fn on_open(&self) {
        self.set(State::Open);
    }

    fn on_half_open(&self) {
        self.set(State::HalfOpen);
    }

    fn on_closed(&self) {
        self.set(State::Closed);
    }
}
