//! One address requests go to, and the lines to it that rest between requests.
//!
//! The newest resting line is taken first, so that the others grow old and are closed. A line that the provider
//! closed meanwhile gives the request back, and the next one is tried; only a line fresh from a connect has the
//! last word.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::Instant;
use tower::ServiceExt;

use super::line::{Line, Outbound};

/// An address, and the lines to it.
#[derive(Debug)]
pub(super) struct Origin {
    /// Scheme, host and port.
    uri: Uri,
    connector: Connector,
    /// How long a line may rest.
    rest: Duration,
    resting: Mutex<Vec<Resting>>,
}

/// How connections are made.
#[derive(Clone, Debug)]
pub(super) enum Connector {
    /// Without TLS.
    Plain(HttpConnector),
    /// With TLS.
    Tls(HttpsConnector<HttpConnector>),
}

#[derive(Debug)]
struct Resting {
    line: Box<Line>,
    since: Instant,
}

/// Why a request was not answered.
#[derive(Debug)]
pub(super) enum Broken {
    /// There is no connection.
    Unreachable(Box<dyn std::error::Error + Send + Sync>),
    /// There was one.
    Cut,
}

impl Origin {
    /// An address nobody has been at.
    pub(super) fn new(uri: Uri, connector: Connector, rest: Duration) -> Self {
        Self {
            uri,
            connector,
            rest,
            resting: Mutex::default(),
        }
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Outbound,
    ) -> Result<Response<Inbound>, Broken> {
        loop {
            let rested = self.take();
            let fresh = rested.is_none();
            let mut line = match rested {
                Some(line) => line,
                // Boxed: it is rare and large, and every request would carry the room for it.
                None => Box::pin(self.connect()).await?,
            };
            let mut unsent = match line.send(request).await {
                Ok(response) => {
                    let arriving = |body| Inbound::new(body, line, self.clone());
                    return Ok(response.map(arriving));
                }
                Err(unsent) => unsent,
            };
            match unsent.take_message() {
                Some(back) if !fresh => request = back,
                _ => return Err(Broken::Cut),
            }
        }
    }

    async fn connect(&self) -> Result<Box<Line>, Broken> {
        let uri = self.uri.clone();
        let line = match self.connector.clone() {
            Connector::Plain(connector) => {
                let stream = connector.oneshot(uri).await;
                Line::open(stream.map_err(|error| Broken::Unreachable(error.into()))?).await
            }
            Connector::Tls(connector) => {
                let stream = connector.oneshot(uri).await;
                Line::open(stream.map_err(Broken::Unreachable)?).await
            }
        };
        line.map(Box::new).map_err(|_| Broken::Cut)
    }

    /// The line that has rested least, if it has not rested too long.
    fn take(&self) -> Option<Box<Line>> {
        let newest = self.resting().pop()?;
        (newest.since.elapsed() < self.rest).then_some(newest.line)
    }

    /// Takes a line back.
    fn put(&self, mut line: Box<Line>) {
        if line.rest() {
            let since = Instant::now();
            self.resting().push(Resting { line, since });
        }
    }

    /// Closes what has rested too long. Tells whether a line is left.
    pub(super) fn sweep(&self) -> bool {
        let mut resting = self.resting();
        resting.retain(|line| line.since.elapsed() < self.rest);
        !resting.is_empty()
    }

    fn resting(&self) -> MutexGuard<'_, Vec<Resting>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of an answer. At its end the line goes back to its origin; dropped before, it is closed.
#[derive(Debug)]
pub(super) struct Inbound {
    body: Incoming,
    /// `None` once the body has ended.
    line: Option<(Box<Line>, Arc<Origin>)>,
}

impl Inbound {
    fn new(body: Incoming, line: Box<Line>, origin: Arc<Origin>) -> Self {
        Self {
            body,
            line: Some((line, origin)),
        }
    }

    /// The next data; `None` at the proper end.
    pub(super) async fn data(&mut self) -> Option<hyper::Result<Bytes>> {
        let (line, _) = self.line.as_mut()?;
        let data = line.data(&mut self.body).await;
        if data.is_none() {
            self.give_back();
        }
        data
    }

    fn give_back(&mut self) {
        if let Some((line, origin)) = self.line.take() {
            origin.put(line);
        }
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
