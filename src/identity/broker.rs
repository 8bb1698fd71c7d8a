//! Tokens for servers: the gateway's own, or one in exchange for the caller's.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    access::Identity,
    secret::Secret,
    upstream::guarded::{Allow, Guarded},
};

/// Gets tokens for servers, and keeps them while they are good.
#[derive(Debug)]
pub struct Broker {
    web: Arc<Guarded>,
}

/// A token that is wanted.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// The gateway's own.
    ClientCredentials {
        /// Where tokens are had.
        at: Client,
        /// What it is for.
        resource: String,
        /// The scopes asked for.
        scopes: Vec<String>,
    },
    /// In exchange for the caller's.
    TokenExchange {
        /// Where tokens are exchanged.
        at: Client,
        /// What it is for.
        resource: String,
        /// The scopes asked for.
        scopes: Vec<String>,
    },
    /// By an identity assertion.
    IdJag {
        /// The identity provider.
        idp: Client,
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

/// The gateway at an authorization server.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where tokens are had.
    pub token_url: url::Url,
    /// The gateway's name there.
    pub id: String,
    /// The gateway's secret there.
    pub secret: Secret,
    /// What may be reached inside.
    pub allow: Allow,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// The caller came with a key, which cannot be exchanged.
    #[error(
        "This tool needs a sign-in: call it with a token of your identity provider, not with a key"
    )]
    NoIdentity,
    /// The authorization server would not.
    #[error("The tool's authorization server refused a token for you ({code})")]
    Refused {
        /// Its OAuth error code.
        code: String,
    },
    /// It could not be reached, or answered with something else.
    #[error("The tool's authorization server cannot be asked at present")]
    Unavailable,
}

impl Broker {
    /// With no token yet.
    pub fn new(web: Arc<Guarded>) -> Self {
        Self { web }
    }

    /// A token for a server, on behalf of this caller.
    pub async fn token(
        &self,
        _wanted: &Wanted,
        _caller: Option<&Identity>,
        _deadline: Instant,
    ) -> Result<Secret, NoToken> {
        let _ = &self.web;
        Err(NoToken::Unavailable)
    }

    /// Forgets a token that a server would not take.
    pub fn forget(&self, _wanted: &Wanted, _caller: Option<&Identity>) {}
}
