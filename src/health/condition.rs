//! The condition of one target under one route's breaker: its facts, and leave to try it.
//!
//! Each of the provider's keys has a circuit of its own: a key may be bound to a region or an account that is down
//! while the others work. The target is as well as the best of them.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

use super::{
    KeyState, Permit, Place, Settings, Shape,
    breaker::{Breaker, Ticket},
    latency::Times,
    memory::Memory,
};
use crate::facts::{Circuit, Facts};

/// Checked answers assumed valid before the first: one bad answer in a row of none is no verdict.
const ASSUMED_VALID: f64 = 5.0;

/// The condition of one target. Conditions of the same target under other breaker settings share everything
/// but the circuit.
pub struct Condition {
    /// One for each key, in the card's order.
    pub(super) breakers: Box<[Breaker]>,
    pub(super) settings: Settings,
    pub(super) memory: Arc<Memory>,
}

/// How urgently a target is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leave {
    /// Only if its circuit lets a request through.
    #[default]
    Normal,
    /// Also through an open circuit, or with a key that was refused, because too few targets are left. Through an
    /// open circuit, such a request counts as a probe when one
    /// is due, and else says nothing about the target.
    Panic,
}

/// Why a target may not be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shut {
    /// Its circuit is open.
    #[error("its circuit is open for another {remaining:?}")]
    Open {
        /// For how much longer; zero while a probe is under way.
        remaining: Duration,
    },
    /// It, or every key for it, is put aside.
    #[error("it is put aside for another {remaining:?}")]
    CoolingDown {
        /// For how much longer.
        remaining: Duration,
    },
    /// It does as much at once as it may; wait for a [`Condition::place`].
    #[error("it has as many requests as it may have at once")]
    Saturated,
}

/// A target's state, for operators.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetState {
    /// `provider/model`.
    pub target: Arc<str>,
    /// What a router sees of it.
    #[serde(flatten)]
    pub facts: Facts,
    /// Its keys, in the card's order.
    pub keys: Vec<KeyState>,
}

impl Condition {
    pub(super) fn new(settings: Settings, memory: Arc<Memory>) -> Self {
        let keys = 0..memory.seats.count();
        Self {
            breakers: keys.map(|_| Breaker::new(settings)).collect(),
            settings,
            memory,
        }
    }

    /// The target's name, `provider/model`.
    pub fn name(&self) -> &Arc<str> {
        &self.memory.name
    }

    /// What a router must know, with the times a request of this shape will take.
    pub fn facts(&self, shape: Shape, now: Instant) -> Facts {
        let times = self.memory.measured().latency.predict(shape, now);
        let Times {
            first_token,
            total,
            promising,
        } = times;
        Facts {
            first_token,
            total,
            promising,
            ..self.gate_facts(now)
        }
    }

    /// The same without the times: a good deal cheaper.
    pub fn gate_facts(&self, now: Instant) -> Facts {
        let memory = &self.memory;
        let (circuit, failure_rate) = self.best(now);
        let aside = memory.seats.aside(now);
        let (validity, cached_share, asked) = {
            let measured = memory.measured();
            let validity = measured.validity.share(1.0, ASSUMED_VALID);
            (validity, measured.cached.share(0.0, 0.0), measured.asked)
        };
        Facts {
            circuit,
            cooldown: aside.map(|(remaining, _)| remaining),
            because: aside.map(|(_, because)| because),
            headroom: memory.seats.headroom(now),
            in_flight: memory.load.in_flight(),
            capacity: memory.load.limit(),
            first_token: None,
            total: None,
            promising: false,
            failure_rate,
            validity,
            cached_share,
            idle: asked.map(|asked| now.saturating_duration_since(asked)),
        }
    }

    /// Leave to ask the target now, with one of its keys. `chance` is this request's.
    pub fn admit(
        self: &Arc<Self>,
        leave: Leave,
        chance: u64,
        now: Instant,
    ) -> Result<Permit, Shut> {
        self.admit_to(None, leave, chance, now)
    }

    /// The same with a place that was waited for.
    pub fn admit_at(
        self: &Arc<Self>,
        place: Place,
        leave: Leave,
        chance: u64,
        now: Instant,
    ) -> Result<Permit, Shut> {
        self.admit_to(Some(place), leave, chance, now)
    }

