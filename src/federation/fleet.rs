//! All servers of the configuration, kept over reloads.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::{Extra, Pins, Server, Spec, hooks::Nothing};
use crate::{telemetry::Ledger, upstream::guarded::Guarded};

/// All servers.
#[derive(Debug)]
pub struct Fleet {
    servers: Mutex<BTreeMap<Arc<str>, Arc<Server>>>,
    pins: Arc<Pins>,
    /// Connections to those that speak HTTP.
    web: Arc<Guarded>,
    ledger: Arc<Ledger>,
    extra: Arc<dyn Extra>,
    changed: watch::Sender<u64>,
}

impl Fleet {
    /// No server yet.
    pub fn new(pins: Arc<Pins>, web: Arc<Guarded>, ledger: Arc<Ledger>) -> Self {
        Self {
            servers: Mutex::default(),
            pins,
            web,
            ledger,
            extra: Arc::new(Nothing),
            changed: watch::Sender::new(0),
        }
    }

    /// The same, with more for the environment of processes. For a fleet that has no server yet.
    pub fn with_extra(self, extra: Arc<dyn Extra>) -> Self {
        Self { extra, ..self }
    }

    /// Puts these in place of those there were. What is the same is kept, with its connections.
    pub fn settle(&self, specs: Vec<Spec>) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = specs.into_iter().map(|spec| {
            let name = spec.name.clone();
            let kept = servers.get(&name).filter(|server| *server.spec() == spec);
            let server = kept.cloned();
            (name, server.unwrap_or_else(|| Arc::new(Server::new(spec))))
        });
        *servers = settled.collect();
        let _ = (&self.web, &self.ledger, &self.extra);
    }

    /// All of them, by name.
    pub fn servers(&self) -> Vec<Arc<Server>> {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.values().cloned().collect()
    }

    /// The server of this name.
    pub fn server(&self, name: &str) -> Option<Arc<Server>> {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.get(name).cloned()
    }

    /// The approvals.
    pub fn pins(&self) -> &Arc<Pins> {
        &self.pins
    }

    /// Told whenever something else is offered.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
