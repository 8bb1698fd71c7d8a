//! What every handler shares: the present configuration, and what outlives it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::Settings;
use crate::{
    access::Access, limit::PerCaller, relay::Desk, secret::Secret, telemetry::Ledger,
    tools::Toolbox,
};

/// One configuration, wired. A request keeps the one it began with.
#[derive(Clone, Debug)]
pub struct Face {
    /// Who may call.
    pub access: Arc<Access>,
    /// How much each may use.
    pub limits: Arc<PerCaller>,
    /// What completions need.
    pub desk: Arc<Desk>,
    /// The tools, for operators to look at and to ask where a call would go.
    pub toolbox: Arc<Toolbox>,
    /// How callers are served.
    pub settings: Settings,
    /// The key of the admin listener.
    pub admin_key: Option<Secret>,
    /// Counts configurations from 1.
    pub generation: u64,
}

/// Where requests meet the present configuration.
#[derive(Debug)]
pub struct Hall {
    face: ArcSwap<Face>,
    /// Where receipts go.
    pub ledger: Arc<Ledger>,
    /// Cancelled when streams must end.
    pub closing: CancellationToken,
    draining: AtomicBool,
}

impl Hall {
    /// A hall with its first configuration.
    pub fn new(face: Face, ledger: Arc<Ledger>) -> Self {
        let hall = Self {
            face: ArcSwap::from_pointee(face),
            ledger,
            closing: CancellationToken::new(),
            draining: AtomicBool::new(false),
        };
        hall.count_generation();
        hall
    }

    /// The present configuration.
    pub fn face(&self) -> Arc<Face> {
        self.face.load_full()
    }

    /// Puts another configuration in place; running requests end on theirs.
    pub fn put(&self, face: Face) {
        self.face.store(Arc::new(face));
        self.count_generation();
    }

    /// Says that no new requests should come.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether no new requests should come.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn count_generation(&self) {
        let generation = i64::try_from(self.face().generation).unwrap_or(i64::MAX);
        self.ledger.metrics().config_generation.set(generation);
    }
}
