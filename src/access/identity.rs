//! People and programs that come with a token of somebody else's, and who says who they are.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::Denied;
use crate::{secret::Secret, telemetry};

/// Who a token speaks for, as its issuer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The issuer, by the configuration's name for it.
    pub issuer: Arc<str>,
    /// Whom it names.
    pub subject: Arc<str>,
    /// The program the token was given to, where it says so.
    pub client: Option<Arc<str>>,
    /// What it allows, with what that implies.
    pub scopes: BTreeSet<String>,
    /// When it ends: its `exp`, and what clocks may differ by.
    pub expires: jiff::Timestamp,
    /// The token. It is sent to nobody but an authorization server that exchanges it.
    pub token: Secret,
}

impl Identity {
    /// What logs, limits and sessions know its holder by.
    pub fn name(&self) -> String {
        format!("{}/{}", self.issuer, self.subject)
    }

    /// How long the token is good still; nothing when it is over.
    pub fn left(&self) -> Duration {
        let left = self.expires.duration_since(jiff::Timestamp::now());
        left.try_into().unwrap_or_default()
    }

    /// Whether the token is over.
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Whose token it is, as records tell.
    pub fn told(&self) -> telemetry::Identity {
        telemetry::Identity {
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
            client: self.client.clone(),
        }
    }
}

/// Says who comes with a token.
pub trait Tokens: fmt::Debug + Send + Sync {
    /// Who a token speaks for.
    ///
    /// # Errors
    /// It is no good, or nobody can tell at present.
    fn identify<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Arc<Identity>, Denied>>;
}
