//! The circuit of one target: failsafe's state machine behind our own gate.
//!
//! failsafe ([`machine`](super::machine)) moves between closed, open and half-open and asks its policy whether
//! to open. Everything it cannot know is the gate's, under one mutex: the time (it reads its own clock, so it always opens for no time at all
//! and the gate holds the true end), who may probe (half-open lets everybody in), how many probes must go well
//! (the first success closes it), and which results still count (it has no generations).
//!
//! A result counts only in the epoch its permit is from; every opening begins another. So whatever was under
//! way when the circuit opened, well or ill, moves nothing when it comes in late.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Change, Leave, Opening, Settings, Trip, chance,
    machine::{Call, Machine, State},
};
use crate::facts::Circuit;

/// Probes that must go well before the circuit closes.
const PROBES: u32 = 3;

/// How long a recovered target takes to get all its traffic back, from [`FIRST_SHARE`] on.
const WARMING: Duration = Duration::from_secs(10);

/// The share of its traffic a target gets right after it recovered.
const FIRST_SHARE: f64 = 0.1;

/// Being well for so long makes one earlier opening forgotten.
const HEALTHY: Duration = Duration::from_secs(30);

/// Which draw of a permit's chance spreads the open time.
const SPREAD: u64 = 1;

/// The circuit of one target.
pub(super) struct Breaker {
    settings: Settings,
    gate: Mutex<Gate>,
}

struct Gate {
    machine: Machine,
    /// Counts openings; results of other epochs are ignored.
    epoch: u64,
    /// When the open time ends.
    until: Option<Instant>,
    /// The share of calls that had failed when it opened.
    failure_rate: f64,
    /// Why it last opened; none if it never did.
    because: Option<Trip>,
    /// Openings not yet forgotten.
    openings: u32,
    probing: bool,
    /// Probes that went well in a row.
    proven: u32,
    /// When it last closed after having been open.
    recovered: Option<Instant>,
}

/// What the gate remembers of a call it let through. Given back exactly once.
#[derive(Debug)]
#[must_use]
pub(super) struct Ticket {
    epoch: u64,
    role: Role,
    /// Whether the circuit went from open to half-open by it.
    half_opened: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Let through while the circuit was closed.
    Ordinary,
    /// The one probe of a half-open circuit.
    Probe,
    /// Let through an open circuit because somebody must answer.
    Bystander,
}

impl Ticket {
    pub(super) fn is_probe(&self) -> bool {
        self.role == Role::Probe
    }

    pub(super) fn half_opened(&self) -> bool {
        self.half_opened
    }
}

impl Breaker {
    pub(super) fn new(settings: Settings) -> Self {
        let gate = Gate {
            machine: Machine::new(settings),
            epoch: 0,
            until: None,
            failure_rate: 0.0,
            because: None,
            openings: 0,
            probing: false,
            proven: 0,
            recovered: None,
        };
        Self {
            settings,
            gate: Mutex::new(gate),
        }
    }

    /// Lets a call through, or says for how much longer it does not; zero while a probe is under way.
    pub(super) fn admit(&self, leave: Leave, now: Instant) -> Result<Ticket, Duration> {
        let mut gate = self.gate();
        let before = gate.machine.state();
        let role = if before == State::Closed {
            Role::Ordinary
        } else if gate.may_probe(now) {
            gate.probing = true;
            Role::Probe
        } else if leave == Leave::Panic {
            Role::Bystander
        } else {
            return Err(gate.remaining(now));
        };
        Ok(Ticket {
            epoch: gate.epoch,
            role,
            half_opened: before == State::Open && gate.machine.state() == State::HalfOpen,
        })
    }

    /// A stream has begun, slowly or not. What is slow may open a closed circuit long before the stream ends.
    pub(super) fn began(
        &self,
        ticket: &Ticket,
        slow: bool,
        seed: u64,
        now: Instant,
    ) -> Option<Change> {
        let mut gate = self.gate();
        if ticket.epoch != gate.epoch || gate.machine.state() != State::Closed {
            return None;
        }
        gate.count(Call::Began { slow }, &self.settings, seed, now)
    }

    /// The call went well. A slow probe has not proven that the target is well again: it opens the circuit anew.
    pub(super) fn succeeded(
        &self,
        ticket: Ticket,
        slow: bool,
        seed: u64,
        now: Instant,
    ) -> Option<Change> {
        let mut gate = self.gate();
        if !gate.takes_back(&ticket) {
            return None;
        }
        if gate.machine.state() == State::Closed {
            return gate.count(Call::Ended { fine: true }, &self.settings, seed, now);
        }
        match ticket.role {
            Role::Probe if slow => Some(gate.reopen(&self.settings, seed, now)),
            Role::Probe => gate.prove(now),
            // Not late, for it began after the opening; but before the open time is over it proves nothing.
            Role::Bystander if !slow && gate.half_open(now) => gate.prove(now),
            Role::Bystander | Role::Ordinary => None,
        }
    }

