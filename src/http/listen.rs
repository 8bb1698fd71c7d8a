//! The accept loop.
//!
//! Our own, because `axum::serve` sets no timers (so hyper's header-read timeout is silently off), no
//! `TCP_NODELAY`, no cap on connections, and waits without end for open streams when it shuts down.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{body::Body, extract::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use prometheus::IntGauge;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Hall, Paths, Settings};

/// The wait after a failed accept: out of file descriptors, mostly, which only time mends.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long streams get to send their last event once they are told to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A bound listener.
pub struct Listener {
    /// The listening socket.
    pub socket: TcpListener,
    /// TLS on it.
    pub tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds `address` (`host:port`).
    pub async fn bind(address: &str, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        Ok(Self {
            socket: TcpListener::bind(address).await?,
            tls,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Serves `paths` on `listener` until `stop`, then drains: no new connections, requests go on for
/// `settings.drain`, then streams end with an error event and what is left is cut.
pub async fn serve(
    listener: Listener,
    paths: Paths,
    hall: Arc<Hall>,
    settings: Settings,
    stop: CancellationToken,
) {
    let connections = Connections {
        builder: Arc::new(builder(&settings)),
        paths,
        header_timeout: settings.header_timeout.get(),
        gauge: hall.ledger.metrics().connections.clone(),
        tracker: TaskTracker::new(),
        cut: CancellationToken::new(),
    };
    let room = Arc::new(Semaphore::new(
        settings.max_connections.clamp(1, Semaphore::MAX_PERMITS),
    ));
    let graceful = GracefulShutdown::new();
    let accept = async {
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else {
                return;
            };
            match listener.socket.accept().await {
                Ok((stream, _)) => {
                    connections.open(stream, listener.tls.clone(), graceful.watcher(), permit);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    if timeout(settings.drain.get(), graceful.shutdown())
        .await
        .is_err()
    {
        hall.closing.cancel();
        connections.tracker.close();
        if timeout(LAST_WORDS, connections.tracker.wait())
            .await
            .is_err()
        {
            let cut = connections.tracker.len();
            tracing::warn!(
                connections = cut,
                "connections were cut at the end of the drain"
            );
        }
    }
    connections.cut.cancel();
    connections.tracker.close();
    connections.tracker.wait().await;
}

/// Limits of both protocols. Sources: hyper's own defaults where they are on with a timer, and Envoy's
/// best practices for an edge (streams, header sizes).
fn builder(settings: &Settings) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // A hundred headers at most: hyper's own number, for which it needs no memory beyond its stack.
        .header_read_timeout(settings.header_timeout.get())
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(512)
        .max_header_list_size(32 * 1024)
        .adaptive_window(true);
    builder
}

struct Connections {
    builder: Arc<Builder<TokioExecutor>>,
    paths: Paths,
    header_timeout: Duration,
    gauge: IntGauge,
    tracker: TaskTracker,
    /// Cancelled when connections must go.
    cut: CancellationToken,
}

impl Connections {
    fn open(
        &self,
        stream: TcpStream,
        tls: Option<TlsAcceptor>,
        watcher: Watcher,
        permit: OwnedSemaphorePermit,
    ) {
        let builder = self.builder.clone();
        let paths = self.paths.clone();
        let patience = self.header_timeout;
        let cut = self.cut.clone();
        let open = Counted::new(self.gauge.clone());
        self.tracker.spawn(async move {
            let _held = (permit, open);
            // Small writes (one delta each) must not wait for each other.
            let _ = stream.set_nodelay(true);
            let served = async {
                match tls {
                    None => converse(&builder, stream, paths, patience, watcher).await,
                    Some(tls) => {
                        if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await {
                            converse(&builder, stream, paths, patience, watcher).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = served => {}
                () = cut.cancelled() => {}
            }
        });
    }
}

/// Serves one connection. Its errors are the client's doing (gone, too slow, not speaking HTTP). One that has
/// sent no request within `patience` is closed: hyper's own timers start only once it knows which HTTP is spoken.
async fn converse(
    builder: &Builder<TokioExecutor>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    paths: Paths,
    patience: Duration,
    watcher: Watcher,
) {
    let heard = Arc::new(AtomicBool::new(false));
    let hears = heard.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        hears.store(true, Ordering::Relaxed);
        let request: Request = request.map(Body::new);
        let answered = paths.clone().answer(request);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = pin!(watcher.watch(connection.into_owned()));
    let served = timeout(patience, &mut connection).await.is_ok();
    if !served && heard.load(Ordering::Relaxed) {
        let _ = connection.await;
    }
}

/// Counts one open connection for as long as it lives.
struct Counted(IntGauge);

impl Counted {
    fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