    fn admit_to(
        self: &Arc<Self>,
        place: Option<Place>,
        leave: Leave,
        chance: u64,
        now: Instant,
    ) -> Result<Permit, Shut> {
        let memory = &self.memory;
        let (seat, ticket) = self.seat(leave, now)?;
        let Some(place) = place.or_else(|| memory.load.free_place()) else {
            self.breakers[seat].neutral(ticket);
            return Err(Shut::Saturated);
        };
        memory.measured().asked = Some(now);
        let taken = memory.load.take(place);
        Ok(Permit::new(self.clone(), ticket, seat, taken, chance, now))
    }

    /// The next key that may be used and whose circuit lets a request through.
    fn seat(&self, leave: Leave, now: Instant) -> Result<(usize, Ticket), Shut> {
        let usable = || {
            let seats = self.memory.seats.usable(now);
            seats.map_err(|remaining| Shut::CoolingDown { remaining })
        };
        let usable_now = match usable() {
            Err(shut) if leave == Leave::Panic => {
                return self.refused_seat(now).ok_or(shut);
            }
            usable => usable?,
        };
        let mut soonest = Duration::MAX;
        for seat in usable_now {
            match self.breakers[seat].admit(Leave::Normal, now) {
                Ok(ticket) => return Ok((seat, ticket)),
                Err(remaining) => soonest = soonest.min(remaining),
            }
        }
        if leave == Leave::Panic {
            for seat in usable()? {
                if let Ok(ticket) = self.breakers[seat].admit(leave, now) {
                    return Ok((seat, ticket));
                }
            }
        }
        let remaining = if soonest == Duration::MAX {
            // Another call has just put the last key aside.
            Duration::ZERO
        } else {
            soonest
        };
        Err(Shut::Open { remaining })
    }

    /// A key that was refused of late, where no other is left: only asking shows whether it is good again.
    fn refused_seat(&self, now: Instant) -> Option<(usize, Ticket)> {
        let admit = |seat: usize| {
            let ticket = self.breakers[seat].admit(Leave::Panic, now).ok()?;
            Some((seat, ticket))
        };
        self.memory.seats.refused(now).find_map(admit)
    }

    /// The best circuit among the keys that may be used, and its share of failures; of all keys, where none may.
    fn best(&self, now: Instant) -> (Circuit, f64) {
        let states = |only_usable: bool| {
            self.breakers
                .iter()
                .enumerate()
                .filter(move |(place, _)| !only_usable || self.memory.seats.is_usable(*place, now))
                .map(|(_, breaker)| breaker.state(now))
                .min_by(|(one, _), (other, _)| rank(one).total_cmp(&rank(other)))
        };
        if let [only] = &*self.breakers {
            return only.state(now);
        }
        states(true).or_else(|| states(false)).unwrap_or_default()
    }

    /// Waits for a place at a target that is [`Shut::Saturated`], first come first served, for as long as the
    /// caller lets it: dropping the wait leaves the queue.
    pub async fn place(&self) -> Place {
        self.memory.load.place().await
    }

    /// Whether another of several keys may be tried at once.
    pub fn has_other_key(&self, now: Instant) -> bool {
        let may = |place: &usize| {
            let shut = matches!(self.breakers[*place].state(now).0, Circuit::Open { .. });
            !shut && self.memory.seats.is_usable(*place, now)
        };
        self.breakers.len() > 1 && (0..self.breakers.len()).any(|place| may(&place))
    }

    /// An answer of the target was checked, and was valid or not.
    pub fn judged(&self, valid: bool, now: Instant) {
        let part = f64::from(u8::from(valid));
        self.memory.measured().validity.add(part, 1.0, now);
    }

    pub(super) fn snapshot(&self, now: Instant) -> TargetState {
        let circuit = |place: usize| {
            let breaker = &self.breakers[place];
            (breaker.state(now).0, breaker.opening())
        };
        TargetState {
            target: self.memory.name.clone(),
            facts: self.gate_facts(now),
            keys: self.memory.seats.snapshot(circuit, now),
        }
    }
}

/// How well a circuit is, the lowest best: closed, warming by what it lacks, half open, open by how long still.
fn rank(circuit: &Circuit) -> f64 {
    match circuit {
        Circuit::Closed => 0.0,
        Circuit::Warming { share } => 1.0 - share.clamp(0.0, 1.0),
        Circuit::HalfOpen => 2.0,
        Circuit::Open { remaining, .. } => 3.0 + remaining.as_secs_f64(),
    }
}
