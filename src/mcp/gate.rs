//! What every MCP request shares: the present configuration, and what outlives it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::{Settings, handle::Handles};
use crate::{access::Access, limit::PerCaller, telemetry::Ledger, tools::Toolbox};

/// One configuration, wired. A call keeps the one it began with.
#[derive(Debug)]
pub struct Offer {
    /// Who may call.
    pub access: Arc<Access>,
    /// How much each may use.
    pub limits: Arc<PerCaller>,
    /// The tools.
    pub toolbox: Arc<Toolbox>,
    /// How MCP is served.
    pub settings: Settings,
}

/// Where MCP requests meet the present configuration.
#[derive(Debug)]
pub struct Gate {
    offer: ArcSwap<Offer>,
    /// Where records go.
    pub ledger: Arc<Ledger>,
    /// Who goes on with which conversation, where there are no sessions.
    pub(super) handles: Handles,
    /// Cancelled when sessions and streams must end.
    pub closing: CancellationToken,
}

impl Gate {
    /// A gate with its first configuration.
    pub fn new(offer: Offer, ledger: Arc<Ledger>, closing: CancellationToken) -> Self {
        Self {
            offer: ArcSwap::from_pointee(offer),
            ledger,
            handles: Handles::new(),
            closing,
        }
    }

    /// The present configuration.
    pub fn offer(&self) -> Arc<Offer> {
        self.offer.load_full()
    }

    /// Puts another configuration in place; running calls end on theirs.
    pub fn put(&self, offer: Offer) {
        self.offer.store(Arc::new(offer));
    }
}
