//! What every MCP request shares: the present configuration, and what outlives it.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Library, Settings, changes::Listeners, handle::Handles, round::Sealer, tasks::Board,
    websocket::Seats,
};
use crate::{
    access::{Access, Caller},
    limit::PerCaller,
    telemetry::Ledger,
    tools::{Listing, Toolbox},
};

/// One configuration, wired. A call keeps the one it began with.
#[derive(Clone, Debug)]
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

/// How long connections may take to say that they end.
const LAST_WORDS: Duration = Duration::from_secs(2);

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
    /// Seals what clients carry between two requests.
    pub(super) sealer: Sealer,
    /// The tasks there are.
    pub(super) tasks: Board,
    /// Cancelled when nothing new should begin, and what only waits should end.
    pub draining: CancellationToken,
    pub(super) listeners: Arc<Listeners>,
    pub(super) seats: Arc<Seats>,
    /// The connections over WebSocket.
    pub(super) connections: TaskTracker,
    /// Told after each reload.
    reloaded: watch::Sender<()>,
}

impl Gate {
    /// A gate with its first configuration.
    pub fn new(offer: Offer, ledger: Arc<Ledger>, closing: CancellationToken) -> Self {
        Self {
            offer: ArcSwap::from_pointee(offer),
            ledger,
            sealer: Sealer::new(),
            tasks: Board::new(closing.clone()),
            handles: Handles::new(),
            closing,
            draining: CancellationToken::new(),
            listeners: Arc::default(),
            seats: Arc::default(),
            connections: TaskTracker::new(),
            reloaded: watch::Sender::new(()),
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
        self.reloaded.send_replace(());
    }

    /// Waits, once draining has begun, until connections over WebSocket have ended: for `drain` by themselves, then
    /// briefly for those that are told to.
    pub async fn drained(&self, drain: Duration) {
        self.draining.cancelled().await;
        self.connections.close();
        if timeout(drain, self.connections.wait()).await.is_err() {
            self.closing.cancel();
            let _ = timeout(LAST_WORDS, self.connections.wait()).await;
        }
    }

    /// Hears of reloads from now on.
    pub fn reloads(&self) -> watch::Receiver<()> {
        self.reloaded.subscribe()
    }

    /// Tells those that listen that a list is another now.
    pub fn changed(&self, listing: Listing) {
        self.listeners.changed(listing);
    }

    /// Waits until this caller's key is in no configuration any more, or their token is over.
    pub(super) async fn until_gone(&self, caller: &Caller) {
        let mut reloads = self.reloads();
        while self.offer().access.renew(caller).is_some() {
            if !self.until_news(&mut reloads, caller).await {
                return std::future::pending().await;
            }
        }
    }

    /// Waits until somebody should look again whether this caller is still let in. False where nothing will change.
    pub(super) async fn until_news(
        &self,
        reloads: &mut watch::Receiver<()>,
        caller: &Caller,
    ) -> bool {
        let Some(left) = self.offer().access.left(caller) else {
            return reloads.changed().await.is_ok();
        };
        tokio::select! {
            changed = reloads.changed() => changed.is_ok(),
            () = sleep(left.min(LONGEST_WAIT)) => true,
        }
    }
}

/// The longest a token's end is waited for at once: clocks on the wall are set, and machines sleep.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
