//! Who listens for changes, and who has to hear of which.
//!
//! A reload compares what each listener saw with what it sees now, and wakes those for whom something changed. What
//! waits to be told is a set: a listener that is slow to read hears of ten changes once, and holds up nobody.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use super::{Offer, convert};
use crate::{
    access::Caller,
    tools::{Listing, Tool},
};

/// The longest URI that can be followed, in bytes: what servers take as a URL.
pub(super) const LONGEST_URI: usize = 2048;

/// Everyone who listens.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    ears: Mutex<HashMap<u64, Arc<Ear>>>,
    next: AtomicU64,
}

/// How many may listen at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// For one key.
    pub(super) per_key: usize,
    /// In all.
    pub(super) all: usize,
}

/// What a listener has not been told yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Tools are others.
    pub(super) tools: bool,
    /// Prompts are others.
    pub(super) prompts: bool,
    /// Resources or templates are others.
    pub(super) resources: bool,
    /// These resources say something else.
    pub(super) updated: BTreeSet<String>,
    /// The key or token is no longer valid.
    pub(super) gone: bool,
}

/// One listener's end.
#[derive(Debug)]
struct Ear {
    state: Mutex<State>,
    wake: Notify,
    /// Whether it takes room.
    counts: bool,
}

#[derive(Debug)]
struct State {
    caller: Arc<Caller>,
    uris: BTreeSet<String>,
    news: News,
}

/// One who listens, until dropped.
#[derive(Debug)]
pub(super) struct Listening {
    listeners: Arc<Listeners>,
    id: u64,
    ear: Arc<Ear>,
}

impl Listeners {
    /// Begins to listen; `None` where there is no room left. Without a room to keep it takes none.
    pub(super) fn open(
        self: &Arc<Self>,
        caller: Arc<Caller>,
        uris: impl IntoIterator<Item = String>,
        room: Option<Room>,
    ) -> Option<Listening> {
        let mut ears = locked(&self.ears);
        if let Some(room) = room {
            let counting = ears.values().filter(|ear| ear.counts);
            let mine = counting
                .clone()
                .filter(|ear| locked(&ear.state).caller.name == caller.name);
            if mine.count() >= room.per_key || counting.count() >= room.all {
                return None;
            }
        }
        let state = State {
            caller,
            uris: uris.into_iter().collect(),
            news: News::default(),
        };
        let ear = Arc::new(Ear {
            state: Mutex::new(state),
            wake: Notify::new(),
            counts: room.is_some(),
        });
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        ears.insert(id, ear.clone());
        Some(Listening {
            listeners: self.clone(),
            id,
            ear,
        })
    }

    /// Tells everyone that a list is another now.
    pub(super) fn changed(&self, listing: Listing) {
        for ear in self.ears() {
            ear.tell(|state| match listing {
                Listing::Tools => state.news.tools = true,
                Listing::Prompts => state.news.prompts = true,
                Listing::Resources => state.news.resources = true,
            });
        }
    }

    /// Tells each what another configuration changes for it.
    pub(super) fn compare(&self, before: &Offer, now: &Offer) {
        // Callers with one key see the same. Each is kept here while it is compared: who goes on with another token
        // meanwhile leaves no address to one who is new.
        let mut seen: HashMap<*const Caller, (Arc<Caller>, News)> = HashMap::new();
        for ear in self.ears() {
            ear.tell(|state| {
                let was = state.caller.clone();
                let Some(is) = now.access.compared(&was) else {
                    state.news.gone = true;
                    return;
                };
                let (_, lists) = seen
                    .entry(Arc::as_ptr(&was))
                    .or_insert_with(|| (was.clone(), lists((before, &was), (now, &is))));
                state.news.tools |= lists.tools;
                state.news.prompts |= lists.prompts;
                state.news.resources |= lists.resources;
                for uri in &state.uris {
                    let library = &now.library;
                    if library.reads_another(&before.library, (&is, &was), uri) {
                        state.news.updated.insert(uri.clone());
                    }
                }
                state.caller = is;
            });
        }
    }

    fn ears(&self) -> Vec<Arc<Ear>> {
        locked(&self.ears).values().cloned().collect()
    }
}

impl Ear {
    fn tell(&self, change: impl FnOnce(&mut State)) {
        let mut state = locked(&self.state);
        change(&mut state);
        if state.news != News::default() {
            self.wake.notify_one();
        }
    }
}

impl Listening {
    /// What is new; waits until there is something.
    pub(super) async fn news(&self) -> News {
        loop {
            let news = std::mem::take(&mut locked(&self.ear.state).news);
            if news != News::default() {
                return news;
            }
            self.ear.wake.notified().await;
        }
    }

    /// Listens to one resource more; false where that would be more than `most`, or its URI is too long.
    pub(super) fn add(&self, uri: String, most: usize) -> bool {
        let uris = &mut locked(&self.ear.state).uris;
        if uris.contains(&uri) {
            return true;
        }
        let room = uris.len() < most && uri.len() <= LONGEST_URI;
        if room {
            uris.insert(uri);
        }
        room
    }

    /// Listens on for a caller who came back with another token.
    pub(super) fn go_on_for(&self, caller: &Arc<Caller>) {
        let mut state = locked(&self.ear.state);
        if caller.identity.is_some() && caller.name == state.caller.name {
            state.caller = caller.clone();
        }
    }

    /// Listens to a resource no longer.
    pub(super) fn remove(&self, uri: &str) {
        let mut state = locked(&self.ear.state);
        state.uris.remove(uri);
        state.news.updated.remove(uri);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        locked(&self.listeners.ears).remove(&self.id);
    }
}

/// Which lists one caller sees otherwise.
fn lists((before, was): (&Offer, &Caller), (now, is): (&Offer, &Caller)) -> News {
    News {
        tools: !tools_alike(
            before.toolbox.visible(was).collect(),
            now.toolbox.visible(is).collect(),
        ),
        prompts: !now.library.prompts_alike(&before.library, (is, was)),
        resources: !now.library.resources_alike(&before.library, (is, was)),
        ..News::default()
    }
}

/// Whether these are the same to clients. Most are not even made anew.
fn tools_alike(before: Vec<&Arc<Tool>>, now: Vec<&Arc<Tool>>) -> bool {
    let alike = |(before, now): (&&Arc<Tool>, &&Arc<Tool>)| {
        before.is_copy_of(now) || convert::tool(before) == convert::tool(now)
    };
    before.len() == now.len() && before.iter().zip(&now).all(alike)
}

/// A panic under a lock leaves maps and sets that are whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
