//! A circuit for what is no target: a tool, say. It has no keys, no latency and no share of traffic, only calls that
//! end well or not; so of its settings those about slow streams mean nothing here.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Change, Leave, Settings,
    breaker::{Breaker, Ticket},
};
use crate::facts;

/// A circuit.
pub struct Circuit(Breaker);

/// Leave to make one call. Closed once; a dropped one says nothing.
#[must_use]
pub struct Passage {
    circuit: Arc<Circuit>,
    /// Gone once it is given back.
    ticket: Option<Ticket>,
    chance: u64,
}

impl Circuit {
    /// A closed circuit.
    pub fn new(settings: Settings) -> Self {
        Self(Breaker::new(settings))
    }

    /// Lets a call through, or says for how much longer it does not; zero while a probe is under way. `chance`
    /// spreads the time the circuit stays open if this call opens it.
    pub fn admit(self: &Arc<Self>, chance: u64, now: Instant) -> Result<Passage, Duration> {
        let ticket = self.0.admit(Leave::Normal, now)?;
        Ok(Passage {
            circuit: self.clone(),
            ticket: Some(ticket),
            chance,
        })
    }

    /// Where it is.
    pub fn state(&self, now: Instant) -> facts::Circuit {
        self.0.state(now).0
    }
}

impl Passage {
    /// The call went well.
    pub fn succeeded(mut self, now: Instant) -> Option<Change> {
        let ticket = self.ticket.take()?;
        self.circuit.0.succeeded(ticket, false, self.chance, now)
    }

    /// The call failed in a way that speaks against what it called.
    pub fn failed(mut self, now: Instant) -> Option<Change> {
        let ticket = self.ticket.take()?;
        self.circuit.0.failed(ticket, self.chance, now)
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.circuit.0.neutral(ticket);
        }
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Circuit").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_lets_one_probe_in_and_closes_after_three() {
        let settings = Settings::default();
        let circuit = Arc::new(Circuit::new(settings));
        let start = Instant::now();
        for _ in 0..settings.consecutive {
            circuit.admit(1, start).ok().unwrap().failed(start);
        }
        assert_eq!(circuit.state(start).label(), "open");
        let wait = circuit.admit(1, start).err().unwrap();
        let later = start + wait;
        for _ in 0..3 {
            let probe = circuit.admit(1, later).ok().unwrap();
            assert!(circuit.admit(1, later).is_err(), "two probes at once");
            drop(probe);
            circuit.admit(1, later).ok().unwrap().succeeded(later);
        }
        assert_eq!(circuit.state(later).label(), "warming");
    }
}
