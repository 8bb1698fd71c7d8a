//! The way to one provider: its address, its pool and the headers it wants, worked out at the first request.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri, header,
    uri::{PathAndQuery, Scheme},
};

use super::pool::{Pool, Pools};
use crate::{
    catalog::{Auth, Card},
    dialect::Outgoing,
    outcome::{ErrorClass, Failure},
    secret::Secret,
};

/// How we introduce ourselves.
const USER_AGENT: &str = concat!("waypost/", env!("CARGO_PKG_VERSION"));

/// The way to one provider.
#[derive(Debug)]
pub(super) struct Way {
    /// Keeps the card's place in memory, so that no other card is taken for it.
    card: Weak<Card>,
    pub(super) pool: Pool,
    /// What stands before paths: the path of the base URL; all of it where a proxy must know.
    base: String,
    host: HeaderValue,
    /// The headers of every request, for each of the provider's keys, or why it is none.
    heads: Vec<(Option<Secret>, Result<HeaderMap, Failure>)>,
}

impl Way {
    /// Works it out.
    pub(super) fn new(card: &Arc<Card>, connect: Duration, pools: &Pools) -> Result<Self, Failure> {
        let invalid = || no_address(card);
        let base_url: Uri = card.base_url.parse().map_err(|_| invalid())?;
        let mut address = base_url.clone().into_parts();
        address.path_and_query = Some(PathAndQuery::from_static("/"));
        let address = Uri::from_parts(address).map_err(|_| invalid())?;
        let host = host(&address).ok_or_else(invalid)?;
        let pool = pools.pool(address, connect)?;
        let base = match pool {
            Pool::Direct(_) => base_url.path().trim_end_matches('/').to_owned(),
            Pool::Proxied(_) => card.base_url.clone(),
        };
        let keys = card.credentials.iter().map(|key| Some(&key.secret));
        let heads = keys
            .chain([None])
            .map(|key| (key.cloned(), head(card, &host, key)));
        Ok(Self {
            heads: heads.collect(),
            card: Arc::downgrade(card),
            pool,
            base,
            host,
        })
    }

    /// Whether its card is still in use.
    pub(super) fn is_used(&self) -> bool {
        self.card.strong_count() > 0
    }

    /// The target of a request to `path`.
    pub(super) fn uri(&self, card: &Card, path: &str) -> Result<Uri, Failure> {
        let target = Bytes::from([&self.base, path].concat());
        Uri::from_maybe_shared(target).map_err(|_| no_address(card))
    }

    /// The headers of a request.
    pub(super) fn headers(
        &self,
        card: &Card,
        key: Option<&Secret>,
        outgoing: &Outgoing,
    ) -> Result<HeaderMap, Failure> {
        let known = self.heads.iter().find(|(other, _)| other.as_ref() == key);
        let mut headers = match known {
            Some((_, head)) => head.clone()?,
            None => head(card, &self.host, key)?,
        };
        for (name, value) in &outgoing.headers {
            let value = HeaderValue::from_str(value).map_err(|_| invalid(card, name))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(headers)
    }
}

/// Host and port as the `host` header names them.
fn host(address: &Uri) -> Option<HeaderValue> {
    let usual = match address.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        _ => 80,
    };
    let host = address.host()?;
    match address.port_u16().filter(|port| *port != usual) {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}")).ok(),
        None => HeaderValue::from_str(host).ok(),
    }
}

fn no_address(card: &Card) -> Failure {
    let message = format!("{} has no valid address", card.name);
    Failure::new(ErrorClass::Unreachable, message)
}

fn invalid(card: &Card, what: &str) -> Failure {
    let message = format!("{} cannot be called: {what} is no valid header", card.name);
    Failure::new(ErrorClass::Auth, message)
}

/// The headers every request has.
fn head(card: &Card, host: &HeaderValue, key: Option<&Secret>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::with_capacity(5 + card.headers.len());
    headers.insert(header::HOST, host.clone());
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
                let name =
                    HeaderName::try_from(name).map_err(|_| invalid(card, "the auth header"))?;
                (name, HeaderValue::from_str(key.reveal()))
            }
            Auth::None => (header::AUTHORIZATION, HeaderValue::try_from(String::new())),
        };
        if card.auth != Auth::None {
            let mut value = value.map_err(|_| invalid(card, "its key"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    for (name, value) in &card.headers {
        let name = HeaderName::try_from(name).map_err(|_| invalid(card, name))?;
        let value = HeaderValue::from_str(value).map_err(|_| invalid(card, name.as_str()))?;
        headers.insert(name, value);
    }
    Ok(headers)
}
