//! What of other people's servers was approved, in a file that is read and compared like any other text.
//!
//! A pin is the digest of everything a server says of a tool, a prompt, a resource or a template. One whose digest is another is not offered before
//! somebody has seen what changed; the file keeps what was approved in full, so that the change can be shown. What cannot
//! be read approves nothing.
//!
//! The file is the only truth: it is read at each judgement, and nothing is remembered beside it but what each server
//! listed last, for operators to look at and to approve.

mod agreed;
mod approve;
mod confusable;
mod fingerprint;
mod hygiene;
mod item;
mod judgement;
#[cfg(test)]
mod other_tests;
mod sheet;
#[cfg(test)]
mod tests;
mod wording;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{Approve, Catalogue, Held, Listing};
use crate::store::{Approvals, Approved, NotKept, Stamp};
use hygiene::{Inspected, inspect};
use item::Item;
use judgement::Judgement;

pub(super) use agreed::agreed;
pub use approve::{NotApproved, Seen};

/// The approvals there are.
#[derive(Debug)]
pub struct Pins {
    approvals: Approvals,
    /// What each server listed last.
    lists: Mutex<BTreeMap<String, List>>,
    /// What was told last of approvals that cannot be read or written: it is told once.
    trouble: Mutex<Option<String>>,
}

/// What a server listed.
#[derive(Debug, Default)]
struct List {
    listing: Listing,
    /// The names in it.
    names: Vec<String>,
    /// What of it was told to wait, by name and digest.
    told: BTreeSet<(String, String)>,
}

/// Why something waits for approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// It was never approved.
    New,
    /// It is not what was approved.
    Changed {
        /// What is different, line by line: `-` was, `+` is.
        diff: String,
    },
    /// It should not be offered, whoever approves it.
    Unfit {
        /// What is wrong.
        why: String,
    },
    /// The approvals cannot be read, so there are none.
    Unreadable,
}

impl Change {
    /// Its name.
    pub fn label(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed { .. } => "changed",
            Self::Unfit { .. } => "unfit",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Pins {
    /// The approvals in this file, which need not exist yet; without one they last as long as the process.
    pub fn open(path: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self {
            approvals: Approvals::new(path),
            lists: Mutex::default(),
            trouble: Mutex::default(),
        })
    }

    /// What of these lists of a server may be offered, and what waits.
    ///
    /// [`Approve::FirstUse`] approves what is there when the server is seen for the first time, and writes that down.
    /// What appears later waits, or a server could show its second face once it was let in; and so does what an
    /// operator should look at twice.
    ///
    /// This reads a file, may write it, and compiles schemas: call it where that may take its time.
    pub fn judge(
        &self,
        server: &str,
        approve: Approve,
        listing: Listing,
    ) -> (Catalogue, Vec<Held>) {
        let items = inspected(server, &listing);
        {
            let mut lists = self.lists();
            let list = lists.entry(server.to_owned()).or_default();
            list.names = items.iter().map(|item| item.name.clone()).collect();
            list.listing = listing;
        }
        let mut approved = self.read();
        let unseen = |approved: &Approved| !approved.contains_key(server);
        if approve == Approve::FirstUse
            && !items.is_empty()
            && approved.as_ref().is_some_and(unseen)
        {
            let harmless = self.sort(server, &items, approved.as_ref()).harmless();
            let written = self.first_use(server, &items, &harmless);
            approved = self.told(written).or(approved);
        }
        let Judgement { offered, held } = self.sort(server, &items, approved.as_ref());
        self.tell(server, &held);
        (offered, held)
    }

    /// What of a server was approved, as it was then. It may be offered until the server lists something itself: so a
    /// server that is not there yet is told from one that has no such tool.
    ///
    /// This reads a file and compiles schemas: call it where that may take its time.
    pub fn remembered(&self, server: &str, is_wanted: impl Fn(&str) -> bool) -> Catalogue {
        let Some(approved) = self.read() else {
            return Catalogue::default();
        };
        let approvals = approved.get(server).into_iter().flatten();
        let recalled = approvals.filter_map(|(name, approval)| {
            let item = Item::recalled(name, approval.tool.clone())?;
            let is_left_out = matches!(item, Item::Tool(_)) && !is_wanted(name);
            (!is_left_out).then(|| inspect(server, item))
        });
        let recalled: Vec<Inspected> = recalled.collect();
        self.sort(server, &recalled, Some(&approved)).offered
    }

    /// What is another whenever the file is, whoever changed it.
    pub(super) async fn stamp(&self) -> Stamp {
        self.approvals.stamp().await
    }

    /// Forgets what a server listed that is not there any more. What was approved of it stays approved.
    pub(super) fn forget(&self, server: &str) {
        self.lists().remove(server);
    }

    /// The approvals, if they can be read.
    fn read(&self) -> Option<Approved> {
        self.told(self.approvals.read())
    }

    /// What came of reading or writing; what is wrong is told, once.
    fn told<T>(&self, came: Result<T, NotKept>) -> Option<T> {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let now = came.as_ref().err().map(NotKept::to_string);
        if let Some(reason) = &now
            && now != *trouble
        {
            tracing::error!(
                reason,
                "nothing of another server is offered that this concerns"
            );
        }
        *trouble = now;
        came.ok()
    }

    /// Tells what waits, each thing once: lists come again and again.
    fn tell(&self, server: &str, held: &[Held]) {
        let waits = held
            .iter()
            .map(|held| (held.tool.clone(), held.digest.clone()));
        let waits: BTreeSet<(String, String)> = waits.collect();
        let mut lists = self.lists();
        let told = &mut lists.entry(server.to_owned()).or_default().told;
        for held in held {
            let waits = (held.tool.clone(), held.digest.clone());
            if !told.contains(&waits) {
                let (tool, change) = (
                    crate::schema::shown_text(&held.tool, 64),
                    held.change.label(),
                );
                tracing::warn!(
                    server,
                    tool,
                    change,
                    "something of another server waits for approval"
                );
            }
        }
        *told = waits;
    }

    fn lists(&self) -> MutexGuard<'_, BTreeMap<String, List>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of a listing, looked at.
fn inspected(server: &str, listing: &Listing) -> Vec<Inspected> {
    let items = Item::all(listing.clone()).map(|item| {
        let mut inspected = inspect(server, item);
        if listing.disputed.contains(&inspected.name) {
            let why = "its replicas do not list it alike: which one would be called nobody knows";
            inspected.unfit = Some(why.to_owned());
        }
        inspected
    });
    items.collect()
}
