//! What every MCP request shares: the present configuration, and what outlives it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Settings;
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
    /// Cancelled when sessions and streams must end.
    pub closing: CancellationToken,
    /// Told after each reload.
    reloaded: watch::Sender<()>,
}

impl Gate {
    /// A gate with its first configuration.
    pub fn new(offer: Offer, ledger: Arc<Ledger>, closing: CancellationToken) -> Self {
        Self {
            offer: ArcSwap::from_pointee(offer),
            ledger,
            closing,
            reloaded: watch::Sender::new(()),
        }
    }

    /// The present configuration.
    pub fn offer(&self) -> Arc<Offer> {
        self.offer.load_full()
    }

    /// Puts another configuration in place; running calls end on theirs.
    pub fn put(&self, offer: Offer) {
        self.offer.store(Arc::new(offer));
        self.reloaded.send_replace(());
    }

    /// Hears of reloads from now on.
    pub fn reloads(&self) -> watch::Receiver<()> {
        self.reloaded.subscribe()
    }
}
