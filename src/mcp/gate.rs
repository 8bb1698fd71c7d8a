//! What every MCP request shares: the present configuration, and what outlives it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Library, Settings, changes::Listeners, state::Sealer, tasks::Board};
use crate::{
    access::{Access, Caller},
    limit::PerCaller,
    telemetry::Ledger,
    tools::{Listing, Toolbox},
};

/// One configuration, wired. A call keeps the one it began with.
#[derive(Debug)]
pub struct Offer {
    /// Who may call.
    pub access: Arc<Access>,
    /// How much each may use.
    pub limits: Arc<PerCaller>,
    /// The tools.
    pub toolbox: Arc<Toolbox>,
    /// Prompts and resources.
    pub library: Arc<Library>,
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
    /// Seals what clients carry between two requests.
    pub(super) sealer: Sealer,
    /// The tasks there are.
    pub(super) tasks: Board,
    /// Cancelled when nothing new should begin, and what only waits should end.
    pub draining: CancellationToken,
    pub(super) listeners: Arc<Listeners>,
    reloads: watch::Sender<u64>,
}

impl Gate {
    /// A gate with its first configuration.
    pub fn new(offer: Offer, ledger: Arc<Ledger>, closing: CancellationToken) -> Self {
        Self {
            offer: ArcSwap::from_pointee(offer),
            ledger,
            sealer: Sealer::new(),
            tasks: Board::new(closing.clone()),
            closing,
            draining: CancellationToken::new(),
            listeners: Arc::default(),
            reloads: watch::Sender::new(0),
        }
    }

    /// The present configuration.
    pub fn offer(&self) -> Arc<Offer> {
        self.offer.load_full()
    }

    /// Puts another configuration in place; running calls end on theirs. Tells those that listen what changed.
    pub fn put(&self, offer: Offer) {
        let now = Arc::new(offer);
        let before = self.offer.swap(now.clone());
        self.listeners.compare(&before, &now);
        self.reloads.send_modify(|count| *count += 1);
    }

    /// Tells those that listen that a list is another now.
    pub fn changed(&self, listing: Listing) {
        self.listeners.changed(listing);
    }

    /// Waits until this caller's key is in no configuration any more.
    pub(super) async fn until_gone(&self, caller: &Caller) {
        let mut reloads = self.reloads.subscribe();
        while self.offer().access.renew(caller).is_some() {
            if reloads.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Hears of reloads from now on.
    pub fn reloads(&self) -> watch::Receiver<u64> {
        self.reloads.subscribe()
    }
}
