//! Connections to providers, and sending one request.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;

use super::{
    Answer, Body,
    pool::{Pools, Settings},
    simulated::Simulator,
    way::Way,
};
use crate::{
    catalog::{Card, DialectName, Simulation, Target},
    dialect::Outgoing,
    outcome::{ErrorClass, Failure, Fate},
    secret::Secret,
};

/// Simulated providers by name, each with the settings it was made from.
type Simulators = HashMap<Arc<str>, (Simulation, Arc<Simulator>)>;

/// All connections to providers. Lives in memory, so a reload keeps them.
#[derive(Debug)]
pub struct Upstream {
    pools: Pools,
    /// By the card's place in memory, which it keeps as long as its way is kept.
    ways: RwLock<HashMap<(usize, Duration), Arc<Way>>>,
    /// Simulated providers keep their count of requests as long as their settings stay.
    simulators: RwLock<Simulators>,
}

impl Upstream {
    /// No connections yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            pools: Pools::new(settings),
            ways: RwLock::default(),
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
        let way = self.way(&target.card, connect)?;
        let mut request = Request::new(Full::new(outgoing.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = way.uri(&target.card, &outgoing.path)?;
        *request.headers_mut() = way.headers(&target.card, key, outgoing)?;
        let answer = way.pool.send(&target.card.name, request).await?;
        if let Some(encoding) = answer.headers.get(header::CONTENT_ENCODING)
            && encoding != "identity"
        {
            // We never say that we accept any; unpacking what nobody asked for is how bombs get in.
            let message = format!("{} sent a compressed answer", target.card.name);
            return Err(elsewhere(message));
        }
        Ok(answer)
    }

    fn way(&self, card: &Arc<Card>, connect: Duration) -> Result<Arc<Way>, Failure> {
        let key = (Arc::as_ptr(card).addr(), connect);
        let ways = self.ways.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = ways.get(&key) {
            return Ok(way.clone());
        }
        drop(ways);
        let way = Arc::new(Way::new(card, connect, &self.pools)?);
        let mut ways = self.ways.write().unwrap_or_else(PoisonError::into_inner);
        // Cards of configurations that are gone.
        ways.retain(|_, way| way.is_used());
        Ok(ways.entry(key).or_insert(way).clone())
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

/// A failure after which the work may have been done: not repeated at the same target.
pub(super) fn elsewhere(message: String) -> Failure {
    Failure {
        fate: Fate::TryElsewhere,
        ..Failure::new(ErrorClass::ServerError, message)
    }
}
