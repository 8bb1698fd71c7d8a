//! Leave to try a target once. Closed once, as what came of it; a dropped one only gives back what it held.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Change, Condition, breaker::Ticket, credential::Ended, load::Taken};
use crate::{
    facts::{Allowance, Circuit},
    outcome::ErrorClass,
};

/// Leave to try a target once.
#[must_use]
pub struct Permit {
    condition: Arc<Condition>,
    /// Gone once it is given back.
    ticket: Option<Ticket>,
    seat: usize,
    /// Held for as long as the permit is.
    _taken: Taken,
    chance: u64,
    began: Instant,
    /// When the first piece of a stream came.
    first: Option<Instant>,
    slow: bool,
}

/// What a good answer has to say of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Whether it was streamed; a stream's first piece is told by [`Permit::first_token`].
    pub stream: bool,
    /// Tokens of the prompt, by the provider's count or ours.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Tokens of the prompt that came from the provider's cache.
    pub cached_tokens: u64,
}

/// What a failure says about the target itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It does not work.
    Failure,
    /// It works: the fault was the request's, or in what was answered.
    Success,
    /// Nothing.
    Neutral,
}

fn effect(class: ErrorClass) -> Effect {
    match class {
        ErrorClass::Unreachable
        | ErrorClass::Overloaded
        | ErrorClass::Timeout
        | ErrorClass::ServerError => Effect::Failure,
        ErrorClass::InvalidRequest
        | ErrorClass::TooLarge
        | ErrorClass::ContextLength
        | ErrorClass::ContentPolicy
        | ErrorClass::InvalidAnswer => Effect::Success,
        // What is said of a key puts the key aside instead.
        ErrorClass::RateLimit
        | ErrorClass::Quota
        | ErrorClass::Auth
        | ErrorClass::Permission
        | ErrorClass::NotFound
        | ErrorClass::Unsupported
        | ErrorClass::Saturated
        | ErrorClass::Cancelled => Effect::Neutral,
    }
}

impl Permit {
    pub(super) fn new(
        condition: Arc<Condition>,
        ticket: Ticket,
        seat: usize,
        taken: Taken,
        chance: u64,
        began: Instant,
    ) -> Self {
        Self {
            condition,
            ticket: Some(ticket),
            seat,
            _taken: taken,
            chance,
            began,
            first: None,
            slow: false,
        }
    }

    /// The place of the credential to use in the card's list; none where the provider takes no key.
    pub fn credential(&self) -> Option<usize> {
        self.condition.memory.seats.credential(self.seat)
    }

    /// Whether this is the one probe of a half-open circuit.
    pub fn is_probe(&self) -> bool {
        self.ticket.as_ref().is_some_and(Ticket::is_probe)
    }

    /// What giving this permit has changed: it may have been the first after the open time.
    pub fn change(&self) -> Option<Change> {
        let half_opened = self.ticket.as_ref().is_some_and(Ticket::half_opened);
        half_opened.then_some(Change::HalfOpened)
    }

    /// The first piece of a stream came, for a prompt of about `input_tokens`. Counts once. A target whose
    /// streams begin too slowly is found out here, long before they end.
    pub fn first_token(&mut self, input_tokens: u64, now: Instant) -> Option<Change> {
        if self.first.is_some() {
            return None;
        }
        self.first = Some(now);
        let Condition {
            breakers,
            settings,
            memory,
        } = &*self.condition;
        let breaker = &breakers[self.seat];
        let took = now.saturating_duration_since(self.began);
        let steady = matches!(breaker.state(now).0, Circuit::Closed);
        self.slow = memory.measured().latency.began(
            input_tokens,
            took,
            settings.slow_after.get(),
            steady,
            now,
        );
        breaker.began(self.ticket.as_ref()?, self.slow, self.chance, now)
    }

    /// The provider said in its headers what is left of its limits.
    pub fn note_allowance(&self, allowance: Allowance, now: Instant) -> Option<Change> {
        self.condition.memory.seats.note(self.seat, allowance, now)
    }

    /// The answer came, to its end.
    pub fn success(mut self, timing: Timing, now: Instant) -> Vec<Change> {
        self.learn(timing, now);
        let ended = self.ended(now);
        let back = self.condition.memory.seats.worked(self.seat, ended);
        back.into_iter().chain(self.close_well(now)).collect()
    }

    /// The try failed, and the provider asked to wait for `retry_after`.
    pub fn failure(
        mut self,
        class: ErrorClass,
        retry_after: Option<Duration>,
        now: Instant,
    ) -> Vec<Change> {
        let ended = self.ended(now);
        let seats = &self.condition.memory.seats;
        let aside = seats.failed(self.seat, class, retry_after, ended);
        let circuit = match effect(class) {
            Effect::Failure => self.ticket.take().and_then(|ticket| {
                let breaker = &self.condition.breakers[self.seat];
                breaker.failed(ticket, self.chance, now)
            }),
            Effect::Success => self.close_well(now),
            Effect::Neutral => None,
        };
        aside.into_iter().chain(circuit).collect()
    }

    /// The try says nothing about the target: the caller left, or we did something else. The same as dropping
    /// it, said on purpose.
    pub fn neutral(self) {}

    fn close_well(&mut self, now: Instant) -> Option<Change> {
        let ticket = self.ticket.take()?;
        let breaker = &self.condition.breakers[self.seat];
        breaker.succeeded(ticket, self.slow, self.chance, now)
    }

    fn learn(&self, timing: Timing, now: Instant) {
        let Timing {
            stream,
            input_tokens,
            output_tokens,
            cached_tokens,
        } = timing;
        let mut measured = self.condition.memory.measured();
        let input = input_tokens.max(cached_tokens) as f64;
        measured.cached.add(cached_tokens as f64, input, now);
        let latency = &mut measured.latency;
        if !stream {
            let took = now.saturating_duration_since(self.began);
            latency.answered(input_tokens, output_tokens, took, now);
        } else if let Some(first) = self.first {
            let took = now.saturating_duration_since(first);
            latency.streamed(output_tokens, took, now);
        }
    }

    fn ended(&self, now: Instant) -> Ended {
        Ended {
            began: self.began,
            chance: self.chance,
            now,
        }
    }
}

/// Whatever was not given back is given back as neutral; the place is given back by its own drop.
impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.condition.breakers[self.seat].neutral(ticket);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Permit")
            .field("target", self.condition.name())
            .field("probe", &self.is_probe())
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}
