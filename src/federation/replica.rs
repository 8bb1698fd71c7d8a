//! One replica of a server, and how it stands with it. What it is asked through is a connection, which comes and goes.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{ReplicaStanding, connection::Connection, listing::Listing, persons::Persons};
use crate::health::Circuit;

/// The shortest and the longest wait before a replica is tried again.
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// One replica.
#[derive(Debug)]
pub(super) struct Replica {
    /// Its number, from 0.
    pub(super) number: usize,
    /// Its address, or its program with the number of the process.
    pub(super) place: String,
    /// How many requests it serves at once.
    pub(super) room: usize,
    pub(super) circuit: Arc<Circuit>,
    /// The connections of its users, where each has one.
    pub(super) persons: Persons<Connection>,
    state: Mutex<State>,
    listing: Mutex<Option<Arc<Listing>>>,
    /// What was wrong last, until it is ready.
    trouble: Mutex<Option<String>>,
    running: AtomicUsize,
    reconnects: AtomicU64,
    /// When something was last answered, in milliseconds since `born`.
    answered: AtomicU64,
    born: Instant,
    moved: watch::Sender<u64>,
}

/// Where a replica is.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// A connection is being made.
    Connecting,
    /// Its lists were read. It is asked once they are judged: what it changed meanwhile must not be called as it was.
    Listed(Arc<Connection>),
    /// It can be asked.
    Ready(Arc<Connection>),
    /// It is tried again then.
    Failing { until: Instant, why: String },
    /// It is not wanted any more.
    Stopped,
}

/// A request's place at a replica.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Replica);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.moved.send_modify(|moves| *moves += 1);
    }
}

impl Replica {
    /// A replica that is not connected yet. Whoever waits for one is told of moves by `moved`.
    pub(super) fn new(
        number: usize,
        place: String,
        room: usize,
        circuit: Circuit,
        max_sessions: usize,
        moved: watch::Sender<u64>,
    ) -> Self {
        Self {
            number,
            place,
            room,
            circuit: Arc::new(circuit),
            persons: Persons::new(max_sessions),
            state: Mutex::new(State::Connecting),
            listing: Mutex::default(),
            trouble: Mutex::default(),
            running: AtomicUsize::new(0),
            reconnects: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            born: Instant::now(),
            moved,
        }
    }

    /// Where it is.
    pub(super) fn state(&self) -> State {
        lock(&self.state).clone()
    }

    /// It is somewhere else now.
    pub(super) fn put(&self, state: State) {
        *lock(&self.state) = state;
        self.moved.send_modify(|moves| *moves += 1);
    }

    /// Its connection, if that can be asked.
    pub(super) fn connection(&self) -> Option<Arc<Connection>> {
        match &*lock(&self.state) {
            State::Ready(connection) if !connection.is_gone() => Some(connection.clone()),
            _ => None,
        }
    }

    /// What it lists, if it is there.
    pub(super) fn listing_now(&self) -> Option<Arc<Listing>> {
        let is_there = match &*lock(&self.state) {
            State::Listed(connection) | State::Ready(connection) => !connection.is_gone(),
            _ => false,
        };
        is_there.then(|| self.listing()).flatten()
    }

    /// Takes a place for a request, if there is one.
    pub(super) fn take(&self) -> Option<Place<'_>> {
        let more = |running: usize| (running < self.room).then_some(running + 1);
        let taken = self
            .running
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        // Made only if it was taken: one that is dropped gives a place back.
        taken.is_ok().then(|| Place(self))
    }

    /// Requests under way.
    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// Counts a connection that was made anew.
    pub(super) fn count_reconnect(&self) {
        self.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note that it answers.
    pub(super) fn answers(&self) {
        self.answered.store(self.age(), Ordering::Release);
    }

    /// Whether it answered anything since then.
    pub(super) fn answered_since(&self, then: Instant) -> bool {
        let then = then.saturating_duration_since(self.born);
        u128::from(self.answered.load(Ordering::Acquire)) > then.as_millis()
    }

    fn age(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What it listed last.
    pub(super) fn listing(&self) -> Option<Arc<Listing>> {
        lock(&self.listing).clone()
    }

    /// Takes note of what it lists.
    pub(super) fn lists(&self, listing: Listing) {
        *lock(&self.listing) = Some(Arc::new(listing));
    }

    /// Takes note of what is wrong, or that nothing is any more.
    pub(super) fn has_trouble(&self, why: Option<String>) {
        *lock(&self.trouble) = why;
    }

    fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    /// For operators.
    pub(super) fn standing(&self) -> ReplicaStanding {
        let state = self.state();
        let connection = self.connection();
        let (label, reason) = match state {
            State::Ready(_) if connection.is_some() => ("ready", None),
            State::Connecting | State::Listed(_) | State::Ready(_) => {
                ("connecting", self.trouble())
            }
            State::Failing { why, .. } => ("failing", Some(why)),
            State::Stopped => ("stopped", None),
        };
        ReplicaStanding {
            place: self.place.clone(),
            state: label,
            revision: connection.as_ref().and_then(|it| it.revision()),
            calls_itself: connection.as_ref().and_then(|it| it.calls_itself()),
            running: self.running(),
            sessions: self.persons.count(),
            reason,
            reconnects: self.reconnects.load(Ordering::Relaxed),
        }
    }
}

/// How long a replica is left alone after so many failures in a row: twice as long each time, and by a chance of 0 to 1
/// up to half less, so that a server that comes back is not asked by everybody at once.
pub(super) fn wait(failures: u32, chance: f64) -> Duration {
    let (shortest, longest) = WAITS;
    let doubled = shortest.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(longest).mul_f64(1.0 - chance / 2.0)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(moved: watch::Sender<u64>) -> Replica {
        let circuit = Circuit::new(Default::default());
        Replica::new(0, String::new(), 1, circuit, 1, moved)
    }

    #[test]
    fn waits_grow_to_a_bound() {
        assert_eq!(wait(1, 0.0), Duration::from_millis(200));
        assert_eq!(wait(1, 1.0), Duration::from_millis(100));
        assert_eq!(wait(3, 0.0), Duration::from_millis(800));
        assert_eq!(wait(60, 0.0), Duration::from_secs(30));
    }

    #[tokio::test]
    async fn a_place_is_given_back_and_told_of() {
        let moved = watch::Sender::new(0);
        let replica = replica(moved.clone());
        let place = replica.take().unwrap();
        assert!(replica.take().is_none());
        let mut moves = moved.subscribe();
        drop(place);
        assert!(moves.has_changed().unwrap());
        moves.mark_unchanged();
        assert!(replica.take().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_known_whether_it_answered_since() {
        let replica = replica(watch::Sender::new(0));
        let begun = Instant::now();
        assert!(!replica.answered_since(begun));
        tokio::time::advance(Duration::from_millis(5)).await;
        replica.answers();
        assert!(replica.answered_since(begun));
        assert!(!replica.answered_since(Instant::now()));
    }
}
