//! Connections to providers, and sending one request.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Body, simulated::Simulator};
use crate::{
    catalog::{Auth, Card, DialectName, Simulation, Target},
    dialect::Outgoing,
    outcome::{ErrorClass, Failure, Fate},
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

/// Simulated providers by name, each with the settings it was made from.
type Simulators = HashMap<Arc<str>, (Simulation, Arc<Simulator>)>;

/// All connections to providers. Lives in memory, so a reload keeps them.
#[derive(Debug)]
pub struct Upstream {
    settings: Settings,
    /// One client for each connect timeout: reqwest knows it per client only.
    clients: RwLock<HashMap<Duration, reqwest::Client>>,
    /// Simulated providers keep their count of requests as long as their settings stay.
    simulators: RwLock<Simulators>,
}

impl Upstream {
    /// No connections yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            clients: RwLock::default(),
            simulators: RwLock::default(),
        }
    }

    /// Sends one request. Ends with the head of the answer, whatever its status; the caller sets the deadline.
    pub async fn send(
        &self,
        target: &Target,
        outgoing: &Outgoing,
        connect: Duration,
    ) -> Result<Answer, Failure> {
        if target.card.dialect == DialectName::Simulated {
            return Ok(self.simulate(&target.card, outgoing).await);
        }
        let address = format!("{}{}", target.card.base_url, outgoing.path);
        let url = reqwest::Url::parse(&address).map_err(|_| {
            let message = format!("{} has no valid address", target.card.name);
            Failure::new(ErrorClass::Unreachable, message)
        })?;
        let mut request = reqwest::Request::new(Method::POST, url);
        *request.headers_mut() = headers(&target.card, outgoing)?;
        *request.body_mut() = Some(outgoing.body.clone().into());
        let sent = self.client(connect)?.execute(request).await;
        let response = sent.map_err(|error| unsent(&target.card.name, &error))?;
        if let Some(encoding) = response.headers().get(header::CONTENT_ENCODING)
            && encoding != "identity"
        {
            // We never say that we accept any; unpacking what nobody asked for is how bombs get in.
            let message = format!("{} sent a compressed answer", target.card.name);
            return Err(elsewhere(message));
        }
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: Body::wire(response),
        })
    }

    async fn simulate(&self, card: &Card, outgoing: &Outgoing) -> Answer {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let epoch = now.map_or(0, |now| now.as_secs());
        let script = self
            .simulator(card)
            .answer(&outgoing.path, &outgoing.body, epoch);
        tokio::time::sleep(script.delay).await;
        let mut headers = HeaderMap::new();
        for (name, value) in script.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        Answer {
            status: script.status,
            headers,
            body: Body::played(script.body),
        }
    }

    fn client(&self, connect: Duration) -> Result<reqwest::Client, Failure> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&connect) {
            return Ok(client.clone());
        }
        drop(clients);
        let client = self.build(connect).map_err(|error| {
            let message = format!("connections cannot be made: {error}");
            Failure::new(ErrorClass::Unreachable, message)
        })?;
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        Ok(clients.entry(connect).or_insert(client).clone())
    }

    fn build(&self, connect: Duration) -> reqwest::Result<reqwest::Client> {
        let builder = reqwest::Client::builder()
            .connect_timeout(connect)
            .pool_idle_timeout(self.settings.pool_idle.get())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            // One h2 connection carries a server's stream limit (often 100) and queues behind it; answers take
            // tens of seconds, so HTTP/1.1 with many connections is the safe default.
            .http1_only()
            .user_agent(concat!("waypost/", env!("CARGO_PKG_VERSION")));
        let builder = if self.settings.proxy_from_env {
            builder
        } else {
            builder.no_proxy()
        };
        builder.build()
    }

    fn simulator(&self, card: &Card) -> Arc<Simulator> {
        let simulators = self
            .simulators
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((settings, simulator)) = simulators.get(&card.name)
            && *settings == card.simulation
        {
            return simulator.clone();
        }
        drop(simulators);
        let fresh = Arc::new(Simulator::new(card.simulation.clone()));
        let mut simulators = self
            .simulators
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match simulators.get(&card.name) {
            // Another request was here in between: its simulator counts on.
            Some((settings, simulator)) if *settings == card.simulation => simulator.clone(),
            _ => {
                simulators.insert(card.name.clone(), (card.simulation.clone(), fresh.clone()));
                fresh
            }
        }
    }
}

fn headers(card: &Card, outgoing: &Outgoing) -> Result<HeaderMap, Failure> {
    let invalid = |what: &str| {
        let message = format!("{} cannot be called: {what} is no valid header", card.name);
        Failure::new(ErrorClass::Auth, message)
    };
    let mut headers = HeaderMap::with_capacity(4 + card.headers.len() + outgoing.headers.len());
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    if let Some(key) = &card.credential {
        let (name, value) = match &card.auth {
            Auth::Bearer => (
                header::AUTHORIZATION,
                HeaderValue::try_from(format!("Bearer {}", key.reveal())),
            ),
            Auth::Header(name) => {
                let name = HeaderName::try_from(name).map_err(|_| invalid("the auth header"))?;
                (name, HeaderValue::from_str(key.reveal()))
            }
            Auth::None => (header::AUTHORIZATION, HeaderValue::try_from(String::new())),
        };
        if card.auth != Auth::None {
            let mut value = value.map_err(|_| invalid("its key"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    for (name, value) in &card.headers {
        let name = HeaderName::try_from(name).map_err(|_| invalid(name))?;
        let value = HeaderValue::from_str(value).map_err(|_| invalid(name.as_str()))?;
        headers.insert(name, value);
    }
    for (name, value) in &outgoing.headers {
        let value = HeaderValue::from_str(value).map_err(|_| invalid(name))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

/// What it means that no head came back.
fn unsent(provider: &str, error: &reqwest::Error) -> Failure {
    if error.is_connect() {
        let message = format!("{provider} could not be reached: {}", cause(error));
        return Failure::new(ErrorClass::Unreachable, message);
    }
    elsewhere(format!(
        "{provider} broke the connection before it answered"
    ))
}

/// A failure after which the work may have been done: not repeated at the same target.
pub(super) fn elsewhere(message: String) -> Failure {
    Failure {
        fate: Fate::TryElsewhere,
        ..Failure::new(ErrorClass::ServerError, message)
    }
}

/// The innermost cause, which names no address or key ("connection refused", "certificate expired").
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
