//! Where tokens lie while they are good, and who waits for which.
//!
//! A token that is being fetched is a future that all who want it hold together: whoever comes first does not hold the
//! others up when it gives up, and the last to leave ends the work. A failure is everybody's who waited, and is not
//! kept: who comes later asks again.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::time::Instant;

use super::{NoToken, issued::Token};
use crate::secret::Secret;

/// The most tokens. At two KiB each it is the memory of a few large documents.
const MOST: usize = 10_000;

/// A token younger than this is not forgotten: a server that takes none must not have one fetched with every call.
const NEW: Duration = Duration::from_secs(1);

/// What a token is kept under: the digest of everything that makes it another.
pub(super) type Key = [u8; blake3::OUT_LEN];

/// The key of these parts, each for itself: `ab`, `c` is another than `a`, `bc`.
pub(super) fn key(parts: &[String]) -> Key {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

type Fetching = BoxFuture<'static, Result<Token, NoToken>>;

/// The shelf.
#[derive(Default)]
pub(super) struct Shelf {
    entries: Mutex<HashMap<Key, Entry>>,
}

enum Entry {
    Kept { token: Token, since: Instant },
    UnderWay(WeakShared<Fetching>),
}

enum Found {
    Kept(Secret),
    UnderWay(Shared<Fetching>),
}

impl Shelf {
    /// The token under this key: what lies there, what others wait for, or what `make` fetches.
    pub(super) async fn get(
        self: &Arc<Self>,
        key: Key,
        make: impl FnOnce() -> Fetching,
    ) -> Result<Secret, NoToken> {
        match self.find(key, make) {
            Found::Kept(secret) => Ok(secret),
            Found::UnderWay(fetching) => fetching.await.map(|token| token.secret),
        }
    }

    /// Takes a token away, unless it is new.
    pub(super) fn forget(&self, key: &Key) {
        let mut entries = self.entries();
        let now = Instant::now();
        if matches!(entries.get(key), Some(Entry::Kept { since, .. }) if *since + NEW <= now) {
            entries.remove(key);
        }
    }

    /// One look under one lock, so that two who come at once fetch once.
    fn find(self: &Arc<Self>, key: Key, make: impl FnOnce() -> Fetching) -> Found {
        let now = Instant::now();
        let mut entries = self.entries();
        match entries.get(&key) {
            Some(Entry::Kept { token, .. }) if token.until > now => {
                return Found::Kept(token.secret.clone());
            }
            Some(Entry::UnderWay(fetching)) => {
                if let Some(fetching) = fetching.upgrade() {
                    return Found::UnderWay(fetching);
                }
            }
            _ => {}
        }
        let (shelf, fetch) = (self.clone(), make());
        let fetching = async move {
            let fetched = fetch.await;
            shelf.put(key, &fetched);
            fetched
        };
        let fetching = fetching.boxed().shared();
        // It has not been polled, so it is there to be downgraded.
        if let Some(weak) = fetching.downgrade() {
            make_room(&mut entries, now);
            entries.insert(key, Entry::UnderWay(weak));
        }
        Found::UnderWay(fetching)
    }

    /// Puts down what came of fetching. Only one fetches for a key at a time.
    fn put(&self, key: Key, fetched: &Result<Token, NoToken>) {
        let since = Instant::now();
        let mut entries = self.entries();
        match fetched {
            Ok(token) if token.until > since => {
                let token = token.clone();
                entries.insert(key, Entry::Kept { token, since });
            }
            _ => drop(entries.remove(&key)),
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        // Nothing panics under the lock, and what it guards is whole between any two statements.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room for one more: what is over goes first, then what is over first.
fn make_room(entries: &mut HashMap<Key, Entry>, now: Instant) {
    if entries.len() < MOST {
        return;
    }
    entries.retain(|_, entry| match entry {
        Entry::Kept { token, .. } => token.until > now,
        Entry::UnderWay(fetching) => fetching.upgrade().is_some(),
    });
    if entries.len() < MOST {
        return;
    }
    let ends = entries.iter().filter_map(|(key, entry)| match entry {
        Entry::Kept { token, .. } => Some((token.until, *key)),
        Entry::UnderWay(_) => None,
    });
    if let Some((_, first)) = ends.min() {
        entries.remove(&first);
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shelf").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
