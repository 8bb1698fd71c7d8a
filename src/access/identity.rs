//! People and programs that come with a token of somebody else's, and who says who they are.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{Denied, Issuer};
use crate::{secret::Secret, telemetry};

/// Who a token speaks for, as its issuer says. It holds what the token says and nothing that follows from it: what that
/// allows is for the present configuration to say, and may be less after a reload.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The issuer, by the configuration's name for it.
    pub issuer: Arc<str>,
    /// The settings of its issuer that it was judged by.
    pub judged_by: Arc<Issuer>,
    /// Whom it names.
    pub subject: Arc<str>,
    /// The program the token was given to, where it says so.
    pub client: Option<Arc<str>>,
    /// Whom it is for.
    pub audiences: BTreeSet<String>,
    /// Its scopes, without what they imply.
    pub scopes: BTreeSet<String>,
    /// When it ends: its `exp`, and what clocks may differ by.
    pub expires: Timestamp,
    /// The token. It is sent to nobody but an authorization server that exchanges it.
    pub token: Secret,
}

impl Identity {
    /// What logs, limits and sessions know its holder by.
    pub fn name(&self) -> String {
        format!("{}/{}", self.issuer, self.subject)
    }

    /// How long the token is good still at this time; nothing when it is over.
    pub fn left(&self, now: Timestamp) -> Duration {
        let left = self.expires.duration_since(now);
        left.try_into().unwrap_or_default()
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

    /// The time by which tokens end: that of the clock on the wall.
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
