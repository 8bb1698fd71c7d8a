//! Keys that are made for one purpose and live as long as it: a tool server's way to a model while it serves a call.
//!
//! A made key never allows more than the caller had whose call it serves, and is worth nothing once that call is over.
//! A process has its key from its start, so its key is a [`Slot`]: good while a call is put into it, and for that call.
//! A server elsewhere is sent a [`Ticket`] with each call, which it exchanges for a key.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Caller, Digest, digest};
use crate::secret::Secret;

/// What made keys begin with.
const KEY: &str = "wpt-";

/// What tickets begin with, which are no keys.
const TICKET: &str = "wpx-";

/// The keys that are good now, and the tickets.
#[derive(Debug, Default)]
pub struct Mint {
    keys: Mutex<HashMap<Digest, Arc<Caller>>>,
    tickets: Mutex<HashMap<Digest, Waiting>>,
}

/// What a ticket is good for.
#[derive(Debug)]
struct Waiting {
    caller: Caller,
    /// The key it was exchanged for. A ticket is good once.
    made: Option<Made>,
    until: Instant,
}

/// A key while it is good.
#[derive(Debug)]
pub struct Made {
    mint: Arc<Mint>,
    digest: Digest,
    /// The key.
    pub key: Secret,
}

/// A key that is good while a call is put into it.
#[derive(Debug)]
pub struct Slot {
    mint: Arc<Mint>,
    digest: Digest,
    /// The key.
    pub key: Secret,
}

/// A call in a slot. Dropping it takes the call out.
#[derive(Debug)]
pub struct Filled(Arc<Slot>);

/// A ticket while it is good, and the key it was exchanged for.
#[derive(Debug)]
pub struct Ticket {
    mint: Arc<Mint>,
    digest: Digest,
    /// The ticket.
    pub ticket: Secret,
}

/// What a ticket was exchanged for.
#[derive(Debug)]
pub struct Exchanged {
    /// The key.
    pub key: Secret,
    /// How long it is good at most: the call may be over earlier.
    pub lasts: Duration,
}

impl Mint {
    /// Makes a key for this caller.
    pub fn make(self: &Arc<Self>, caller: Caller) -> Made {
        let (key, digest) = draw(KEY);
        self.open(digest, caller);
        Made {
            mint: self.clone(),
            digest,
            key,
        }
    }

    /// Makes a key that is good for nothing yet.
    pub fn slot(self: &Arc<Self>) -> Arc<Slot> {
        let (key, digest) = draw(KEY);
        Arc::new(Slot {
            mint: self.clone(),
            digest,
            key,
        })
    }

    /// Makes a ticket for this caller's key. The call it is for is over by `until`.
    pub fn ticket(self: &Arc<Self>, caller: Caller, until: Instant) -> Ticket {
        let (ticket, digest) = draw(TICKET);
        let waiting = Waiting {
            caller,
            made: None,
            until,
        };
        lock(&self.tickets).insert(digest, waiting);
        Ticket {
            mint: self.clone(),
            digest,
            ticket,
        }
    }

    /// Exchanges a ticket of `server` for a key; nothing where it is none of this server's, or was exchanged before.
    pub fn exchange(
        self: &Arc<Self>,
        ticket: &str,
        server: &str,
        now: Instant,
    ) -> Option<Exchanged> {
        let mut tickets = lock(&self.tickets);
        let waiting = tickets.get_mut(&digest(ticket))?;
        let serving = waiting.caller.serves.as_ref()?;
        let is_theirs = *serving.serves.server == *server && !serving.is_over();
        if !is_theirs || waiting.made.is_some() || now >= waiting.until {
            return None;
        }
        let made = self.make(waiting.caller.clone());
        let key = made.key.clone();
        waiting.made = Some(made);
        Some(Exchanged {
            key,
            lasts: waiting.until.saturating_duration_since(now),
        })
    }

    /// Whom a made key belongs to, while its call runs.
    pub(super) fn find(&self, key: &str) -> Option<Arc<Caller>> {
        is_made(key).then(|| self.holder(&digest(key))).flatten()
    }

    /// The same by the key's digest.
    pub(super) fn holder(&self, digest: &Digest) -> Option<Arc<Caller>> {
        let caller = lock(&self.keys).get(digest).cloned()?;
        let over = caller.serves.as_ref().is_some_and(|call| call.is_over());
        (!over).then_some(caller)
    }

    /// Lets a key be this caller's; not if it is another's already.
    fn open(&self, digest: Digest, caller: Caller) -> bool {
        let caller = Caller {
            key: Some(digest),
            ..caller
        };
        let mut keys = lock(&self.keys);
        let free = !keys.contains_key(&digest);
        if free {
            keys.insert(digest, Arc::new(caller));
        }
        free
    }
}

