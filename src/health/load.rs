//! How much a target does at once, and the queue before it.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests at one target, with or without a cap.
#[derive(Debug)]
pub(super) struct Load {
    in_flight: Arc<AtomicU32>,
    cap: RwLock<Option<Cap>>,
}

#[derive(Clone, Debug)]
struct Cap {
    limit: u32,
    places: Arc<Semaphore>,
}

/// A place at a target, before it is asked. Dropping it gives it to whoever has waited longest.
#[derive(Debug)]
pub struct Place {
    _held: Option<OwnedSemaphorePermit>,
}

/// A place in use: counted as in flight until it is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    in_flight: Arc<AtomicU32>,
    _place: Place,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Load {
    pub(super) fn new(limit: Option<u32>) -> Self {
        Self {
            in_flight: Arc::default(),
            cap: RwLock::new(limit.map(Cap::new)),
        }
    }

    /// Changes the cap. Requests under way keep their place under the old one and do not count under the new:
    /// right after a change there may be more at once than it says.
    pub(super) fn set_limit(&self, limit: Option<u32>) {
        if self.limit() != limit {
            *self.cap.write().unwrap_or_else(PoisonError::into_inner) = limit.map(Cap::new);
        }
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn limit(&self) -> Option<u32> {
        let cap = self.cap.read().unwrap_or_else(PoisonError::into_inner);
        cap.as_ref().map(|cap| cap.limit)
    }

    /// A place, if one is free and nobody waits for it.
    pub(super) fn free_place(&self) -> Option<Place> {
        match self.cap() {
            None => Some(Place { _held: None }),
            Some(cap) => Some(Place {
                _held: Some(cap.places.try_acquire_owned().ok()?),
            }),
        }
    }

    /// The next free place, first come first served. The caller sets the deadline; whoever stops waiting
    /// leaves the queue.
    pub(super) async fn place(&self) -> Place {
        match self.cap() {
            None => Place { _held: None },
            // A semaphore nobody closes gives its permits; were it closed, no cap is better than no answer.
            Some(cap) => Place {
                _held: cap.places.acquire_owned().await.ok(),
            },
        }
    }

    /// Counts a place as in flight.
    pub(super) fn take(&self, place: Place) -> Taken {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Taken {
            in_flight: self.in_flight.clone(),
            _place: place,
        }
    }

    fn cap(&self) -> Option<Cap> {
        self.cap
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Cap {
    fn new(limit: u32) -> Self {
        let places = usize::try_from(limit).unwrap_or(usize::MAX);
        Self {
            limit,
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_came_first_gets_the_next_place_and_who_left_gets_none() {
        let load = Arc::new(Load::new(Some(1)));
        let first = load.take(load.free_place().unwrap());
        assert!(load.free_place().is_none());
        let waiting = |name: &'static str| {
            let load = load.clone();
            async move { (name, load.place().await) }
        };
        let impatient = timeout(Duration::from_millis(10), waiting("impatient"));
        let (mut second, mut third) = (Box::pin(waiting("second")), Box::pin(waiting("third")));
        let (left, _) = tokio::join!(impatient, async {
            tokio::select! {
                biased;
                _ = &mut second => panic!("there is no place"),
                _ = &mut third => panic!("there is no place"),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        });
        assert!(left.is_err());
        drop(first);
        // Those who wait go before those who just came.
        assert!(load.free_place().is_none());
        let (name, place) = second.await;
        assert_eq!((name, load.in_flight()), ("second", 0));
        drop(place);
        assert_eq!(third.await.0, "third");
        assert!(load.free_place().is_some());
    }

    #[test]
    fn without_a_cap_everything_has_a_place_and_is_counted() {
        let load = Load::new(None);
        let taken: Vec<Taken> = (0..100)
            .map(|_| load.take(load.free_place().unwrap()))
            .collect();
        assert_eq!((load.in_flight(), load.limit()), (100, None));
        drop(taken);
        assert_eq!(load.in_flight(), 0);
    }

    #[test]
    fn a_new_cap_counts_from_now_on() {
        let load = Load::new(Some(1));
        let old = load.take(load.free_place().unwrap());
        load.set_limit(Some(2));
        let new: Vec<Place> = std::iter::from_fn(|| load.free_place()).collect();
        assert_eq!((new.len(), load.in_flight()), (2, 1));
        drop(old);
        assert!(load.free_place().is_none());
        load.set_limit(Some(2));
        assert!(load.free_place().is_none(), "the same cap stays as it is");
    }
}
