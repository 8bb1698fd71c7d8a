//! Pools of connections: to plain and TLS addresses directly, or through the environment's proxies.
//!
//! Direct connections go over hyper's own pooled client, because at our rates a fuller client's layers cost a
//! sixth of a request. Proxies are reqwest's business: it knows the environment's rules.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Body, client::elsewhere};
use crate::{
    outcome::{ErrorClass, Failure},
    span::Span,
};

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

/// Every pool, by the connect timeout and the kind of address it serves.
#[derive(Debug)]
pub(super) struct Pools {
    settings: Settings,
    pools: RwLock<HashMap<(Duration, Kind), Pool>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Plain,
    Tls,
    Proxied,
}

#[derive(Clone, Debug)]
enum Pool {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
    Proxied(reqwest::Client),
}

impl Pools {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            pools: RwLock::default(),
        }
    }

    /// Sends a request to `provider` and waits for the head of its answer.
    pub(super) async fn send(
        &self,
        provider: &str,
        request: Request<Full<Bytes>>,
        connect: Duration,
    ) -> Result<Answer, Failure> {
        let failed = |error: &(dyn std::error::Error + 'static), unreachable: bool| {
            if unreachable {
                let message = format!("{provider} could not be reached: {}", cause(error));
                return Failure::new(ErrorClass::Unreachable, message);
            }
            elsewhere(format!(
                "{provider} broke the connection before it answered"
            ))
        };
        let (head, body) = match self.pool(request.uri(), connect)? {
            Pool::Plain(client) => {
                let sent = client.request(request).await;
                let response = sent.map_err(|error| failed(&error, error.is_connect()))?;
                let (head, body) = response.into_parts();
                (head, Body::direct(body))
            }
            Pool::Tls(client) => {
                let sent = client.request(request).await;
                let response = sent.map_err(|error| failed(&error, error.is_connect()))?;
                let (head, body) = response.into_parts();
                (head, Body::direct(body))
            }
            Pool::Proxied(client) => {
                let request = request.map(reqwest::Body::wrap);
                let request =
                    reqwest::Request::try_from(request).map_err(|error| failed(&error, true))?;
                let sent = client.execute(request).await;
                let response = sent.map_err(|error| failed(&error, error.is_connect()))?;
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

    fn pool(&self, uri: &Uri, connect: Duration) -> Result<Pool, Failure> {
        let kind = match uri.scheme_str() {
            _ if self.settings.proxy_from_env => Kind::Proxied,
            Some("https") => Kind::Tls,
            _ => Kind::Plain,
        };
        let key = (connect, kind);
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&key) {
            return Ok(pool.clone());
        }
        drop(pools);
        let pool = self.build(connect, kind)?;
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        Ok(pools.entry(key).or_insert(pool).clone())
    }

    fn build(&self, connect: Duration, kind: Kind) -> Result<Pool, Failure> {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_idle_timeout(self.settings.pool_idle.get())
            .pool_timer(TokioTimer::new());
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(connect));
        connector.set_nodelay(true);
        match kind {
            Kind::Plain => Ok(Pool::Plain(builder.build(connector))),
            Kind::Tls => {
                connector.enforce_http(false);
                let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
                let tls = HttpsConnectorBuilder::new()
                    .with_provider_and_platform_verifier(provider)
                    .map_err(|error| no_roots(&error))?;
                // HTTP/1.1 only: one h2 connection carries a server's stream limit (often 100) and queues
                // behind it, while answers take tens of seconds.
                let connector = tls.https_only().enable_http1().wrap_connector(connector);
                Ok(Pool::Tls(builder.build(connector)))
            }
            Kind::Proxied => {
                let client = reqwest::Client::builder()
                    .connect_timeout(connect)
                    .pool_idle_timeout(self.settings.pool_idle.get())
                    .redirect(reqwest::redirect::Policy::none())
                    .retry(reqwest::retry::never())
                    .referer(false)
                    .tcp_nodelay(true)
                    .http1_only()
                    .build();
                client.map(Pool::Proxied).map_err(|error| no_roots(&error))
            }
        }
    }
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
