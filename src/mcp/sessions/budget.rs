//! The bytes all sessions may keep of what they sent, and whose give way when there are too many.
//!
//! Whoever keeps the most gives way: one key cannot take from the others what they could still ask for.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use super::log::Shelf;

/// The most bytes kept for all sessions: what sixteen sessions may keep each. Some more for the moment in which
/// another event is put there.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The bytes all sessions keep.
#[derive(Debug, Default)]
pub(super) struct Budget {
    bytes: AtomicUsize,
    shelves: Mutex<HashMap<u64, Arc<Shelf>>>,
    next: AtomicU64,
}

impl Budget {
    /// Counts what is on this shelf from now on; gives the number to leave with.
    pub(super) fn enter(&self, shelf: Arc<Shelf>) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.shelves().insert(number, shelf);
        number
    }

    /// Counts a shelf no longer. What is on it was counted, and has to be given back.
    pub(super) fn leave(&self, number: u64) {
        self.shelves().remove(&number);
    }

    /// So many bytes are kept.
    pub(super) fn take(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many bytes are kept no longer.
    pub(super) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether more is kept than may be.
    pub(super) fn is_exceeded(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > MOST_BYTES
    }

    /// Lets go of what is too much. Nobody may hold a shelf meanwhile.
    pub(super) fn keep(&self) {
        while self.is_exceeded()
            && let Some(shelf) = self.largest()
        {
            shelf.give_way(self);
        }
    }

    /// The fullest shelf of the key that keeps the most. Some 40 µs for 2,000 shelves.
    fn largest(&self) -> Option<Arc<Shelf>> {
        let shelves = self.shelves();
        let mut owners: HashMap<&str, (usize, usize, &Arc<Shelf>)> = HashMap::new();
        for shelf in shelves.values() {
            let bytes = shelf.bytes();
            let of_owner = owners.entry(&shelf.owner).or_insert((0, 0, shelf));
            of_owner.0 += bytes;
            if bytes > of_owner.1 {
                (of_owner.1, of_owner.2) = (bytes, shelf);
            }
        }
        let (_, bytes, shelf) = owners.into_values().max_by_key(|(sum, ..)| *sum)?;
        (bytes > 0).then(|| shelf.clone())
    }

    fn shelves(&self) -> MutexGuard<'_, HashMap<u64, Arc<Shelf>>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{ErrorData, JsonRpcError, ServerJsonRpcMessage};

    use super::{super::log::Log, *};

    const MEGABYTE: usize = 1024 * 1024;

    fn add(log: &Log, bytes: usize) {
        let error = ErrorData::internal_error("x".repeat(bytes), None);
        let error = ServerJsonRpcMessage::Error(JsonRpcError::new(None, error));
        log.add("a", Some(Arc::new(error)), true);
    }

    #[test]
    fn all_logs_together_are_bounded_and_a_dropped_one_gives_back() {
        let budget = Arc::new(Budget::default());
        let mut logs = Vec::new();
        for _ in 0..17 {
            let log = Log::new("alice".into(), budget.clone());
            add(&log, 4 * MEGABYTE - 1000);
            logs.push(log);
        }
        let kept = budget.bytes();
        assert!(
            (MOST_BYTES - 4 * MEGABYTE..=MOST_BYTES).contains(&kept),
            "{kept}"
        );
        drop(logs);
        assert_eq!((budget.bytes(), budget.shelves().len()), (0, 0));
    }

    #[test]
    fn the_key_that_keeps_the_most_gives_way() {
        let budget = Arc::new(Budget::default());
        let log = |owner: &str| Log::new(owner.into(), budget.clone());
        // Larger than each of the other's.
        let bob = log("bob");
        add(&bob, 3 * MEGABYTE);
        let alices: Vec<Log> = (0..31).map(|_| log("alice")).collect();
        for alice in &alices {
            add(alice, 2 * MEGABYTE);
        }
        let late = log("bob");
        add(&late, 3 * MEGABYTE);
        let kept = |log: &Log| log.bytes() / MEGABYTE;
        assert_eq!((kept(&bob), kept(&late)), (3, 3));
        assert!(!budget.is_exceeded() && alices.iter().any(|alice| kept(alice) > 0));
    }
}
