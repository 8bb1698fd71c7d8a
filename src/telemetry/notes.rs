//! What is noted of a call of a tool while it runs: the completions that were made for it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use serde::Serialize;

use super::{Cost, Record};
use crate::chat::Usage;

/// What is noted of a call while it runs, whatever comes of it.
#[derive(Debug, Default)]
pub struct Notes {
    completions: Mutex<Vec<Completion>>,
    /// How many ids were given.
    numbered: AtomicU32,
}

/// One completion made for a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// Its record: `/admin/requests/{id}`.
    pub id: String,
    /// The route it took; none where a target was named.
    pub route: Option<Arc<str>>,
    /// The target that answered.
    pub target: Option<Arc<str>>,
    /// What it cost in tokens.
    pub usage: Option<Usage>,
    /// What it cost in money.
    pub cost: Cost,
}

impl Notes {
    /// The id of the next completion for the call that came with this request: the request's with a number behind it.
    pub fn next_id(&self, request: &str) -> String {
        let number = self.numbered.fetch_add(1, Ordering::Relaxed);
        format!("{request}.{}", number.saturating_add(1))
    }

    /// Notes a completion, in place of what was noted of it before.
    pub fn completion(&self, completion: Completion) {
        let mut notes = self
            .completions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match notes.iter_mut().find(|known| known.id == completion.id) {
            Some(known) => *known = completion,
            None => notes.push(completion),
        }
    }

    /// What was noted so far.
    pub fn completions(&self) -> Vec<Completion> {
        self.completions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Which call of a tool a completion is made for, by whoever executes that tool.
#[derive(Clone, Debug, Serialize)]
pub struct Serves {
    /// The server, by its name here.
    pub server: Arc<str>,
    /// The tool, by its name in the configuration.
    pub tool: Arc<str>,
    /// The call: the id of the request it came with.
    pub request: String,
    /// What is noted of the call.
    #[serde(skip)]
    pub notes: Arc<Notes>,
}

impl Serves {
    /// The id of the next completion for this call.
    pub fn next_id(&self) -> String {
        self.notes.next_id(&self.request)
    }

    /// Notes a completion whose provider is being asked: what it costs is not known before its end, and a call that
    /// ends before has paid for it all the same.
    pub(super) fn begin(&self, record: &Record) {
        self.note(record, Cost::Unknown);
    }

    /// Notes what became of a completion. One that nobody was asked for is none.
    pub(super) fn end(&self, record: &Record) {
        if !record.attempts.is_empty() {
            self.note(record, record.spent());
        }
    }

    fn note(&self, record: &Record, cost: Cost) {
        self.notes.completion(Completion {
            id: record.id.clone(),
            route: record.route.clone(),
            target: record.target.clone(),
            usage: record.usage,
            cost,
        });
    }
}
