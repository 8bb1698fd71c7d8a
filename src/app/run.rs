//! Serving: listeners, reloads, signals, the end.

use std::{io::Write, net::SocketAddr, sync::Arc};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{
    Failed, Memory,
    ends::Ends,
    federate,
    loopback::{Loopback, base_url},
    papers::{Papers, reload},
    wire::is_loopback,
};
use crate::{
    config::{File, Source, watch},
    http::{Annex, Face, Hall, Listener, admin_router, public_router, serve},
    mcp::{Endpoint, Gate},
    store::Store,
};

/// What is served, and how it is told.
pub struct Options {
    /// Where the configuration comes from.
    pub source: Source,
    /// Instead of the configuration's public listener.
    pub listen: Option<String>,
    /// Instead of the configuration's admin listener.
    pub admin_listen: Option<String>,
    /// Where the access log goes.
    pub output: Box<dyn Write + Send>,
    /// Whether diagnostics may be coloured.
    pub colour: bool,
    /// Called once both listeners are bound, with the hall.
    pub ready: Box<dyn FnOnce(Started) + Send>,
    /// Ends the serving, as SIGTERM does.
    pub stop: CancellationToken,
}

/// A gateway that serves.
pub struct Started {
    /// What handlers share.
    pub hall: Arc<Hall>,
    /// Where callers are served.
    pub public: SocketAddr,
    /// Where operators are served.
    pub admin: SocketAddr,
}

/// Serves until SIGTERM, SIGINT or `stop`, and drains.
pub async fn run(options: Options) -> Result<(), Failed> {
    // Before reading, so that no change is lost in between.
    let changes = match options.source.path() {
        Some(path) => Some(watch::watch(path).map_err(Failed::Signals)?),
        None => None,
    };
    // Unheard, a hangup ends the process. The demo has a terminal, and should end with it.
    let hangups = match options.source {
        Source::Environment => Some(signal(SignalKind::hangup()).map_err(Failed::Signals)?),
        Source::File(_) | Source::Embedded(..) => None,
    };
    let mut ends = Ends::hear().map_err(Failed::Signals)?;
    let overrides = (options.listen, options.admin_listen);
    let papers = Papers {
        source: options.source,
        overrides,
        colour: options.colour,
    };
    let (file, wired) = papers.read(|_| ())?;
    let memory = Memory::new(&file, options.output);
    let tls = wired.tls.clone();
    let unbound = |address: &str, error| Failed::Bind(address.to_owned(), error);
    let server = &file.server;
    let public = Listener::bind(&server.listen, tls.clone())
        .await
        .map_err(|error| unbound(&server.listen, error))?;
    let address = |listener: &Listener| {
        listener
            .address()
            .map_err(|error| unbound("the bound socket", error))
    };
    // Cancelled when everything else has ended.
    let last = CancellationToken::new();
    let loopback = tls.is_some().then(|| Loopback::new(&last));
    if loopback.is_none() {
        // Tool servers start with the first configuration, and are told then where the models are.
        memory.models_at(&base_url(address(&public)?));
    }
    let faces = |wired, generation| match &loopback {
        Some(loopback) => loopback.faces(&memory, wired, generation),
        None => memory.faces(wired, generation),
    };
    let (face, offer) = faces(wired, 1);
    let hall = Arc::new(Hall::new(face, memory.ledger.clone()));
    let gate = Gate::new(offer, memory.ledger.clone(), hall.closing.clone());
    let gate = Arc::new(gate);
    let store = file.store.path.as_deref().map(Store::open).transpose()?;
    let endpoint = Endpoint::new(gate.clone(), store.map(Arc::new));

    let admin = Listener::bind(&server.admin_listen, None)
        .await
        .map_err(|error| unbound(&server.admin_listen, error))?;
    let started = Started {
        hall: hall.clone(),
        public: address(&public)?,
        admin: address(&admin)?,
    };
    let bound = (started.public, started.admin);
    tracing::info!(public = %started.public, admin = %started.admin, config = papers.source.name(), "waypost serves");
    (options.ready)(started);

    let stop = options.stop;
    let public = serve(
        public,
        public_router(hall.clone(), Some(annex(endpoint))),
        hall.clone(),
        file.server.clone(),
        stop.clone(),
    );
    let admin = tokio::spawn(serve(
        admin,
        admin_router(hall.clone()),
        hall.clone(),
        file.server.clone(),
        last.clone(),
    ));
    let signals = {
        let (hall, gate) = (hall.clone(), gate.clone());
        async move {
            ends.asked(&stop).await;
            // Readiness goes first: load balancers should look elsewhere before the listener is gone.
            hall.drain();
            gate.draining.cancel();
            stop.cancel();
        }
    };
    let drained = gate.drained(file.server.drain.get());
    // The listeners stay where they were put first, so the loopback rule is judged by where they are, whatever a
    // new configuration says.
    let amend = |file: &mut File| {
        stay(&mut file.server.listen, bound.0);
        stay(&mut file.server.admin_listen, bound.1);
    };
    let put = |wired, generation| {
        let (face, offer) = faces(wired, generation);
        hall.put(face);
        gate.put(offer);
    };
    let reloads = reload(&papers, &memory, &file, changes, amend, put);
    let put_servers = |servers: federate::Servers| {
        let offer = servers.beside(&gate.offer());
        let toolbox = offer.toolbox.clone();
        hall.put(Face {
            toolbox,
            ..(*hall.face()).clone()
        });
        gate.put(offer);
    };
    let federated = federate::follow(&memory, put_servers, |listing| gate.changed(listing));
    tokio::select! {
        ((), (), ()) = async { tokio::join!(signals, public, drained) } => {}
        never = reloads => match never {},
        never = federated => match never {},
        never = nothing_to_reload(hangups) => match never {},
    }
    last.cancel();
    let _ = admin.await;
    hall.ledger.finish(super::LOG_PATIENCE);
    tracing::info!("waypost has drained and ends");
    Ok(())
}

/// `/mcp` on the public listener.
fn annex(endpoint: Endpoint) -> Annex {
    let endpoint = Arc::new(endpoint);
    Annex {
        path: "/mcp",
        answer: Arc::new(move |request| {
            let endpoint = endpoint.clone();
            Box::pin(async move { endpoint.answer(request).await })
        }),
    }
}

/// Answers hangups where there is no file.
async fn nothing_to_reload(hangups: Option<Signal>) -> std::convert::Infallible {
    if let Some(mut hangups) = hangups {
        while hangups.recv().await.is_some() {
            tracing::info!("SIGHUP: nothing to reload, the configuration is no file");
        }
    }
    std::future::pending().await
}

/// Puts the address a listener has in place of the one it shall have after a restart. What is no address
/// stays, to be refused.
fn stay(written: &mut String, bound: SocketAddr) {
    if is_loopback(written).is_some() {
        *written = bound.to_string();
    }
}
