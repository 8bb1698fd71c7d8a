//! MCP over standard input and output, for one client on this machine.

use std::{io, sync::Arc};

use tokio::io::BufReader;
use tokio_util::sync::CancellationToken;

use super::{
    Failed, Memory,
    ends::Ends,
    federate,
    loopback::Loopback,
    papers::{Papers, reload},
};
use crate::{
    config::{Source, watch},
    mcp::{Ended, Gate, Guest, stdio as serve},
};

/// Serves MCP on standard input and output until the input ends, or SIGTERM or SIGINT. `key` says who is calling, where
/// the configuration has keys. Everything that is told goes to standard error: standard output is the protocol's.
pub async fn stdio(source: Source, key: Option<String>, colour: bool) -> Result<(), Failed> {
    // Before reading, so that no change is lost in between.
    let changes = match source.path() {
        Some(path) => Some(watch::watch(path).map_err(Failed::Signals)?),
        None => None,
    };
    let mut ends = Ends::hear().map_err(Failed::Signals)?;
    let papers = Papers {
        source,
        overrides: (None, None),
        colour,
    };
    let (file, wired) = papers.read(|_| ())?;
    let memory = Memory::new(&file, Box::new(io::stderr()));
    let stop = CancellationToken::new();
    let loopback = Loopback::new(&stop);
    let (_, offer) = loopback.faces(&memory, wired, 1);
    let guest = Guest::with_key(&offer, key.as_deref())?;
    let gate = Gate::new(offer, memory.ledger.clone(), CancellationToken::new());
    let gate = Arc::new(gate);
    let signals = async {
        ends.asked(&stop).await;
        gate.draining.cancel();
        std::future::pending().await
    };
    let put = |wired, generation| gate.put(loopback.faces(&memory, wired, generation).1);
    let reloads = reload(&papers, &memory, &file, changes, |_| (), put);
    let put_servers = |servers: federate::Servers| gate.put(servers.beside(&gate.offer()));
    let federated = federate::follow(&memory, put_servers, |listing| gate.changed(listing));
    let streams = (BufReader::new(tokio::io::stdin()), tokio::io::stdout());
    let serving = serve(gate.clone(), guest, streams, file.server.drain.get());
    let ended = tokio::select! {
        ended = serving => ended,
        never = signals => never,
        never = reloads => match never {},
        never = federated => match never {},
    };
    memory.ledger.finish(super::LOG_PATIENCE);
    match ended {
        Ended::Well => Ok(()),
        Ended::Unbegun => Err(Failed::Unbegun),
        Ended::Unwelcome => Err(Failed::Withdrawn),
    }
}
