//! What is served is renewed: by another configuration when its file changes, by other tools when servers offer them.
//!
//! One after the other, so that neither undoes the other, and each on a thread of its own: reading and compiling take as
//! long as they take, and whoever is served, and whoever asks for the end, waits for none of it.

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch as news},
    task::spawn_blocking,
    time::sleep,
};

use super::{
    Failed, Memory, Wired,
    federate::Servers,
    papers::{Papers, needs_restart},
};
use crate::config::{File, watch};

/// How long to wait for more changes after one: servers that start together are put in place together.
const QUIET: Duration = Duration::from_millis(50);

/// Changes of the configuration, where there is a file.
pub(super) type Changes = Option<(mpsc::Receiver<()>, watch::Guard)>;

/// What serves, as far as it can be renewed.
pub(super) trait Serving: Send + Sync + 'static {
    /// Sees what was written before it is judged.
    fn amend(&self, file: &mut File);

    /// Puts another configuration in place. `generation` counts them from 1.
    fn put(&self, memory: &Memory, wired: Wired, generation: u64);

    /// Puts what servers offer now in place.
    fn put_servers(&self, servers: Servers);
}

/// What renewing takes.
pub(super) struct Renewal<S> {
    pub(super) papers: Papers,
    pub(super) memory: Arc<Memory>,
    /// The configuration of the start.
    pub(super) first: File,
    pub(super) serving: S,
}

impl<S: Serving> Renewal<S> {
    /// Renews what is served whenever there is something else. A bad configuration is reported and changes nothing.
    pub(super) async fn run(self, changes: Changes) -> Infallible {
        let renewal = Arc::new(self);
        let (mut changes, _guard) = changes.unzip();
        let mut offers = renewal.memory.fleet.changes();
        if !renewal.memory.fleet.servers().is_empty() {
            // Something may have been offered before anybody followed.
            offers.mark_changed();
        }
        let mut generation = 1;
        loop {
            tokio::select! {
                () = changed(&mut changes) => generation = renewal.clone().reload(generation).await,
                () = offered(&mut offers) => {
                    sleep(QUIET).await;
                    offers.mark_unchanged();
                    let renewal = renewal.clone();
                    apart(move || renewal.put_servers()).await;
                }
            }
        }
    }

    /// Reads the configuration again, and puts it in place if it is good. Gives the generation there is then.
    async fn reload(self: Arc<Self>, generation: u64) -> u64 {
        let reloads = self.memory.ledger.metrics().config_reloads.clone();
        let next = generation.saturating_add(1);
        let taken = match apart(move || self.put(next)).await {
            Some(Ok(())) => {
                tracing::info!(generation = next, "the configuration was reloaded");
                true
            }
            Some(Err(failed)) => {
                tracing::error!(problems = %failed, "the changed configuration is refused; the old one stays");
                false
            }
            None => false,
        };
        let result = if taken { "ok" } else { "refused" };
        reloads.with_label_values(&[result]).inc();
        if taken { next } else { generation }
    }

    fn put(&self, generation: u64) -> Result<(), Failed> {
        let (file, wired) = self.papers.read(|file| {
            needs_restart(&self.first, file);
            self.serving.amend(file);
        })?;
        // A file cut short while it was written is a good file without providers; nobody means that.
        if file.providers.is_empty() && !self.first.providers.is_empty() {
            return Err(Failed::Emptied(self.papers.source.name()));
        }
        self.serving.put(&self.memory, wired, generation);
        self.memory.forget_unused();
        Ok(())
    }

    fn put_servers(&self) {
        let servers = self.memory.entries.servers(&self.memory.fleet);
        self.serving.put_servers(servers);
    }
}

/// Waits until the configuration is another; without a file for ever.
async fn changed(changes: &mut Option<mpsc::Receiver<()>>) {
    let Some(changes) = changes else {
        return pending().await;
    };
    if changes.recv().await.is_none() {
        pending().await
    }
}

/// Waits until a server offers something else.
async fn offered(offers: &mut news::Receiver<u64>) {
    if offers.changed().await.is_err() {
        pending().await
    }
}

/// Does this on a thread of its own. A panic there costs what was to be put in place, and nothing that is.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    spawn_blocking(work)
        .await
        .inspect_err(|error| {
            tracing::error!(%error, "what is served could not be renewed: this is a bug of the gateway");
        })
        .ok()
}
