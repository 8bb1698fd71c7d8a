//! What a token endpoint gave, and whether it is what was asked for.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{NoToken, claims::Claims, client::Client};
use crate::{access::Identity, secret::Secret};

/// The longest token, in bytes. It must fit into a header with others.
const LONGEST_TOKEN: usize = 16 * 1024;

/// How long a token is good whose server does not say (RFC 6749 §5.1 recommends that it does).
const UNTOLD: Duration = Duration::from_secs(60);

/// The longest a token is kept, whatever it says: so long at most a withdrawn right stays in force.
const LONGEST_KEPT: Duration = Duration::from_secs(60 * 60);

/// Before its end a token is not given out any more: the request it goes with takes time, and clocks differ.
const MARGIN: Duration = Duration::from_secs(30);

/// What a token is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purpose<'a> {
    pub(super) resource: &'a str,
    pub(super) scopes: &'a [String],
}

impl Purpose<'_> {
    /// The scopes as a form has them.
    pub(super) fn scope(&self) -> String {
        self.scopes.join(" ")
    }

    /// That no more was granted than was asked for. Where nothing was, the server chooses.
    pub(super) fn covers(&self, granted: &str) -> Result<(), NoToken> {
        let mut granted = granted.split(' ').filter(|scope| !scope.is_empty());
        let asked = |scope: &str| self.scopes.iter().any(|asked| asked == scope);
        if self.scopes.is_empty() || granted.all(asked) {
            return Ok(());
        }
        Err(NoToken::Unfit("it allows more than was asked for"))
    }
}

/// A token that is good for its purpose.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    /// When it is given out no more.
    pub(super) until: Instant,
}

/// What a token endpoint gave.
pub(super) struct Issued {
    pub(super) token: Secret,
    /// How it is shown: `Bearer`, or `N_A` for what is shown to nobody but another token endpoint.
    pub(super) shown_as: String,
    /// What it is (RFC 8693 §3).
    pub(super) kind: Option<String>,
    scope: Option<String>,
    lasts: Option<Duration>,
}

/// Everything else in the answer is left there: a refresh token above all.
#[derive(Deserialize)]
struct Said {
    access_token: String,
    token_type: String,
    issued_token_type: Option<String>,
    expires_in: Option<Value>,
    scope: Option<String>,
}

impl Issued {
    /// Reads an answer.
    pub(super) fn read(body: &[u8]) -> Result<Self, NoToken> {
        let said: Said = serde_json::from_slice(body).map_err(|_| NoToken::Unavailable)?;
        let token = Secret::new(said.access_token);
        let text = token.reveal();
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > LONGEST_TOKEN || !printable {
            return Err(NoToken::Unfit("it cannot stand in a header"));
        }
        Ok(Self {
            token,
            shown_as: said.token_type,
            kind: said.issued_token_type,
            scope: said.scope,
            lasts: said.expires_in.as_ref().map(seconds),
        })
    }

    /// That it was granted for no more than was asked for.
    pub(super) fn grants_no_more(&self, purpose: Purpose<'_>) -> Result<(), NoToken> {
        purpose.covers(self.scope.as_deref().unwrap_or_default())
    }

    /// The token, to be shown to the server it is for.
    pub(super) fn bearer(
        self,
        at: &Client,
        purpose: Purpose<'_>,
        caller: Option<&Identity>,
    ) -> Result<Token, NoToken> {
        if !self.shown_as.eq_ignore_ascii_case("bearer") {
            return Err(NoToken::Unfit("it is no bearer token"));
        }
        self.grants_no_more(purpose)?;
        let mut lasts = self.lasts;
        if let Some(claims) = Claims::read(&self.token)? {
            if !claims.are_for(purpose.resource) {
                return Err(NoToken::Unfit(
                    "it is for another server, or for others too",
                ));
            }
            purpose.covers(&claims.scope())?;
            let told = claims.remaining()?;
            lasts = Some(lasts.map_or(told, |lasts| lasts.min(told)));
            // Mistaking who acts for whom would give every caller the gateway's own rights.
            if caller.is_some_and(|caller| claims.name(&at.id) && *caller.subject != *at.id) {
                return Err(NoToken::Unfit(
                    "it speaks for this gateway, and not for you",
                ));
            }
        }
        let lasts = lasts.unwrap_or(UNTOLD).min(LONGEST_KEPT);
        // It was given on the word of the caller's, and is used no longer than that one is good.
        let lasts = caller.map_or(lasts, |caller| lasts.min(left(caller)));
        Ok(Token {
            secret: self.token,
            until: Instant::now() + lasts.saturating_sub(MARGIN),
        })
    }
}

/// How long a caller's own token is still good.
fn left(caller: &Identity) -> Duration {
    let left = caller.expires.duration_since(jiff::Timestamp::now());
    Duration::try_from(left).unwrap_or_default()
}

/// A number of seconds, which some servers write as text. What is no such number is none.
fn seconds(value: &Value) -> Duration {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    let number = number.filter(|number: &f64| number.is_finite());
    Duration::from_secs_f64(number.unwrap_or(0.0).clamp(0.0, LONGEST_KEPT.as_secs_f64()))
}
