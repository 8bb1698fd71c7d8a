//! Where things lie for a while: bounded in number and bytes, for each owner and in all.
//!
//! What is over the bounds makes room by the oldest leaving: an owner's own first, so that nobody who fills the
//! shelf takes another's place while having more than a share.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::Instant;

use super::digest::Digest;

/// How much a shelf holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Things in all.
    pub(super) things: usize,
    /// Bytes in all.
    pub(super) bytes: usize,
    /// Things of one owner.
    pub(super) things_each: usize,
    /// Bytes of one owner.
    pub(super) bytes_each: usize,
}

/// A shelf.
pub(super) struct Shelf<T> {
    bounds: Bounds,
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    things: HashMap<Digest, Thing<T>>,
    /// By their numbers, the oldest first.
    order: BTreeMap<u64, Digest>,
    owners: HashMap<Arc<str>, Share>,
    bytes: usize,
    /// Counts what was ever put here.
    put: u64,
}

struct Thing<T> {
    thing: T,
    owner: Arc<str>,
    bytes: usize,
    until: Instant,
    number: u64,
}

#[derive(Default)]
struct Share {
    bytes: usize,
    numbers: BTreeSet<u64>,
}

impl<T: Clone> Shelf<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            inner: Mutex::new(Inner {
                things: HashMap::new(),
                order: BTreeMap::new(),
                owners: HashMap::new(),
                bytes: 0,
                put: 0,
            }),
        }
    }

    /// What lies under this key, if its time is not over.
    pub(super) fn get(&self, key: &Digest, now: Instant) -> Option<T> {
        self.locked(|inner| {
            let thing = inner.things.get(key)?;
            if thing.until > now {
                return Some(thing.thing.clone());
            }
            inner.take(key);
            None
        })
    }

    /// Puts a thing of `bytes` under a key until a time. Whether it did: what is larger than an owner's share stays
    /// outside.
    pub(super) fn put(
        &self,
        key: Digest,
        owner: &Arc<str>,
        (thing, bytes): (T, usize),
        until: Instant,
    ) -> bool {
        if bytes > self.bounds.bytes_each.min(self.bounds.bytes) {
            return false;
        }
        self.locked(|inner| {
            inner.take(&key);
            inner.make_room(owner, bytes, &self.bounds);
            inner.add(key, owner, (thing, bytes), until);
        });
        true
    }

    fn locked<R>(&self, act: impl FnOnce(&mut Inner<T>) -> R) -> R {
        // Nothing panics under the lock, and what it guards is whole between any two statements.
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Inner<T> {
    fn add(&mut self, key: Digest, owner: &Arc<str>, (thing, bytes): (T, usize), until: Instant) {
        self.put += 1;
        let number = self.put;
        let share = self.owners.entry(owner.clone()).or_default();
        share.bytes += bytes;
        share.numbers.insert(number);
        self.bytes += bytes;
        self.order.insert(number, key);
        let thing = Thing {
            thing,
            owner: owner.clone(),
            bytes,
            until,
            number,
        };
        self.things.insert(key, thing);
    }

    fn take(&mut self, key: &Digest) {
        let Some(thing) = self.things.remove(key) else {
            return;
        };
        self.bytes -= thing.bytes;
        self.order.remove(&thing.number);
        if let Some(share) = self.owners.get_mut(&thing.owner) {
            share.bytes -= thing.bytes;
            share.numbers.remove(&thing.number);
            if share.numbers.is_empty() {
                self.owners.remove(&thing.owner);
            }
        }
    }

    fn make_room(&mut self, owner: &Arc<str>, bytes: usize, bounds: &Bounds) {
        while let Some(oldest) = self.crowding(owner, bytes, bounds) {
            match self.order.get(&oldest).copied() {
                Some(key) => self.take(&key),
                None => return,
            }
        }
    }

    /// The number of what must leave before `bytes` more of this owner fit.
    fn crowding(&self, owner: &Arc<str>, bytes: usize, bounds: &Bounds) -> Option<u64> {
        let share = self.owners.get(owner);
        let own = share.filter(|share| {
            share.bytes + bytes > bounds.bytes_each || share.numbers.len() >= bounds.things_each
        });
        match own {
            Some(share) => share.numbers.first().copied(),
            None if self.bytes + bytes > bounds.bytes || self.order.len() >= bounds.things => {
                self.order.keys().next().copied()
            }
            None => None,
        }
    }
}

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shelf").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        things: 5,
        bytes: 100,
        things_each: 3,
        bytes_each: 60,
    };

    fn key(number: u8) -> Digest {
        [number; 32]
    }

    #[test]
    fn things_go_when_their_time_is_over() {
        let (shelf, now) = (Shelf::new(BOUNDS), Instant::now());
        let until = now + Duration::from_secs(1);
        assert!(shelf.put(key(1), &"a".into(), ("thing", 10), until));
        assert_eq!(shelf.get(&key(1), now), Some("thing"));
        assert_eq!(shelf.get(&key(1), until), None);
        assert_eq!(shelf.locked(|inner| inner.bytes), 0);
    }

    #[test]
    fn whoever_has_a_share_makes_room_from_it() {
        let (shelf, now) = (Shelf::new(BOUNDS), Instant::now());
        let until = now + Duration::from_secs(1);
        let put = |number, owner: &str, bytes| {
            shelf.put(key(number), &owner.into(), (number, bytes), until)
        };
        let held = |numbers: &[u8]| {
            let held = (0..20).filter(|&number| shelf.get(&key(number), now).is_some());
            assert_eq!(held.collect::<Vec<_>>(), numbers);
        };
        assert!(!put(0, "a", 61), "larger than a share");
        assert!(put(1, "b", 1));
        for number in 2..=6 {
            assert!(put(number, "a", 10));
        }
        held(&[1, 4, 5, 6]);
        assert!(put(7, "a", 50));
        held(&[1, 6, 7]);
        assert!(put(8, "c", 50));
        held(&[7, 8]);
    }

    #[test]
    fn putting_again_replaces() {
        let (shelf, now) = (Shelf::new(BOUNDS), Instant::now());
        let until = now + Duration::from_secs(1);
        for _ in 0..100 {
            assert!(shelf.put(key(1), &"a".into(), ((), 60), until));
        }
        assert_eq!(
            shelf.locked(|inner| (inner.bytes, inner.order.len())),
            (60, 1)
        );
    }
}