/// Whether this looks like a key that was made for a call.
pub(super) fn is_made(key: &str) -> bool {
    key.starts_with(KEY)
}

impl Slot {
    /// Puts a call into the slot. There is room for one: what the process does could not be told apart otherwise.
    pub fn fill(self: &Arc<Self>, caller: Caller) -> Option<Filled> {
        let opened = self.mint.open(self.digest, caller);
        opened.then(|| Filled(self.clone()))
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        lock(&self.0.mint.keys).remove(&self.0.digest);
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        lock(&self.mint.keys).remove(&self.digest);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.mint.tickets).remove(&self.digest);
    }
}

/// A secret nobody can guess, and its digest.
fn draw(prefix: &str) -> (Secret, Digest) {
    let random: [u8; 32] = rand::random();
    let text = format!("{prefix}{}", blake3::Hash::from(random).to_hex());
    let digest = digest(&text);
    (Secret::new(text), digest)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{Access, Denied, Serving, Terms},
        telemetry::Serves,
    };

    /// The caller as a tool of `server` may speak for it, and the call.
    fn lent(server: &str, request: &str) -> (Caller, Arc<Serving>) {
        let caller = Access::open().identify(None).unwrap();
        let serves = Serves {
            server: server.into(),
            tool: format!("{server}.search").into(),
            request: request.to_owned(),
            notes: Arc::default(),
        };
        let serving = Serving::open(serves, Terms::default());
        (caller.lend(&serving), serving)
    }

    fn request(access: &Access, key: &Secret) -> Result<String, Denied> {
        let caller = access.identify(Some(key.reveal()))?;
        Ok(caller.serves.as_ref().unwrap().serves.request.clone())
    }

    #[test]
    fn a_slot_is_the_call_that_is_in_it_and_no_other() {
        let mint: Arc<Mint> = Arc::default();
        // Where everybody may call, a key that is no longer good is not anybody's.
        let access = Access::open().with_mint(mint.clone());
        let (one, two) = (mint.slot(), mint.slot());
        assert_eq!(request(&access, &one.key), Err(Denied::Over));
        let first = one.fill(lent("crm", "a").0).unwrap();
        let second = two.fill(lent("crm", "b").0).unwrap();
        assert!(one.fill(lent("crm", "c").0).is_none());
        assert_eq!(request(&access, &one.key).unwrap(), "a");
        assert_eq!(request(&access, &two.key).unwrap(), "b");
        drop(first);
        assert_eq!(request(&access, &one.key), Err(Denied::Over));
        assert_eq!(request(&access, &two.key).unwrap(), "b");
        let _third = one.fill(lent("crm", "c").0).unwrap();
        assert_eq!(request(&access, &one.key).unwrap(), "c");
        drop(second);
        assert!(lock(&mint.keys).len() == 1);
    }

    #[test]
    fn a_key_ends_with_its_call_though_somebody_still_has_it() {
        let mint: Arc<Mint> = Arc::default();
        let access = Access::open().with_mint(mint.clone());
        let (caller, serving) = lent("crm", "a");
        let made = mint.make(caller);
        let holder = access.identify(Some(made.key.reveal())).unwrap();
        assert_eq!(access.renew(&holder), Some(holder.clone()));
        serving.end();
        assert_eq!(request(&access, &made.key), Err(Denied::Over));
        assert_eq!(access.renew(&holder), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_is_good_once_for_its_server_while_the_call_runs() {
        let mint: Arc<Mint> = Arc::default();
        let access = Access::open().with_mint(mint.clone());
        let now = Instant::now();
        let until = now + Duration::from_secs(30);
        let (caller, serving) = lent("crm", "a");
        let ticket = mint.ticket(caller.clone(), until);
        let text = ticket.ticket.reveal();
        assert!(mint.exchange(text, "mail", now).is_none());
        assert!(mint.exchange(&text[1..], "crm", now).is_none());
        assert!(mint.exchange(text, "crm", until).is_none());
        let later = now + Duration::from_secs(10);
        let made = mint.exchange(text, "crm", later).unwrap();
        assert_eq!(made.lasts, Duration::from_secs(20));
        assert!(mint.exchange(text, "crm", later).is_none());
        assert_eq!(request(&access, &made.key).unwrap(), "a");
        // A ticket is no key.
        let anybody = access.identify(Some(text)).unwrap();
        assert!(anybody.serves.is_none());
        drop(ticket);
        assert_eq!(request(&access, &made.key), Err(Denied::Over));
        assert!(lock(&mint.keys).is_empty() && lock(&mint.tickets).is_empty());

        let late = mint.ticket(caller, until);
        serving.end();
        assert!(mint.exchange(late.ticket.reveal(), "crm", now).is_none());
    }
}