    /// The call failed in a way that speaks against the target.
    pub(super) fn failed(&self, ticket: Ticket, seed: u64, now: Instant) -> Option<Change> {
        let mut gate = self.gate();
        if !gate.takes_back(&ticket) {
            return None;
        }
        if gate.machine.state() == State::Closed {
            return gate.count(Call::Ended { fine: false }, &self.settings, seed, now);
        }
        (ticket.role == Role::Probe).then(|| gate.reopen(&self.settings, seed, now))
    }

    /// The call says nothing about the target; a probe may be made again.
    pub(super) fn neutral(&self, ticket: Ticket) {
        self.gate().takes_back(&ticket);
    }

    /// The state as a router needs it, and the share of failed calls, 0 to 1.
    pub(super) fn state(&self, now: Instant) -> (Circuit, f64) {
        let gate = self.gate();
        if gate.machine.state() == State::Closed {
            let rate = gate.machine.failure_rate(now);
            return (gate.warming(now).unwrap_or(Circuit::Closed), rate);
        }
        let failure_rate = gate.failure_rate;
        let remaining = gate.remaining(now);
        let circuit = if gate.probing || !remaining.is_zero() {
            Circuit::Open {
                remaining,
                failure_rate,
            }
        } else {
            Circuit::HalfOpen
        };
        (circuit, failure_rate)
    }

    /// Its last opening, if it ever opened.
    pub(super) fn opening(&self) -> Option<Opening> {
        let gate = self.gate();
        gate.because.map(|because| Opening {
            because,
            failure_rate: gate.failure_rate,
            consecutive: self.settings.consecutive,
            times: gate.epoch,
        })
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        lock(&self.gate)
    }
}

impl Gate {
    /// Whether the call is of this epoch; if so, a probe is no longer out.
    fn takes_back(&mut self, ticket: &Ticket) -> bool {
        let current = ticket.epoch == self.epoch;
        if current && ticket.is_probe() {
            self.probing = false;
        }
        current
    }

    fn may_probe(&mut self, now: Instant) -> bool {
        !self.probing && self.half_open(now)
    }

    /// Whether the circuit is half-open at `now`, after moving it there when its time has come.
    fn half_open(&mut self, now: Instant) -> bool {
        self.remaining(now).is_zero() && self.machine.half_open()
    }

    fn remaining(&self, now: Instant) -> Duration {
        self.until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Counts a call made while closed, which may open the circuit.
    fn count(
        &mut self,
        call: Call,
        settings: &Settings,
        seed: u64,
        now: Instant,
    ) -> Option<Change> {
        let (because, failure_rate) = self.machine.count(call, now)?;
        if let Some(recovered) = self.recovered {
            let healthy = now.saturating_duration_since(recovered).as_secs() / HEALTHY.as_secs();
            let healthy = u32::try_from(healthy).unwrap_or(u32::MAX);
            self.openings = self.openings.saturating_sub(healthy);
        }
        self.failure_rate = failure_rate;
        Some(self.opened(because, settings, seed, now))
    }

    fn reopen(&mut self, settings: &Settings, seed: u64, now: Instant) -> Change {
        self.machine.reopen();
        self.opened(Trip::Probe, settings, seed, now)
    }

    /// Begins an epoch of being open: `open_for`, doubled with each opening, give or take half, so that targets
    /// that broke together are not probed together.
    fn opened(&mut self, because: Trip, settings: &Settings, seed: u64, now: Instant) -> Change {
        self.epoch += 1;
        self.because = Some(because);
        self.probing = false;
        self.proven = 0;
        let doubled = 1_u32.checked_shl(self.openings).unwrap_or(u32::MAX);
        self.openings = self.openings.saturating_add(1);
        let wait = settings.open_for.get().saturating_mul(doubled);
        let spread = 0.5 + chance::unit(seed, SPREAD);
        let wait = wait.min(settings.open_max.get()).mul_f64(spread);
        self.until = Some(now + wait);
        Change::Opened {
            because,
            failure_rate: self.failure_rate,
            wait,
        }
    }

    fn prove(&mut self, now: Instant) -> Option<Change> {
        self.proven += 1;
        if self.proven < PROBES {
            return None;
        }
        self.machine.close();
        self.proven = 0;
        self.until = None;
        self.recovered = Some(now);
        Some(Change::Closed)
    }

    fn warming(&self, now: Instant) -> Option<Circuit> {
        let since = now.saturating_duration_since(self.recovered?);
        (since < WARMING).then(|| Circuit::Warming {
            share: FIRST_SHARE + (1.0 - FIRST_SHARE) * since.as_secs_f64() / WARMING.as_secs_f64(),
        })
    }
}

/// Nothing panics while one of these locks is held, and what they guard is whole between any two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
