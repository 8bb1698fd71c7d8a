//! Pools of connections: to plain and TLS addresses directly, or through the environment's proxies.
//!
//! Direct connections are our own [lines](super::line): at our rates a pooled client's tasks and layers cost a
//! tenth of a request. Proxies are reqwest's business: it knows the environment's rules.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Answer, Body,
    client::elsewhere,
    line::Outbound,
    origin::{Broken, Connector, Origin},
};
use crate::{
    outcome::{ErrorClass, Failure},
    span::Span,
};

/// The least time between two looks for lines that rest too long.
const SHORTEST_SWEEP: Duration = Duration::from_secs(1);

/// How connections to providers are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long an idle connection is kept. Many load balancers close at 60s; stay below, or requests meet closed doors.
    pub pool_idle: Span,
    /// Whether HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment are obeyed.
    pub proxy_from_env: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pool_idle: Span::secs(50),
            proxy_from_env: false,
        }
    }
}

/// Every connection, by the connect timeout and the address it goes to.
#[derive(Debug)]
pub(super) struct Pools {
    settings: Settings,
    known: Arc<Mutex<Known>>,
    /// Closes what rests too long.
    sweeper: OnceLock<AbortOnDropHandle<()>>,
}

#[derive(Debug, Default)]
struct Known {
    origins: HashMap<(Duration, Uri), Arc<Origin>>,
    tls: HashMap<Duration, HttpsConnector<HttpConnector>>,
    proxied: HashMap<Duration, reqwest::Client>,
}

/// What goes to one address.
#[derive(Clone, Debug)]
pub(super) enum Pool {
    /// Straight to it.
    Direct(Arc<Origin>),
    /// Through the environment's proxies.
    Proxied(reqwest::Client),
}

impl Pools {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            known: Arc::default(),
            sweeper: OnceLock::new(),
        }
    }

    /// The pool for an address: scheme, host and port.
    pub(super) fn pool(&self, address: Uri, connect: Duration) -> Result<Pool, Failure> {
        self.sweeper.get_or_init(|| self.sweep());
        let mut known = lock(&self.known);
        if self.settings.proxy_from_env {
            return known.proxied(connect, &self.settings).map(Pool::Proxied);
        }
        let key = (connect, address);
        if let Some(origin) = known.origins.get(&key) {
            return Ok(Pool::Direct(origin.clone()));
        }
        let connector = match key.1.scheme_str() {
            Some("https") => Connector::Tls(known.tls(connect)?),
            _ => Connector::Plain(plain(connect)),
        };
        let rest = self.settings.pool_idle.get();
        let origin = Arc::new(Origin::new(key.1.clone(), connector, rest));
        known.origins.insert(key, origin.clone());
        Ok(Pool::Direct(origin))
    }

    /// Closes, again and again, what rests too long, and forgets addresses nobody goes to any more.
    fn sweep(&self) -> AbortOnDropHandle<()> {
        let known = self.known.clone();
        let every = self.settings.pool_idle.get().max(SHORTEST_SWEEP);
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                sleep(every).await;
                let gone_to = |origin: &Arc<Origin>| Arc::strong_count(origin) > 1;
                let mut known = lock(&known);
                known
                    .origins
                    .retain(|_, origin| origin.sweep() || gone_to(origin));
            }
        }))
    }
}

impl Known {
    fn tls(&mut self, connect: Duration) -> Result<HttpsConnector<HttpConnector>, Failure> {
        if let Some(connector) = self.tls.get(&connect) {
            return Ok(connector.clone());
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_platform_verifier(provider)
            .map_err(|error| no_roots(&error))?;
        let mut connector = plain(connect);
        connector.enforce_http(false);
        // HTTP/1.1 only: one h2 connection carries a server's stream limit (often 100) and queues
        // behind it, while answers take tens of seconds.
        let connector = tls.https_only().enable_http1().wrap_connector(connector);
        Ok(self.tls.entry(connect).or_insert(connector).clone())
    }

    fn proxied(
        &mut self,
        connect: Duration,
        settings: &Settings,
    ) -> Result<reqwest::Client, Failure> {
        if let Some(client) = self.proxied.get(&connect) {
            return Ok(client.clone());
        }
        let client = reqwest::Client::builder()
            .connect_timeout(connect)
            .pool_idle_timeout(settings.pool_idle.get())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .http1_only()
            .build()
            .map_err(|error| no_roots(&error))?;
        Ok(self.proxied.entry(connect).or_insert(client).clone())
    }
}

impl Pool {
    /// Sends a request to `provider` and waits for the head of its answer. Direct ones carry a path only.
    pub(super) async fn send(&self, provider: &str, request: Outbound) -> Result<Answer, Failure> {
        let broken = || {
            elsewhere(format!(
                "{provider} broke the connection before it answered"
            ))
        };
        let unreachable = |error: &(dyn std::error::Error + 'static)| {
            let message = format!("{provider} could not be reached: {}", cause(error));
            Failure::new(ErrorClass::Unreachable, message)
        };
        let (head, body) = match self {
            Self::Direct(origin) => {
                let sent = origin.send(request).await;
                let response = sent.map_err(|error| match error {
                    Broken::Unreachable(error) => unreachable(&*error),
                    Broken::Cut => broken(),
                })?;
                let (head, body) = response.into_parts();
                (head, Body::direct(body))
            }
            Self::Proxied(client) => {
                let request = request.map(reqwest::Body::wrap);
                let request =
                    reqwest::Request::try_from(request).map_err(|error| unreachable(&error))?;
                // Boxed, so that requests without a proxy carry no room for it.
                let sent = Box::pin(client.execute(request)).await;
                let response = sent.map_err(|error| match error.is_connect() {
                    true => unreachable(&error),
                    false => broken(),
                })?;
                let (head, body) = http::Response::from(response).into_parts();
                (head, Body::proxied(body))
            }
        };
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }
}

fn plain(connect: Duration) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(connect));
    connector.set_nodelay(true);
    connector
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_roots(error: &(dyn std::error::Error + 'static)) -> Failure {
    let message = format!(
        "TLS connections cannot be made: {}. Is the system's store of CA certificates installed (Debian's ca-certificates), or SSL_CERT_FILE set?",
        cause(error)
    );
    Failure::new(ErrorClass::Unreachable, message)
}

/// The innermost cause, which names no address or key ("connection refused", "certificate expired").
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
