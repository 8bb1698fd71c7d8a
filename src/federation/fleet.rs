//! All servers of the configuration, kept over reloads.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{Announced, Extra, OwnTokens, Pins, Server, Spec, hooks::Nothing};
use crate::{telemetry::Ledger, upstream::guarded::Guarded};

/// All servers.
#[derive(Debug)]
pub struct Fleet {
    servers: Mutex<BTreeMap<Arc<str>, Arc<Server>>>,
    ground: Arc<Ground>,
}

/// What all servers stand on.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) pins: Arc<Pins>,
    /// Connections to those that speak HTTP.
    pub(super) web: Arc<Guarded>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) extra: Arc<dyn Extra>,
    pub(super) tokens: Arc<dyn OwnTokens>,
    /// The gateway's file, where it is not the one that runs.
    pub(super) starter: Option<PathBuf>,
    pub(super) changed: watch::Sender<u64>,
    /// What servers announced and nobody was told of yet.
    pub(super) announced: watch::Sender<Announced>,
}

impl Fleet {
    /// No server yet.
    pub fn new(pins: Arc<Pins>, web: Arc<Guarded>, ledger: Arc<Ledger>) -> Self {
        let ground = Ground {
            pins,
            web,
            ledger,
            extra: Arc::new(Nothing),
            tokens: Arc::new(Nothing),
            starter: None,
            changed: watch::Sender::new(0),
            announced: watch::Sender::default(),
        };
        Self {
            servers: Mutex::default(),
            ground: Arc::new(ground),
        }
    }

    /// The same, with more for the environment of processes. For a fleet that has no server yet.
    pub fn with_extra(mut self, extra: Arc<dyn Extra>) -> Self {
        Arc::make_mut(&mut self.ground).extra = extra;
        self
    }

    /// The same, with tokens of the gateway's own. For a fleet that has no server yet.
    pub fn with_tokens(mut self, tokens: Arc<dyn OwnTokens>) -> Self {
        Arc::make_mut(&mut self.ground).tokens = tokens;
        self
    }

    /// The same, in a program that is not the gateway itself: programs are started by this file, which is. For a fleet
    /// that has no server yet.
    pub fn started_by(mut self, gateway: PathBuf) -> Self {
        Arc::make_mut(&mut self.ground).starter = Some(gateway);
        self
    }

    /// Puts these in place of those there were. What is the same is kept, with its connections, and judged anew. Waits
    /// for nobody: connections are made from here on, and those of servers that are gone end with their last call.
    pub fn settle(&self, specs: Vec<Spec>) {
        let mut servers = self.lock();
        let were: Vec<Arc<str>> = servers.keys().cloned().collect();
        let settled: BTreeMap<Arc<str>, Arc<Server>> = specs
            .into_iter()
            .map(|spec| {
                let name = spec.name.clone();
                let kept = servers.get(&name).filter(|server| *server.spec() == spec);
                let new = || Arc::new(Server::new(spec, self.ground.clone()));
                (name, kept.cloned().unwrap_or_else(new))
            })
            .collect();
        for gone in were.iter().filter(|name| !settled.contains_key(*name)) {
            self.ground.ledger.metrics().forget_server(gone);
            self.ground.pins.forget(gone);
        }
        let mut is_less = false;
        for (name, old) in &*servers {
            if settled.get(name).is_some_and(|new| Arc::ptr_eq(new, old)) {
                // The file of approvals may be another since.
                old.recheck_soon();
            } else {
                is_less = true;
                old.retire();
            }
        }
        *servers = settled;
        drop(servers);
        if is_less {
            self.ground.changed.send_modify(|changes| *changes += 1);
        }
    }

    /// All of them, by name.
    pub fn servers(&self) -> Vec<Arc<Server>> {
        self.lock().values().cloned().collect()
    }

    /// The server of this name.
    pub fn server(&self, name: &str) -> Option<Arc<Server>> {
        self.lock().get(name).cloned()
    }

    /// Judges anew what a server lists, after approvals changed. Takes its time, as [`Pins::judge`] does.
    pub fn recheck(&self, server: &str) {
        if let Some(server) = self.server(server) {
            server.recheck();
        }
    }

    /// Sets the gauges that are read when metrics are asked for.
    pub fn gauges(&self) {
        let gauge = &self.ground.ledger.metrics().upstream_mcp_connections;
        // Locked until they are set, or a server that goes meanwhile would be shown for ever.
        let servers = self.lock();
        for server in servers.values() {
            let replicas = server.standing().replicas;
            for state in ["connecting", "ready", "failing"] {
                let count = replicas.iter().filter(|it| it.state == state).count();
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                gauge
                    .with_label_values(&[&*server.spec().name, state])
                    .set(count);
            }
        }
    }

    /// The approvals.
    pub fn pins(&self) -> &Arc<Pins> {
        &self.ground.pins
    }

    /// Told whenever something else is offered.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.ground.changed.subscribe()
    }

    /// Waits until some server says that this list is another, since this was asked last. For one who listens.
    pub async fn announced(&self, list: fn(&mut Announced) -> &mut bool) {
        let mut announced = self.ground.announced.subscribe();
        // The fleet has the sender, so it does not close before this ends.
        let _ = announced
            .wait_for(|announced| *list(&mut announced.clone()))
            .await;
        self.ground.announced.send_if_modified(|announced| {
            *list(announced) = false;
            false
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Server>>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
