//! Connections to providers, and sending one request.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;

use super::{
    Answer, Body,
    pool::{Pools, Settings},
    simulated::Simulator,
};
use crate::{
    catalog::{Auth, Card, DialectName, Simulation, Target},
    dialect::Outgoing,
    outcome::{ErrorClass, Failure, Fate},
    secret::Secret,
};

/// How we introduce ourselves.
const USER_AGENT: &str = concat!("waypost/", env!("CARGO_PKG_VERSION"));

/// Simulated providers by name, each with the settings it was made from.
type Simulators = HashMap<Arc<str>, (Simulation, Arc<Simulator>)>;

/// All connections to providers. Lives in memory, so a reload keeps them.
#[derive(Debug)]
pub struct Upstream {
    pools: Pools,
    /// Simulated providers keep their count of requests as long as their settings stay.
    simulators: RwLock<Simulators>,
}

impl Upstream {
    /// No connections yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            pools: Pools::new(settings),
            simulators: RwLock::default(),
        }
    }

    /// Sends one request, with one of the provider's keys where it has any. Ends with the head of the answer, whatever its status; the caller sets the deadline.
    pub async fn send(
        &self,
        target: &Target,
        key: Option<&Secret>,
        outgoing: &Outgoing,
        connect: Duration,
    ) -> Result<Answer, Failure> {
        if target.card.dialect == DialectName::Simulated {
            return Ok(self.simulate(&target.card, outgoing).await);
        }
        let address = format!("{}{}", target.card.base_url, outgoing.path);
        let uri = Uri::from_maybe_shared(address).map_err(|_| {
            let message = format!("{} has no valid address", target.card.name);
            Failure::new(ErrorClass::Unreachable, message)
        })?;
        let mut request = Request::new(Full::new(outgoing.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers(&target.card, key, outgoing)?;
        let answer = self.pools.send(&target.card.name, request, connect).await?;
        if let Some(encoding) = answer.headers.get(header::CONTENT_ENCODING)
            && encoding != "identity"
        {
            // We never say that we accept any; unpacking what nobody asked for is how bombs get in.
            let message = format!("{} sent a compressed answer", target.card.name);
            return Err(elsewhere(message));
        }
        Ok(answer)
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

fn headers(card: &Card, key: Option<&Secret>, outgoing: &Outgoing) -> Result<HeaderMap, Failure> {
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
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if let Some(key) = key {
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

/// A failure after which the work may have been done: not repeated at the same target.
pub(super) fn elsewhere(message: String) -> Failure {
    Failure {
        fate: Fate::TryElsewhere,
        ..Failure::new(ErrorClass::ServerError, message)
    }
}
