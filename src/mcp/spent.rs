//! Which states have given the answer in them that is good once.
//!
//! States are numbered as they are sealed. The numbers that were spent are remembered, up to a bound; beyond it the
//! lowest goes, and with it every state sealed before it counts as spent. So forgetting never makes an answer good
//! again: at worst somebody who was slow is asked once more.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Numbers that are remembered: more approvals than people give while a state lives, in about two megabytes.
const MOST: usize = 100_000;

/// The numbers of states, and which were spent.
#[derive(Debug, Default)]
pub(super) struct Spent {
    last: AtomicU64,
    numbers: Mutex<Numbers>,
}

#[derive(Debug, Default)]
struct Numbers {
    /// This one and all before it count as spent.
    floor: u64,
    /// What was spent above it.
    above: BTreeSet<u64>,
}

impl Spent {
    /// A number for a state, which no other has.
    pub(super) fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Spends a state. False if it was spent before.
    pub(super) fn spend(&self, number: u64) -> bool {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.spend(number, MOST)
    }
}

impl Numbers {
    fn spend(&mut self, number: u64, most: usize) -> bool {
        if number <= self.floor || !self.above.insert(number) {
            return false;
        }
        if self.above.len() > most
            && let Some(lowest) = self.above.pop_first()
        {
            self.floor = lowest;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_spent_once() {
        let spent = Spent::default();
        let (first, second) = (spent.number(), spent.number());
        assert_eq!(
            [second, second, first, first].map(|number| spent.spend(number)),
            [true, false, true, false]
        );
    }

    #[test]
    fn what_is_forgotten_stays_spent() {
        let mut numbers = Numbers::default();
        for number in [2, 3, 5] {
            assert!(numbers.spend(number, 2));
        }
        assert_eq!(numbers.above.len(), 2);
        // The first was never spent: whoever has it was slow, and is asked again.
        for number in [1, 2, 3, 5] {
            assert!(!numbers.spend(number, 2), "{number}");
        }
        assert!(numbers.spend(4, 2));
    }
}
