//! Questions about tokens that are under way: who has the same one waits for the same answer.
//!
//! A question is a future that all who wait for it hold together and any of them drives: it outlives the first of
//! them and is dropped with the last. Nothing is spawned, so nothing is left over.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};

use super::kept::Digest;
use crate::access::{Denied, Identity};

/// Whose a token is, or why it is nobody's.
pub(super) type Verdict = Result<Arc<Identity>, Denied>;

/// The most questions under way. Whoever asks more floods, and is told that nobody can tell.
const MOST: usize = 1_024;

/// The questions under way.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Digest, WeakShared<BoxFuture<'static, Verdict>>>>);

impl Flights {
    /// The question about this token that is under way, or else this one. `None` when there are too many.
    pub(super) fn join(
        &self,
        token: Digest,
        ask: impl FnOnce() -> BoxFuture<'static, Verdict>,
    ) -> Option<Shared<BoxFuture<'static, Verdict>>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&token).and_then(WeakShared::upgrade) {
            return Some(flight);
        }
        if flights.len() >= MOST {
            flights.retain(|_, flight| flight.upgrade().is_some());
        }
        if flights.len() >= MOST {
            return None;
        }
        let flight = ask().shared();
        flights.insert(token, flight.downgrade()?);
        Some(flight)
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Flights")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        *blake3::hash(&number.to_le_bytes()).as_bytes()
    }

    fn never() -> BoxFuture<'static, Verdict> {
        std::future::pending().boxed()
    }

    #[test]
    fn there_are_never_too_many_and_what_is_dropped_makes_room() {
        let flights = Flights::default();
        let held: Vec<_> = (0..MOST)
            .map(|number| flights.join(digest(number), never).unwrap())
            .collect();
        assert!(flights.join(digest(MOST), never).is_none());
        let joined = flights.join(digest(0), || panic!("it is under way"));
        assert!(joined.is_some());
        drop((held, joined));
        assert!(flights.join(digest(MOST), never).is_some());
    }
}
