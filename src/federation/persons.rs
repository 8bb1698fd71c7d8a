//! The connections of a replica's persons, where a server knows its users: one for each, opened when its first request
//! comes, and closed when none came for a while.
//!
//! Who comes while a connection is being made waits with the first, and whoever leaves holds nobody up. There are so many
//! at most: the one used least recently goes first, and none goes whose requests are under way.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::time::{Instant, sleep};

use super::{
    Person,
    connecting::Unconnected,
    purse::{Newest, Purse},
};
use crate::secret::Secret;

/// How long a person's connection is kept that nobody uses. Its tokens, with which it is closed, mostly live longer.
const IDLE: Duration = Duration::from_secs(5 * 60);

/// How often it is looked which connections nobody uses.
const LOOK: Duration = Duration::from_secs(15);

/// What can be kept for a person.
pub(super) trait Kept: Send + Sync + 'static {
    /// Whether it is of no more use.
    fn is_over(&self) -> bool;
}

type Opening<C> = Shared<BoxFuture<'static, Result<Arc<C>, Unconnected>>>;

/// The connections of a replica's persons.
pub(super) struct Persons<C: Kept> {
    all: Mutex<HashMap<Person, Entry<C>>>,
    most: usize,
}

struct Entry<C> {
    opening: Opening<C>,
    /// What it proves itself with; which of a person's connections it is, too.
    newest: Arc<Newest>,
    /// Its requests under way.
    running: usize,
    /// When the last of them ended.
    used: Instant,
}

/// A request's place on a person's connection.
pub(super) struct Seat<'a, C: Kept> {
    persons: &'a Persons<C>,
    person: Person,
    newest: Arc<Newest>,
    opening: Opening<C>,
}

impl<C: Kept> Entry<C> {
    /// Whether it can be used: it is there, or about to be.
    fn is_good(&self) -> bool {
        match self.opening.peek() {
            None => true,
            Some(Ok(connection)) => !connection.is_over(),
            Some(Err(_)) => false,
        }
    }

    /// Whether it is worth keeping while nobody uses it.
    fn is_kept(&self, now: Instant) -> bool {
        self.running > 0 || self.is_good() && now.duration_since(self.used) < IDLE
    }
}

impl<C: Kept> Persons<C> {
    /// Nobody's yet, and so many at most.
    pub(super) fn new(most: usize) -> Self {
        Self {
            all: Mutex::default(),
            most,
        }
    }

    /// A place on the person's connection, which has this token from now on; `open` makes one where there is none. None
    /// where there are as many as there may be, and all in use.
    pub(super) fn seat(
        &self,
        person: Person,
        token: &Secret,
        open: impl FnOnce(Purse) -> BoxFuture<'static, Result<C, Unconnected>>,
    ) -> Option<Seat<'_, C>> {
        // Dropped behind the lock: what it ends may take its time.
        let mut gone = Vec::new();
        let mut all = self.lock();
        if let Some(entry) = all.get_mut(&person).filter(|entry| entry.is_good()) {
            entry.newest.put(token);
            entry.running += 1;
            let (newest, opening) = (entry.newest.clone(), entry.opening.clone());
            return Some(self.seat_at(person, newest, opening));
        }
        gone.extend(all.remove(&person));
        if all.len() >= self.most {
            let idle = all.iter().filter(|(_, entry)| entry.running == 0);
            let (&first, _) = idle.min_by_key(|(_, entry)| entry.used)?;
            gone.extend(all.remove(&first));
        }
        let newest = Arc::new(Newest::new(token));
        let opening = open(Purse::Persons(newest.clone()));
        let opening = opening.map(|opened| opened.map(Arc::new)).boxed().shared();
        let entry = Entry {
            opening: opening.clone(),
            newest: newest.clone(),
            running: 1,
            used: Instant::now(),
        };
        all.insert(person, entry);
        drop(all);
        Some(self.seat_at(person, newest, opening))
    }

    fn seat_at(&self, person: Person, newest: Arc<Newest>, opening: Opening<C>) -> Seat<'_, C> {
        Seat {
            persons: self,
            person,
            newest,
            opening,
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Closes for ever what nobody uses.
    pub(super) async fn close_idle(&self) -> Infallible {
        loop {
            sleep(LOOK).await;
            let now = Instant::now();
            let mut all = self.lock();
            let gone: Vec<_> = all.extract_if(|_, entry| !entry.is_kept(now)).collect();
            drop(all);
            drop(gone);
        }
    }

    /// Lets go of all: those in use end with their last request, the others now.
    pub(super) fn let_go(&self) {
        let gone = std::mem::take(&mut *self.lock());
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Person, Entry<C>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Kept> Seat<'_, C> {
    /// The connection, once it is made.
    ///
    /// # Errors
    /// It was not made, for everybody who waits for it.
    pub(super) async fn connection(&self) -> Result<Arc<C>, Unconnected> {
        self.opening.clone().await
    }
}

impl<C: Kept> Drop for Seat<'_, C> {
    fn drop(&mut self) {
        let mut all = self.persons.lock();
        let entry = all.get_mut(&self.person);
        // One that was let go may have a successor.
        let Some(entry) = entry.filter(|entry| Arc::ptr_eq(&entry.newest, &self.newest)) else {
            return;
        };
        entry.running -= 1;
        entry.used = Instant::now();
        let gone = match entry.is_kept(entry.used) {
            true => None,
            false => all.remove(&self.person),
        };
        drop(all);
        drop(gone);
    }
}

impl<C: Kept> fmt::Debug for Persons<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Persons");
        shown.field("count", &self.count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "persons_tests.rs"]
mod tests;
