//! What the demo shows, as numbers: counted from closed records, knowing nothing of terminals.
//!
//! It stays small whatever callers send: tallies are kept for models on cards only, others share one tally of
//! their provider.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::watch::Watch;
use crate::{
    catalog::NanoDollars,
    telemetry::{Cost, End, Record},
};

/// Requests kept to be shown.
const RECENT: usize = 60;

/// First tokens a median is taken of: enough to be steady, few enough to follow a change within a minute.
const MEDIAN_OF: usize = 99;

/// The numbers of the demo.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Closed requests.
    pub(super) requests: u64,
    /// Of these: answered in full.
    pub(super) delivered: u64,
    /// Of the delivered: by another target than the first that was asked.
    pub(super) fell_over: u64,
    /// Of the requests: ended with an error.
    pub(super) failed: u64,
    /// What all attempts cost, as far as prices are known.
    pub(super) spent: NanoDollars,
    /// By target.
    pub(super) targets: BTreeMap<String, Tally>,
    /// How the targets are.
    pub(super) watch: Watch,
    /// The last requests, newest last.
    pub(super) recent: VecDeque<Arc<Record>>,
}

/// The numbers of one target.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Attempts.
    pub(super) attempts: u64,
    /// Of these: with a whole answer.
    pub(super) delivered: u64,
    /// Of these: failed.
    pub(super) errors: u64,
    /// What they cost, as far as the price is known.
    pub(super) cost: NanoDollars,
    /// The last times to the first token.
    first_tokens: VecDeque<Duration>,
}

impl Board {
    /// An empty board with a line for each of these targets.
    pub(super) fn of(targets: impl IntoIterator<Item = String>) -> Self {
        let tallies = targets.into_iter().map(|name| (name, Tally::default()));
        Self {
            targets: tallies.collect(),
            ..Self::default()
        }
    }

    /// Counts one closed record.
    pub(super) fn add(&mut self, record: Arc<Record>) {
        self.requests += 1;
        match record.end {
            End::Delivered => self.delivered += 1,
            End::Failed(_) => self.failed += 1,
            End::Open | End::Abandoned => {}
        }
        let first = record.attempts.first().map(|attempt| &attempt.target);
        if record.end == End::Delivered && record.target.as_ref() != first {
            self.fell_over += 1;
        }
        for attempt in &record.attempts {
            let name = format!("{}/{}", attempt.provider, attempt.model_label);
            let tally = self.targets.entry(name).or_default();
            tally.attempts += 1;
            match attempt.end {
                End::Delivered => tally.delivered += 1,
                End::Failed(_) => tally.errors += 1,
                End::Open | End::Abandoned => {}
            }
            if let Cost::Known(cost) = attempt.cost {
                tally.cost = tally.cost.plus(cost);
                self.spent = self.spent.plus(cost);
            }
            if let Some(first_token) = attempt.first_token {
                push(&mut tally.first_tokens, first_token, MEDIAN_OF);
            }
        }
        push(&mut self.recent, record, RECENT);
    }
}

impl Tally {
    /// The median of the last times to the first token.
    pub(super) fn first_token(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.first_tokens.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// Puts `item` at the end of a queue that holds `most`.
pub(super) fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(item);
}
