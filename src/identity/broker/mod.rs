//! Tokens for servers: the gateway's own, or one in exchange for the caller's.
//!
//! A token is for one server, and where it is a caller's, for one caller: what is kept lies under a digest of both and
//! of the caller's own token, so that nobody is ever served another's. Who asks for what is being fetched waits with
//! the first. Nothing that is said to anybody or logged has a token in it, nor an authorization server's own words:
//! its error code, and where it is.

mod claims;
mod client;
mod exchange;
mod issued;
mod jag;
mod shelf;

pub use client::Client;

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};

use crate::{access::Identity, secret::Secret, upstream::guarded::Guarded};

use self::{
    issued::{Purpose, Token},
    shelf::{Key, Shelf},
};

/// Gets tokens for servers, and keeps them while they are good.
#[derive(Debug)]
pub struct Broker {
    web: Arc<Guarded>,
    shelf: Arc<Shelf>,
}

/// A token that is wanted.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// The gateway's own (RFC 6749 §4.4).
    ClientCredentials {
        /// Where tokens are had.
        at: Client,
        /// What it is for (RFC 8707).
        resource: String,
        /// The scopes asked for.
        scopes: Vec<String>,
    },
    /// In exchange for the caller's (RFC 8693).
    TokenExchange {
        /// Where tokens are exchanged.
        at: Client,
        /// What it is for.
        resource: String,
        /// The scopes asked for.
        scopes: Vec<String>,
    },
    /// By an identity assertion, which the caller's is exchanged for.
    IdJag {
        /// The identity provider.
        idp: Box<Client>,
        /// The server's authorization server.
        at: Client,
        /// That server's issuer.
        audience: String,
        /// What it is for.
        resource: String,
        /// The scopes asked for.
        scopes: Vec<String>,
    },
}

/// Why there is no token, in words for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// The caller came with a key, which cannot be exchanged.
    #[error(
        "This tool needs a sign-in: call it with a token of your identity provider, not with a key"
    )]
    NoIdentity,
    /// The caller's own token has ended meanwhile.
    #[error("Your sign-in has ended: sign in again, and call this tool with the new token")]
    Expired,
    /// The authorization server would not.
    #[error("The tool's authorization server refused a token for you ({code})")]
    Refused {
        /// Its OAuth error code.
        code: String,
    },
    /// It gave one that is not what was asked for, and that is used for nothing.
    #[error("The tool's authorization server gave a token that is not good for this tool: {0}")]
    Unfit(&'static str),
    /// It could not be reached, or answered with something that is no answer.
    #[error("The tool's authorization server cannot be asked at present")]
    Unavailable,
}

impl Broker {
    /// With no token yet.
    pub fn new(web: Arc<Guarded>) -> Self {
        Self {
            web,
            shelf: Arc::default(),
        }
    }

    /// A token for a server, on behalf of this caller.
    ///
    /// # Errors
    /// There is none, or none at the deadline.
    pub async fn token(
        &self,
        wanted: &Wanted,
        caller: Option<&Identity>,
        deadline: Instant,
    ) -> Result<Secret, NoToken> {
        let caller = wanted.on_behalf_of(caller)?;
        let key = wanted.key(caller);
        let make = || {
            let (web, wanted, caller) = (self.web.clone(), wanted.clone(), caller.cloned());
            async move { wanted.fetch(&web, caller.as_ref()).await }.boxed()
        };
        let found = timeout_at(deadline, self.shelf.get(key, make)).await;
        found.unwrap_or(Err(NoToken::Unavailable))
    }

    /// Forgets a token that a server would not take, unless it is so new that another would be no better.
    pub fn forget(&self, wanted: &Wanted, caller: Option<&Identity>) {
        if let Ok(caller) = wanted.on_behalf_of(caller) {
            self.shelf.forget(&wanted.key(caller));
        }
    }
}

impl Wanted {
    /// The gateway's own token for the same server, from whoever gives tokens for it: what goes with requests that are
    /// made for nobody, like the one for a server's list.
    pub fn own(&self) -> Self {
        let Purpose { resource, scopes } = self.purpose();
        Self::ClientCredentials {
            at: self.at().clone(),
            resource: resource.to_owned(),
            scopes: scopes.to_vec(),
        }
    }

