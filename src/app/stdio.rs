//! MCP over standard input and output, for one client on this machine.

use std::{io, sync::Arc};

use tokio::io::BufReader;
use tokio_util::sync::CancellationToken;

use super::{
    Failed, Memory, Wired,
    ends::Ends,
    federate::{self, Servers},
    loopback::Loopback,
    papers::Papers,
    renewal::{Renewal, Serving},
};
use crate::{
    config::{File, Source, watch},
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
    let memory = Arc::new(Memory::new(&file, Box::new(io::stderr())));
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
    let told = federate::tell(&memory.fleet, |listing| gate.changed(listing));
    let drain = file.server.drain.get();
    let renewal = Renewal {
        papers,
        memory: memory.clone(),
        first: file,
        serving: Line {
            gate: gate.clone(),
            loopback,
        },
    };
    let streams = (BufReader::new(tokio::io::stdin()), tokio::io::stdout());
    let serving = serve(gate.clone(), guest, streams, drain);
    let ended = tokio::select! {
        ended = serving => ended,
        never = signals => never,
        never = renewal.run(changes) => match never {},
        never = told => match never {},
    };
    memory.ledger.finish(super::LOG_PATIENCE);
    match ended {
        Ended::Well => Ok(()),
        Ended::Unbegun => Err(Failed::Unbegun),
        Ended::Unwelcome => Err(Failed::Withdrawn),
    }
}

/// The one client's line.
struct Line {
    gate: Arc<Gate>,
    loopback: Loopback,
}

impl Serving for Line {
    /// There is no listener that stays.
    fn amend(&self, _: &mut File) {}

    fn put(&self, memory: &Memory, wired: Wired, generation: u64) {
        self.gate
            .put(self.loopback.faces(memory, wired, generation).1);
    }

    fn put_servers(&self, servers: Servers) {
        self.gate.put(servers.beside(&self.gate.offer()));
    }
}
