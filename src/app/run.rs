//! Serving: listeners, reloads, signals, the end.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::Receiver,
};
use tokio_util::sync::CancellationToken;

use super::{Memory, load, wire::is_loopback};
use crate::{
    config::{File, Source, report, watch},
    http::{Annex, Hall, Listener, admin_router, public_router, serve},
    mcp::{Endpoint, Gate},
    store::{self, Store},
};

/// How long the access log may take to be written to its end.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

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

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The configuration is bad. The text is the whole report.
    #[error("{0}")]
    Config(String),
    /// There is no configuration and no key in the environment.
    #[error(
        "no configuration found: no --config, no $WAYPOST_CONFIG, no ./waypost.yaml, and no provider's key in the environment (like OPENAI_API_KEY).\nTo look around without any key: waypost demo"
    )]
    Nothing,
    /// The file cannot be read.
    #[error("{0}: {1}")]
    Unreadable(String, io::Error),
    /// A reload would leave no provider.
    #[error("{0} names no provider any more; to serve none, restart")]
    Emptied(String),
    /// A listener cannot be bound.
    #[error("cannot listen on {0}: {1}")]
    Bind(String, io::Error),
    /// What must survive a restart cannot be kept.
    #[error(transparent)]
    Store(#[from] store::Failed),
    /// Signals cannot be heard.
    #[error("cannot hear signals: {0}")]
    Signals(io::Error),
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
    let (face, offer) = memory.faces(wired, 1);
    let hall = Arc::new(Hall::new(face, memory.ledger.clone()));
    let gate = Gate::new(offer, memory.ledger.clone(), hall.closing.clone());
    let gate = Arc::new(gate);
    let store = file.store.path.as_deref().map(Store::open).transpose()?;
    let endpoint = Endpoint::new(gate.clone(), store.map(Arc::new));

    let unbound = |address: &str, error| Failed::Bind(address.to_owned(), error);
    let server = &file.server;
    let public = Listener::bind(&server.listen, tls)
        .await
        .map_err(|error| unbound(&server.listen, error))?;
    let admin = Listener::bind(&server.admin_listen, None)
        .await
        .map_err(|error| unbound(&server.admin_listen, error))?;
    let address = |listener: &Listener| {
        listener
            .address()
            .map_err(|error| unbound("the bound socket", error))
    };
    let started = Started {
        hall: hall.clone(),
        public: address(&public)?,
        admin: address(&admin)?,
    };
    let bound = (started.public, started.admin);
    tracing::info!(public = %started.public, admin = %started.admin, config = papers.source.name(), "waypost serves");
    (options.ready)(started);

    let stop = options.stop;
    let admin_stop = CancellationToken::new();
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
        admin_stop.clone(),
    ));
    let signals = {
        let hall = hall.clone();
        async move {
            ends.asked(&stop).await;
            // Readiness goes first: load balancers should look elsewhere before the listener is gone.
            hall.drain();
            stop.cancel();
        }
    };
    let reloads = reload(&papers, &memory, (&hall, &gate), (&file, bound), changes);
    tokio::select! {
        ((), ()) = async { tokio::join!(signals, public) } => {}
        never = reloads => match never {},
        never = nothing_to_reload(hangups) => match never {},
    }
    admin_stop.cancel();
    let _ = admin.await;
    hall.ledger.finish(LOG_PATIENCE);
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

/// The signals that end the serving. Heard from the start, so that an early one drains as well.
struct Ends {
    term: Signal,
    interrupt: Signal,
}

impl Ends {
    fn hear() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self, stop: &CancellationToken) {
        tokio::select! {
            _ = self.term.recv() => tracing::info!("SIGTERM: draining"),
            _ = self.interrupt.recv() => tracing::info!("SIGINT: draining"),
            () = stop.cancelled() => {}
        }
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

/// Reads the configuration again whenever it changes. A good one takes over for new requests; a bad one is
/// reported and changes nothing. The listeners stay where the `first` one put them, so the loopback rule is
/// judged by where they are, whatever the new one says.
async fn reload(
    papers: &Papers,
    memory: &Memory,
    (hall, gate): (&Hall, &Gate),
    (first, bound): (&File, (SocketAddr, SocketAddr)),
    changes: Option<(Receiver<()>, watch::Guard)>,
) -> std::convert::Infallible {
    let Some((mut changes, _guard)) = changes else {
        return std::future::pending().await;
    };
    let mut generation = 1;
    while changes.recv().await.is_some() {
        let reloads = &hall.ledger.metrics().config_reloads;
        let read = papers.read(|file| {
            needs_restart(first, file);
            stay(&mut file.server.listen, bound.0);
            stay(&mut file.server.admin_listen, bound.1);
        });
        // A file cut short while it was written is a good file without providers; nobody means that.
        let read = read.and_then(|(file, wired)| {
            let emptied = file.providers.is_empty() && !first.providers.is_empty();
            if emptied {
                Err(Failed::Emptied(papers.source.name()))
            } else {
                Ok(wired)
            }
        });
        match read {
            Ok(wired) => {
                generation += 1;
                let (face, offer) = memory.faces(wired, generation);
                hall.put(face);
                gate.put(offer);
                memory.forget_unused();
                reloads.with_label_values(&["ok"]).inc();
                tracing::info!(generation, "the configuration was reloaded");
            }
            Err(failed) => {
                reloads.with_label_values(&["refused"]).inc();
                tracing::error!(problems = %failed, "the changed configuration is refused; the old one stays");
            }
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

/// Says which changes wait for a restart.
fn needs_restart(first: &File, now: &File) {
    let changed = [
        ("server.listen", first.server.listen != now.server.listen),
        (
            "server.admin_listen",
            first.server.admin_listen != now.server.admin_listen,
        ),
        ("server.tls", first.server.tls != now.server.tls),
        (
            "server.header_timeout",
            first.server.header_timeout != now.server.header_timeout,
        ),
        (
            "server.max_connections",
            first.server.max_connections != now.server.max_connections,
        ),
        ("server.drain", first.server.drain != now.server.drain),
        ("store", first.store != now.store),
        ("upstream", first.upstream != now.upstream),
        ("telemetry", first.telemetry != now.telemetry),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!(key, "this change needs a restart");
    }
}

/// A configuration's source, and how it is read.
struct Papers {
    source: Source,
    overrides: (Option<String>, Option<String>),
    colour: bool,
}

impl Papers {
    /// Reads and wires; `amend` sees what was written, overrides included, before it is judged.
    fn read(&self, amend: impl FnOnce(&mut File)) -> Result<(File, super::Wired), Failed> {
        let environment = |name: &str| std::env::var(name).ok();
        let unreadable = |error| Failed::Unreadable(self.source.name(), error);
        let read = self.source.read(environment).map_err(unreadable)?;
        if self.source == Source::Environment && read.is_empty() {
            return Err(Failed::Nothing);
        }
        let adjust = |file: &mut File| {
            let (listen, admin_listen) = &self.overrides;
            file.server.listen = listen.clone().unwrap_or_else(|| file.server.listen.clone());
            file.server.admin_listen = admin_listen
                .clone()
                .unwrap_or_else(|| file.server.admin_listen.clone());
            amend(file);
        };
        let good = load(&read, adjust, &environment).map_err(|diagnostics| {
            Failed::Config(report::render(&diagnostics, &read.text, self.colour))
        })?;
        for warning in &good.warnings {
            tracing::warn!("{warning}");
        }
        Ok((good.file, good.wired))
    }
}
