//! Wires the rooms: from a configuration to a face that serves, and from one configuration to the next.
//!
//! [`Memory`] is what outlives a reload: connections, limits, metrics, recent records. It is made once and lent
//! to each configuration.

mod ends;
mod federate;
mod load;
mod loopback;
mod material;
mod own_tokens;
mod pages;
mod papers;
mod process;
mod renewal;
mod run;
mod stdio;
mod wire;

use federate::Entries;
pub use load::{Good, load};
use own_tokens::Brokered;
pub use papers::Failed;
pub use run::{Options, Started, run};
pub use stdio::stdio;
pub use wire::{Issuers, Wired, wire};

use std::{
    collections::HashMap,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    access::Mint,
    config::File,
    federation::{Fleet, Pins},
    health::Health,
    http::Face,
    identity::Verifier,
    limit::{self, PerCaller},
    mcp::Offer,
    relay::Desk,
    schema::Schemas,
    telemetry::{AccessLog, Ledger},
    tools::{self, Toolbox},
    upstream::{Upstream, guarded::Guarded},
};

/// Targets nobody has asked for so long are forgotten at the next reload.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// How long the access log may take to be written to its end.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// What outlives a reload.
#[derive(Debug)]
pub struct Memory {
    /// Where receipts go.
    pub ledger: Arc<Ledger>,
    upstream: Arc<Upstream>,
    limits: limit::Registry,
    holders: Arc<limit::Holders>,
    /// What judges tokens by these settings. It knows issuers' keys and tokens it has judged.
    verifier: Mutex<Option<(Issuers, Arc<Verifier>)>>,
    health: Arc<Health>,
    schemas: Arc<Schemas>,
    tools: Arc<tools::Memory>,
    fleet: Arc<Fleet>,
    entries: Arc<Entries>,
    web: Arc<Guarded>,
    mint: Arc<Mint>,
}

impl Memory {
    /// An empty memory. Log lines go to `output` where the configuration wants them.
    pub fn new(file: &File, output: Box<dyn Write + Send>) -> Self {
        let output = (file.telemetry.log == AccessLog::Json).then_some(output);
        let ledger = Ledger::start(output);
        if let Ok(memory) = process::ResidentMemory::new() {
            ledger.metrics().join(memory);
        }
        let web: Arc<Guarded> = Arc::default();
        let mint: Arc<Mint> = Arc::default();
        let pins = Pins::open(Some(file.mcp.pins.clone().into()));
        let tools = Arc::new(tools::Memory::new(web.clone(), mint.clone()));
        let entries: Arc<Entries> = Arc::default();
        let tokens = Brokered {
            broker: tools.broker.clone(),
            servers: entries.clone(),
        };
        let fleet = Fleet::new(pins, web.clone(), ledger.clone());
        let fleet = fleet.with_tokens(Arc::new(tokens));
        let fleet = fleet.with_extra(tools.slots().clone());
        Self {
            entries,
            fleet: Arc::new(fleet),
            tools,
            web,
            mint,
            ledger,
            upstream: Arc::new(Upstream::new(file.upstream.clone())),
            limits: limit::Registry::default(),
            holders: Arc::default(),
            verifier: Mutex::default(),
            health: Arc::new(Health::new()),
            schemas: Arc::default(),
        }
    }

    /// Both faces of this configuration on this memory. `generation` counts configurations from 1.
    pub fn faces(&self, wired: Wired, generation: u64) -> (Face, Offer) {
        let now = Instant::now();
        let limits: HashMap<_, _> = wired
            .access
            .callers()
            .map(|caller| {
                let limits = self
                    .limits
                    .limits(&caller.name, caller.rpm, caller.tpm, now);
                (caller.name.clone(), limits)
            })
            .collect();
        let desk = Desk::new(
            wired.router,
            wired.rules,
            self.upstream.clone(),
            self.health.clone(),
            self.schemas.clone(),
        );
        let desk = Arc::new(desk);
        self.tools.slots().lend_to(wired.lends);
        self.entries.settle(&self.fleet, wired.servers);
        let servers = self.entries.servers(&self.fleet);
        let mut access = wired.access.with_mint(self.mint.clone());
        access = access.with_clients(wired.clients);
        let mut limits = PerCaller::new(limits);
        if let Some(issuers) = wired.issuers {
            let settings = issuers.settings.clone();
            limits = limits.with_holders(self.holders.clone(), (settings.rpm, settings.tpm));
            access = access.with_tokens(self.verifier(issuers), settings);
        }
        let (access, limits) = (Arc::new(access), Arc::new(limits));
        let toolbox = Toolbox::new(
            servers.tools_behind(wired.tools),
            desk.clone(),
            self.ledger.clone(),
            self.tools.clone(),
        );
        let toolbox = Arc::new(toolbox.with_rule(wired.mcp.untrusted));
        let offer = Offer {
            access: access.clone(),
            limits: limits.clone(),
            toolbox: toolbox.clone(),
            library: Arc::new(servers.library(&wired.library)),
            settings: wired.mcp,
        };
        let face = Face {
            access,
            limits,
            desk,
            toolbox,
            fleet: self.fleet.clone(),
            settings: wired.server,
            admin_key: wired.admin_key,
            generation,
        };
        (face, offer)
    }

    /// What judges tokens by these settings: the same as before while they stay. Otherwise it knows what the one before
    /// knew of issuers that stay, so that a reload while one is down locks nobody out.
    fn verifier(&self, issuers: Issuers) -> Arc<Verifier> {
        let mut kept = self.verifier.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || issuers.verifier(self.web.clone(), self.ledger.clone());
        let verifier = match &*kept {
            Some((known, verifier)) if *known == issuers => return verifier.clone(),
            Some((_, before)) => made().after(before),
            None => made(),
        };
        let verifier = Arc::new(verifier);
        *kept = Some((issuers, verifier.clone()));
        verifier
    }

    /// Tells where tool servers of this machine find the models: a URL that ends in `/v1`.
    fn models_at(&self, base: &str) {
        self.tools.slots().serve_at(base);
    }

    /// Forgets what no configuration uses any more.
    pub fn forget_unused(&self) {
        self.limits.forget_unused();
        self.holders.forget_unused(Instant::now());
        self.health.forget_idle(Instant::now(), FORGOTTEN);
    }
}
