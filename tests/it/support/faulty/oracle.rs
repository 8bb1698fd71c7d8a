//! The oracle: the provider's own truth about every request, to hold the gateway's books against.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::Script;
use crate::support::gateway::PATIENCE;

/// One request, as the provider saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The head, as sent.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
    /// Bytes of the answer that were handed to the kernel.
    pub(crate) sent: usize,
    /// What became of it.
    pub(crate) fate: Fate,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is being answered.
    Open,
    /// The whole script was played.
    Played,
    /// The asker left before, at this time.
    Left(Instant),
}

impl Seen {
    /// The key it came with.
    pub(crate) fn key(&self) -> &str {
        let header = |line: &'_ str| {
            let (name, value) = line.split_once(": ")?;
            let bearer = || value.strip_prefix("Bearer ");
            match name.to_ascii_lowercase().as_str() {
                "authorization" => bearer().map(str::len),
                "x-api-key" => Some(value.len()),
                _ => None,
            }
        };
        let mut lines = self.head.lines();
        lines
            .find_map(|line| header(line).map(|length| &line[line.len() - length..]))
            .unwrap_or("")
    }

    /// The time its asker left.
    pub(crate) fn left(&self) -> Option<Instant> {
        match self.fate {
            Fate::Left(when) => Some(when),
            Fate::Open | Fate::Played => None,
        }
    }
}

/// Scripts to play and what was seen.
#[derive(Default)]
pub(super) struct Oracle {
    scripts: Mutex<VecDeque<Script>>,
    seen: Mutex<Vec<Seen>>,
    changed: Notify,
}

impl Oracle {
    pub(super) fn give(&self, scripts: VecDeque<Script>) {
        *self.scripts.lock().unwrap() = scripts;
    }

    /// Writes down a request; gives its number and what to play for it.
    pub(super) fn asked(&self, head: String, body: String) -> (usize, Script) {
        let mut scripts = self.scripts.lock().unwrap();
        let script = if scripts.len() > 1 {
            scripts.pop_front()
        } else {
            scripts.front().cloned()
        };
        let mut seen = self.seen.lock().unwrap();
        seen.push(Seen {
            head,
            body,
            sent: 0,
            fate: Fate::Open,
        });
        self.changed.notify_waiters();
        (seen.len() - 1, script.unwrap())
    }

    /// Writes down how a request gets on.
    pub(super) fn note(&self, number: usize, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap()[number]);
        self.changed.notify_waiters();
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) async fn until(&self, what: &str, done: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let waiting = async {
            loop {
                let changed = self.changed.notified();
                let seen = self.seen();
                if done(&seen) {
                    return seen;
                }
                let _ = timeout(Duration::from_millis(50), changed).await;
            }
        };
        timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("waited for {what}: {:?}", self.seen()))
    }
}
