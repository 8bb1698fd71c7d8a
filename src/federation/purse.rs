//! Where the token of a request comes from that brings none of its own: a handshake, a list, an answer, the end of a
//! session.

use std::sync::{Arc, Mutex, PoisonError};

use super::OwnTokens;
use crate::secret::Secret;

/// Whose tokens a connection carries. One of a person never carries the gateway's own.
#[derive(Clone, Debug)]
pub(super) enum Purse {
    /// The gateway's.
    Gateways(Arc<dyn OwnTokens>),
    /// A person's.
    Persons(Arc<Newest>),
}

impl Purse {
    /// A token for this server, if it wants one; else why none is to be had.
    pub(super) async fn token(&self, server: &str) -> Result<Option<Secret>, String> {
        match self {
            Self::Gateways(own) => own.token(server).await,
            Self::Persons(newest) => Ok(Some(newest.get())),
        }
    }
}

/// The newest token a person came with. Tokens are renewed while a session lives.
#[derive(Debug)]
pub(super) struct Newest(Mutex<Secret>);

impl Newest {
    pub(super) fn new(token: &Secret) -> Self {
        Self(Mutex::new(token.clone()))
    }

    /// A newer one.
    pub(super) fn put(&self, token: &Secret) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
    }

    fn get(&self) -> Secret {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.clone()
    }
}
