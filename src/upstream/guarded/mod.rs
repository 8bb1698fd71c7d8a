//! Requests to addresses that others have a say in: an operator's tool, a redirect, a document that names another.
//!
//! What counts is the *address*: a host is judged by what it resolves to, in every spelling, and the connection goes
//! to the addresses that were judged and no others, so a name cannot mean one machine at the check and another at the
//! connect. Nothing inside the network is reached unless the operator lets it out by name ([`Allow`]). Redirects are
//! judged like first requests; secrets are bound to an origin by type ([`Bound`]). The environment's proxies are never
//! obeyed, for a proxy resolves names by itself.
//!
//! What is refused here is told in the same words as what could not be reached, so that nobody learns from a refusal
//! what is behind the wall. The reason is in the operator's log.

mod address;
mod allow;
mod bound;
mod names;
mod opened;
mod place;
mod read;
mod refused;

pub use address::{Standing, standing};
pub use allow::Allow;
pub use bound::Bound;
pub use names::{Names, SystemNames};
pub use opened::Opened;
pub use place::judge;
pub use refused::{Refused, Unopened};

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use url::Url;

use names::Filter;

/// The most redirects followed. Browsers follow twenty; an API that needs more than a few is lost.
const MAX_REDIRECTS: usize = 5;

/// How long a connection may take to be made: three of TCP's first retransmissions.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept. Many load balancers close at 60 s; stay below.
const IDLE: Duration = Duration::from_secs(50);

/// The most idle connections kept to one host.
const MOST_IDLE: usize = 8;

/// The most sets of connections: one for each different [`Allow`]. Tools mostly share a few.
const MOST_CLIENTS: usize = 64;

/// Headers that may follow a redirect to another origin: they say nothing of the caller.
const CROSSING: [header::HeaderName; 3] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_LANGUAGE,
];

/// Sends guarded requests. Connections are kept apart by what the operator allows: one that was made with leave to
/// go inside is never used without it.
#[derive(Debug)]
pub struct Guarded {
    names: Arc<dyn Names>,
    clients: Mutex<HashMap<Allow, reqwest::Client>>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: Method,
    /// Where to. Judged before anything is sent.
    pub url: Url,
    /// Its headers, without secrets.
    pub headers: HeaderMap,
    /// Headers with secrets in them.
    pub secrets: &'a [Bound],
    /// Its body.
    pub body: Option<Bytes>,
    /// The largest body of an answer, in bytes.
    pub max_bytes: usize,
    /// When the answer must be here, to its last byte.
    pub deadline: Instant,
    /// What the operator lets it reach besides the public internet.
    pub allow: &'a Allow,
}

/// A whole answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Bytes,
}

impl Answer {
    /// The type of the body, like `application/json`, in small letters and without parameters; empty when none is
    /// told.
    pub fn media_type(&self) -> String {
        read::media_type(&self.headers)
    }
}

impl Default for Guarded {
    fn default() -> Self {
        Self::new(Arc::new(SystemNames))
    }
}

impl Guarded {
    /// No connections yet; names are looked up with `names`.
    pub fn new(names: Arc<dyn Names>) -> Self {
        Self {
            names,
            clients: Mutex::default(),
        }
    }

    /// Sends a request, follows redirects of one that only reads, and reads the answer.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, Refused> {
        let deadline = request.deadline;
        let answered = timeout_at(deadline, self.follow(request)).await;
        answered.unwrap_or(Err(Refused::Timeout))
    }

    /// Sends a request and gives its answer as soon as it begins, to be read as it comes. Redirects are answers like
    /// others: they are not followed. The deadline is the beginning's, and `max_bytes` is the reader's matter.
    pub async fn open(&self, request: Request<'_>) -> Result<Opened, Unopened> {
        let client = self.client(request.allow)?;
        let url = &request.url;
        judge(url, request.allow).map_err(|why| refuse(url, why))?;
        let sent = timeout_at(request.deadline, client.execute(request.to(url, false))).await;
        let sent = sent.map_err(|_| Refused::Timeout)?;
        let opened = Opened::of(sent.map_err(|error| Unopened::of(url, &error))?);
        Ok(opened?)
    }

    async fn follow(&self, request: Request<'_>) -> Result<Answer, Refused> {
        let client = self.client(request.allow)?;
        let mut url = request.url.clone();
        let mut crossed = false;
        for _ in 0..=MAX_REDIRECTS {
            judge(&url, request.allow).map_err(|why| refuse(&url, why))?;
            let sent = client.execute(request.to(&url, crossed)).await;
            let response = sent.map_err(|error| refused::of(&url, &error))?;
            let Some(next) = request.next(&url, &response)? else {
                return read::whole(response, request.max_bytes).await;
            };
            // Once away, secrets stay away: who sent us elsewhere must not choose what our key is used for.
            crossed |= next.origin() != url.origin();
            url = next;
        }
        Err(Refused::Redirect)
    }

    fn client(&self, allow: &Allow) -> Result<reqwest::Client, Refused> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(allow) {
            return Ok(client.clone());
        }
        if clients.len() == MOST_CLIENTS {
            // Configurations come and go. What runs keeps its own.
            clients.clear();
        }
        let client = connections(Filter::new(self.names.clone(), allow.clone()))?;
        clients.insert(allow.clone(), client.clone());
        Ok(client)
    }
}

/// A set of connections to what passes the filter.
fn connections(filter: Arc<Filter>) -> Result<reqwest::Client, Refused> {
    let client = reqwest::Client::builder()
        .dns_resolver(filter)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MOST_IDLE)
        .tcp_nodelay(true)
        .http1_only()
        .user_agent(concat!("waypost/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|error| {
        tracing::error!(
            %error,
            "requests of tools cannot be made: is the system's store of CA certificates installed?"
        );
        Refused::Unreachable
    })
}

impl Request<'_> {
    /// The request as it goes to `url`.
    fn to(&self, url: &Url, crossed: bool) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), url.clone());
        for (name, value) in &self.headers {
            // The host is the one that was judged.
            if name != header::HOST && (!crossed || CROSSING.contains(name)) {
                request.headers_mut().append(name, value.clone());
            }
        }
        if !crossed {
            let bound = self.secrets.iter().filter_map(|secret| secret.at(url));
            request.headers_mut().extend(bound);
        }
        *request.body_mut() = self.body.clone().map(Into::into);
        request
    }

    /// Where an answer sends a request that only reads.
    fn next(&self, from: &Url, response: &reqwest::Response) -> Result<Option<Url>, Refused> {
        let reads = matches!(self.method, Method::GET | Method::HEAD) && self.body.is_none();
        let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        let location = response.headers().get(header::LOCATION);
        let Some(location) = location.filter(|_| reads && redirects) else {
            return Ok(None);
        };
        let to = location.to_str().ok().and_then(|to| from.join(to).ok());
        let to = to.ok_or(Refused::Redirect)?;
        if from.scheme() == "https" && to.scheme() != "https" {
            return Err(refuse(&to, "a redirect leads from https to something else"));
        }
        Ok(Some(to))
    }
}

/// Refuses a URL, and tells the operator why.
fn refuse(url: &Url, why: &'static str) -> Refused {
    let host = url.host_str().unwrap_or_default();
    tracing::warn!(host, "a request was not sent: {why}");
    Refused::Address(why)
}

#[cfg(test)]
mod tests;