    /// A digest of whom a token would be got for and what it would be for, which stays the same when the caller's or
    /// that for the server is renewed; none where it is the gateway's own. Programs of one user are told apart: what
    /// one is let do, another may not be.
    pub fn person(&self, caller: Option<&Identity>) -> Option<[u8; 32]> {
        let caller = self.on_behalf_of(caller).ok()??;
        let mut parts = self.parts();
        parts.extend([&caller.issuer, &caller.subject].map(|part| part.to_string()));
        parts.extend(caller.client.iter().map(|client| client.to_string()));
        Some(shelf::key(&parts))
    }

    /// Whose token is exchanged; nobody's where the gateway comes as itself.
    fn on_behalf_of<'a>(
        &self,
        caller: Option<&'a Identity>,
    ) -> Result<Option<&'a Identity>, NoToken> {
        if matches!(self, Self::ClientCredentials { .. }) {
            return Ok(None);
        }
        let caller = caller.ok_or(NoToken::NoIdentity)?;
        let has_ended = caller.expires <= jiff::Timestamp::now();
        if has_ended {
            Err(NoToken::Expired)
        } else {
            Ok(Some(caller))
        }
    }

    /// What it is kept under.
    fn key(&self, caller: Option<&Identity>) -> Key {
        let mut parts = self.parts();
        parts.extend(caller.into_iter().flat_map(|caller| {
            let token = blake3::hash(caller.token.reveal().as_bytes());
            let who = [&caller.issuer, &caller.subject].map(|part| part.to_string());
            [who, [token.to_hex().to_string(), String::new()]].concat()
        }));
        shelf::key(&parts)
    }

    /// Everything but the caller that makes it another token.
    fn parts(&self) -> Vec<String> {
        let (kind, idp, audience) = match self {
            Self::ClientCredentials { .. } => ("client_credentials", None, ""),
            Self::TokenExchange { .. } => ("token_exchange", None, ""),
            Self::IdJag { idp, audience, .. } => ("id_jag", Some(&**idp), audience.as_str()),
        };
        let (at, Purpose { resource, scopes }) = (self.at(), self.purpose());
        let place = |client: &Client| [client.token_url.to_string(), client.id.clone()];
        let mut parts = vec![kind.to_owned(), audience.to_owned(), resource.to_owned()];
        parts.extend(place(at));
        parts.extend(idp.into_iter().flat_map(place));
        // Scopes have no spaces in them.
        parts.push(scopes.join(" "));
        parts
    }

    /// Where the token itself is had.
    fn at(&self) -> &Client {
        match self {
            Self::ClientCredentials { at, .. }
            | Self::TokenExchange { at, .. }
            | Self::IdJag { at, .. } => at,
        }
    }

    fn purpose(&self) -> Purpose<'_> {
        match self {
            Self::ClientCredentials {
                resource, scopes, ..
            }
            | Self::TokenExchange {
                resource, scopes, ..
            }
            | Self::IdJag {
                resource, scopes, ..
            } => Purpose { resource, scopes },
        }
    }

    async fn fetch(&self, web: &Guarded, caller: Option<&Identity>) -> Result<Token, NoToken> {
        let purpose = self.purpose();
        let fetched = match (self, caller) {
            (Self::ClientCredentials { at, .. }, _) => exchange::own(web, at, purpose).await,
            (Self::TokenExchange { at, .. }, Some(caller)) => {
                exchange::of(web, at, purpose, caller).await
            }
            (
                Self::IdJag {
                    idp, at, audience, ..
                },
                Some(caller),
            ) => jag::by(web, (idp, at, audience), purpose, caller).await,
            (_, None) => Err(NoToken::NoIdentity),
        };
        if let Err(error @ NoToken::Unfit(_)) = &fetched {
            let host = self.at().host();
            tracing::warn!(
                host,
                resource = purpose.resource,
                "a token was put away: {error}"
            );
        }
        fetched
    }
}
