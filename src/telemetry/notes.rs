//! What is noted of a call of a tool while it runs: the completions that were made for it, and the requests to its
//! server.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use serde::Serialize;

use super::{Cost, Identity, Proof, Record, Upstream, upstream::Upstreams};
use crate::chat::Usage;

/// The most completions that were refused which are noted of one call: a server may go on asking for as long as its
/// call runs. Those that are not are bounded by what it may ask for.
const MOST_REFUSED: usize = 1_000;

/// What is noted of a call while it runs, whatever comes of it.
#[derive(Debug, Default)]
pub struct Notes {
    completions: Mutex<Vec<Completion>>,
    upstreams: Mutex<Upstreams>,
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
    /// Whether it was refused, and nobody asked for it: the budget of its call is not touched by it.
    pub refused: bool,
}

impl Notes {
    /// The id of the next completion for the call that came with this request: the request's with a number behind it.
    pub fn next_id(&self, request: &str) -> String {
        let number = self.numbered.fetch_add(1, Ordering::Relaxed);
        format!("{request}.{}", number.saturating_add(1))
    }

    /// Notes a completion, in place of what was noted of it before.
    pub fn completion(&self, completion: Completion) {
        let mut notes = lock(&self.completions);
        if let Some(known) = notes.iter_mut().find(|known| known.id == completion.id) {
            *known = completion;
            return;
        }
        let refused = notes.iter().filter(|known| known.refused).count();
        if !completion.refused || refused < MOST_REFUSED {
            notes.push(completion);
        }
    }

    /// What was noted so far.
    pub fn completions(&self) -> Vec<Completion> {
        lock(&self.completions).clone()
    }

    /// Notes that a request to the call's server is about to be sent. What is given names it, until it
    /// [has ended](Self::ended).
    pub fn sent(&self, replica: &str, credentials: Proof, token: Option<String>) -> Option<usize> {
        lock(&self.upstreams).sent(replica, credentials, token)
    }

    /// Notes how a request has ended.
    pub fn ended(&self, at: usize, outcome: &'static str) {
        lock(&self.upstreams).ended(at, outcome);
    }

    /// The requests so far, of a caller who came with this token.
    pub fn upstreams(&self, caller: Option<&Identity>) -> Vec<Upstream> {
        lock(&self.upstreams).of(caller)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Notes what became of a completion, one that was refused, too.
    pub(super) fn end(&self, record: &Record) {
        self.note(record, record.spent());
    }

    fn note(&self, record: &Record, cost: Cost) {
        self.notes.completion(Completion {
            id: record.id.clone(),
            route: record.route.clone(),
            target: record.target.clone(),
            usage: record.usage,
            cost,
            refused: record.attempts.is_empty(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_noted_with_a_bound() {
        let notes = Notes::default();
        let note = |refused| {
            notes.completion(Completion {
                id: notes.next_id("req_1"),
                route: None,
                target: None,
                usage: None,
                cost: Cost::Nothing,
                refused,
            });
        };
        (0..MOST_REFUSED + 10).for_each(|_| note(true));
        note(false);
        let noted = notes.completions();
        assert_eq!(noted.len(), MOST_REFUSED + 1);
        assert!(noted.last().is_some_and(|last| !last.refused));
    }
}
