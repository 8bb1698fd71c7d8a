//! The way to the models that processes of servers find in their environment.
//!
//! An environment is fixed at the start, and calls change. So each process has a key of its own for as long as it runs,
//! which opens nothing but while a call is served there, and then opens what that call may use.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    access::{Caller, Filled, Mint, Slot},
    federation::{Extra, ProcessId},
    secret::Secret,
};

/// Where OpenAI's SDKs look for the address and the key, if their program says nothing of either.
const BASE_URL: &str = "OPENAI_BASE_URL";
const API_KEY: &str = "OPENAI_API_KEY";

/// The server whose process it is, and its key.
type OfProcess = (Arc<str>, Arc<Slot>);

/// The keys of all processes, and where they are good.
#[derive(Debug)]
pub struct Slots {
    pub(super) mint: Arc<Mint>,
    base: Mutex<Option<Arc<str>>>,
    /// The servers that may ask for completions.
    servers: Mutex<HashSet<Arc<str>>>,
    slots: Mutex<HashMap<ProcessId, OfProcess>>,
}

impl Slots {
    /// No process has a key yet.
    pub fn new(mint: Arc<Mint>) -> Self {
        Self {
            mint,
            base: Mutex::default(),
            servers: Mutex::default(),
            slots: Mutex::default(),
        }
    }

    /// The models are served here from now on: a URL that ends in `/v1`. Processes that run already do not learn of it.
    pub fn serve_at(&self, base: &str) {
        *lock(&self.base) = Some(base.into());
    }

    /// Where the models are served.
    pub fn base(&self) -> Option<Arc<str>> {
        lock(&self.base).clone()
    }

    /// These servers may ask for completions from now on, and no others: theirs are worth nothing any more.
    pub fn lend_to(&self, servers: HashSet<Arc<str>>) {
        lock(&self.slots).retain(|_, (server, _)| servers.contains(server));
        *lock(&self.servers) = servers;
    }

    /// Puts a call into the key of a process. Nothing where it has none, or serves another call.
    pub(super) fn fill(
        &self,
        server: &Arc<str>,
        process: ProcessId,
        caller: Caller,
    ) -> Option<Filled> {
        let slot = lock(&self.slots).get(&process).cloned();
        let filled = slot.and_then(|(_, slot)| slot.fill(caller));
        if filled.is_none() {
            tracing::warn!(
                server = &**server,
                "a call is served without a way to the models: the process has no key, or serves another call"
            );
        }
        filled
    }
}

impl Extra for Slots {
    fn environment(&self, server: &str, process: ProcessId) -> Vec<(String, Secret)> {
        let server = lock(&self.servers).get(server).cloned();
        let (Some(server), Some(base)) = (server, self.base()) else {
            return Vec::new();
        };
        let slot = self.mint.slot();
        let key = slot.key.clone();
        lock(&self.slots).insert(process, (server, slot));
        vec![
            (BASE_URL.to_owned(), Secret::new(&*base)),
            (API_KEY.to_owned(), key),
        ]
    }

    fn ended(&self, process: ProcessId) {
        lock(&self.slots).remove(&process);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_of_a_process_has_a_key_of_its_own() {
        let slots = Slots::new(Arc::default());
        slots.lend_to(HashSet::from(["crm".into()]));
        let start = ProcessId::new;
        assert!(slots.environment("crm", start()).is_empty(), "nowhere yet");
        slots.serve_at("http://127.0.0.1:8080/v1");
        assert!(slots.environment("mail", start()).is_empty());
        let mut keys = HashSet::new();
        let processes = [start(), start(), start()];
        for process in processes {
            let environment = slots.environment("crm", process);
            let [(base, at), (name, key)] = &environment[..] else {
                panic!("{environment:?}");
            };
            assert_eq!((base.as_str(), name.as_str()), (BASE_URL, API_KEY));
            assert_eq!(at.reveal(), "http://127.0.0.1:8080/v1");
            keys.insert(key.reveal().to_owned());
        }
        assert_eq!((keys.len(), lock(&slots.slots).len()), (3, 3));
        slots.ended(processes[1]);
        assert_eq!(lock(&slots.slots).len(), 2, "its key went with it");
        slots.lend_to(HashSet::new());
        assert!(lock(&slots.slots).is_empty());
    }
}
