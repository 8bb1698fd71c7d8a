//! What is measured of one target, whatever breaker it is seen through.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::time::Instant;

use super::{
    credential::{Lane, Seat, Seats},
    latency::Latency,
    load::Load,
    ratio::Ratio,
};
use crate::catalog::{Card, Target};

/// The memory of one target.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) name: Arc<str>,
    pub(super) seats: Seats,
    pub(super) load: Load,
    measured: Mutex<Measured>,
}

/// What answers have taught.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) latency: Latency,
    /// Valid among checked answers.
    pub(super) validity: Ratio,
    /// Cached among input tokens.
    pub(super) cached: Ratio,
    /// When it was last asked.
    pub(super) asked: Option<Instant>,
}

impl Memory {
    /// Nothing is known yet. `lanes` are the card's keys in its order, or one for a provider without keys.
    pub(super) fn new(name: Arc<str>, card: &Card, lanes: Vec<Arc<Lane>>) -> Self {
        let label = |place: usize| card.credentials.get(place).map(|key| key.label.clone());
        let seat = |(place, lane)| Seat::new(label(place), lane);
        Self {
            name,
            seats: Seats::new(lanes.into_iter().enumerate().map(seat).collect()),
            load: Load::new(card.concurrency.map(|cap| cap.limit)),
            measured: Mutex::default(),
        }
    }

    /// Nothing panics while this lock is held.
    pub(super) fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What makes a target the same one after a reload: where it is and what our keys are.
#[derive(Debug)]
pub(super) struct Identity {
    base_url: String,
    keys: Vec<Digest>,
    /// The card this was read from: looking at the same card again takes no hashing.
    card: Weak<Card>,
}

/// A digest that stands for a key wherever keys are compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Digest(…)")
    }
}

impl Identity {
    pub(super) fn of(target: &Target) -> Self {
        Self {
            base_url: target.card.base_url.clone(),
            keys: digests(&target.card),
            card: Arc::downgrade(&target.card),
        }
    }

    /// Whether this is certainly the target's, at the price of one comparison.
    pub(super) fn is_of_card(&self, card: &Arc<Card>) -> bool {
        // The weak reference keeps the address from being used again.
        Weak::as_ptr(&self.card) == Arc::as_ptr(card)
    }

    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.base_url == other.base_url && self.keys == other.keys
    }

    /// The keys' digests, or the one of no key.
    pub(super) fn lanes(&self) -> Vec<Digest> {
        if self.keys.is_empty() {
            return vec![digest("")];
        }
        self.keys.clone()
    }
}

fn digests(card: &Card) -> Vec<Digest> {
    let keys = card.credentials.iter();
    keys.map(|key| digest(key.secret.reveal())).collect()
}

fn digest(text: &str) -> Digest {
    Digest(*blake3::hash(text.as_bytes()).as_bytes())
}
