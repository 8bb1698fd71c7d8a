//! Serving: listeners, reloads, signals, the end.

use std::{io::Write, net::SocketAddr, sync::Arc};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinError,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    Failed, Memory, Wired,
    ends::Ends,
    federate::{self, Servers},
    loopback::{Loopback, base_url},
    papers::Papers,
    renewal::{Renewal, Serving},
    wire::is_loopback,
};
use crate::{
    config::{File, Source, watch},
    http::{Annex, Face, Hall, Listener, admin_router, public_router, serve},
    mcp::{Endpoint, Gate, Offer},
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
    let memory = Arc::new(Memory::new(&file, options.output));
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
    let (face, offer) = faces(loopback.as_ref(), &memory, wired, 1);
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
    let public = AbortOnDropHandle::new(tokio::spawn(serve(
        public,
        public_router(hall.clone(), Some(annex(endpoint))),
        hall.clone(),
        file.server.clone(),
        stop.clone(),
    )));
    let admin = AbortOnDropHandle::new(tokio::spawn(serve(
        admin,
        admin_router(hall.clone()),
        hall.clone(),
        file.server.clone(),
        last.clone(),
    )));
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
    let told = federate::tell(&memory.fleet, |listing| gate.changed(listing));
    let renewal = Renewal {
        papers,
        memory: memory.clone(),
        first: file,
        serving: House {
            hall: hall.clone(),
            gate: gate.clone(),
            loopback,
            bound,
        },
    };
    tokio::select! {
        ((), (), ()) = async { tokio::join!(signals, ended(public), drained) } => {}
        never = renewal.run(changes) => match never {},
        never = told => match never {},
        never = nothing_to_reload(hangups) => match never {},
    }
    last.cancel();
    let _ = admin.await;
    hall.ledger.finish(super::LOG_PATIENCE);
    tracing::info!("waypost has drained and ends");
    Ok(())
}

/// Both listeners and what they share.
struct House {
    hall: Arc<Hall>,
    gate: Arc<Gate>,
    loopback: Option<Loopback>,
    /// Where the public and the admin listener are.
    bound: (SocketAddr, SocketAddr),
}

impl Serving for House {
    /// The listeners stay where they were put first, so the loopback rule is judged by where they are, whatever a new
    /// configuration says.
    fn amend(&self, file: &mut File) {
        stay(&mut file.server.listen, self.bound.0);
        stay(&mut file.server.admin_listen, self.bound.1);
    }

    fn put(&self, memory: &Memory, wired: Wired, generation: u64) {
        let (face, offer) = faces(self.loopback.as_ref(), memory, wired, generation);
        self.hall.put(face);
        self.gate.put(offer);
    }

    fn put_servers(&self, servers: Servers) {
        let offer = servers.beside(&self.gate.offer());
        let toolbox = offer.toolbox.clone();
        self.hall.put(Face {
            toolbox,
            ..(*self.hall.face()).clone()
        });
        self.gate.put(offer);
    }
}

/// Both faces of a configuration; with a listener of their own for its servers, where the public one is not for them.
fn faces(
    loopback: Option<&Loopback>,
    memory: &Memory,
    wired: Wired,
    generation: u64,
) -> (Face, Offer) {
    match loopback {
        Some(loopback) => loopback.faces(memory, wired, generation),
        None => memory.faces(wired, generation),
    }
}

/// Waits for the end of a listener. A panic in it is one here.
async fn ended(listener: AbortOnDropHandle<()>) {
    if let Err(Ok(panic)) = listener.await.map_err(JoinError::try_into_panic) {
        std::panic::resume_unwind(panic);
    }
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
