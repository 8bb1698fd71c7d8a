//! Wires the rooms: from a configuration to a face that serves, and from one configuration to the next.
//!
//! [`Memory`] is what outlives a reload: connections, limits, metrics, recent records. It is made once and lent
//! to each configuration.

mod ends;
mod load;
mod loopback;
mod material;
mod pages;
mod papers;
mod process;
mod run;
mod stdio;
mod wire;

pub use load::{Good, load};
pub use papers::Failed;
pub use run::{Options, Started, run};
pub use stdio::stdio;
pub use wire::{Wired, wire};

use std::{collections::HashMap, io::Write, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    access::Mint,
    config::File,
    federation::{Fleet, Pins},
    health::Health,
    http::Face,
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
    health: Arc<Health>,
    schemas: Arc<Schemas>,
    tools: Arc<tools::Memory>,
    fleet: Arc<Fleet>,
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
        let tools = tools::Memory::new(web.clone(), mint.clone());
        let fleet = Fleet::new(pins, web.clone(), ledger.clone());
        Self {
            fleet: Arc::new(fleet.with_extra(tools.slots().clone())),
            tools: Arc::new(tools),
            web,
            mint,
            ledger,
            upstream: Arc::new(Upstream::new(file.upstream.clone())),
            limits: limit::Registry::default(),
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
            .filter(|caller| caller.rpm.is_some() || caller.tpm.is_some())
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
        self.fleet.settle(wired.servers);
        let access = wired.access.with_mint(self.mint.clone());
        let access = Arc::new(access.with_clients(wired.clients));
        let limits = Arc::new(PerCaller::new(limits));
        let toolbox = Arc::new(Toolbox::new(
            wired.tools,
            desk.clone(),
            self.ledger.clone(),
            self.tools.clone(),
        ));
        let offer = Offer {
            access: access.clone(),
            limits: limits.clone(),
            toolbox: toolbox.clone(),
            library: Arc::new(wired.library),
            settings: wired.mcp,
        };
        let face = Face {
            access,
            limits,
            desk,
            toolbox,
            settings: wired.server,
            admin_key: wired.admin_key,
            generation,
        };
        (face, offer)
    }

    /// Tells where tool servers of this machine find the models: a URL that ends in `/v1`.
    fn models_at(&self, base: &str) {
        self.tools.slots().serve_at(base);
    }

    /// Forgets what no configuration uses any more.
    pub fn forget_unused(&self) {
        self.limits.forget_unused();
        self.health.forget_idle(Instant::now(), FORGOTTEN);
    }
}
