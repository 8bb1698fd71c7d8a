//! The signals that end the program.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The signals that end the serving. Heard from the start, so that an early one drains as well.
pub(super) struct Ends {
    term: Signal,
    interrupt: Signal,
}

impl Ends {
    pub(super) fn hear() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn asked(&mut self, stop: &CancellationToken) {
        tokio::select! {
            _ = self.term.recv() => tracing::info!("SIGTERM: draining"),
            _ = self.interrupt.recv() => tracing::info!("SIGINT: draining"),
            () = stop.cancelled() => {}
        }
    }
}
