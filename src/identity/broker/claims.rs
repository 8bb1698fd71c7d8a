//! What a token says of itself, where it is a JWT.
//!
//! Its signature is not checked: it came from its issuer over the connection it was asked for on, and the server it is
//! shown to checks it. It is read for one reason: a token that is good elsewhere too must not be shown to this server.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};

use super::NoToken;
use crate::secret::Secret;

/// The longest a token may be good. Who gives one for longer gives a key.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How far clocks may differ.
const LEEWAY: Duration = Duration::from_secs(60);

/// The claims that are looked at. One that is there twice makes the token unreadable.
#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(skip)]
    kind: Option<String>,
    aud: Option<OneOrMany>,
    exp: Option<f64>,
    sub: Option<String>,
    client_id: Option<String>,
    resource: Option<OneOrMany>,
    scope: Option<OneOrMany>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
}

impl Claims {
    /// The claims of a JWT; none of what is no JWT, which has no meaning but to its issuer.
    pub(super) fn read(token: &Secret) -> Result<Option<Self>, NoToken> {
        let mut parts = token.reveal().split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Ok(None);
        };
        let Some(header) = decode::<Header>(header) else {
            return Ok(None);
        };
        if header.alg.eq_ignore_ascii_case("none") {
            return Err(NoToken::Unfit("it is not signed"));
        }
        let claims = decode::<Self>(payload).ok_or(NoToken::Unfit("its claims cannot be read"))?;
        Ok(Some(Self {
            kind: header.typ,
            ..claims
        }))
    }

    /// Whether its `typ` is this.
    pub(super) fn is_a(&self, kind: &str) -> bool {
        let told = self.kind.as_deref().unwrap_or_default();
        let told = told.strip_prefix("application/").unwrap_or(told);
        told.eq_ignore_ascii_case(kind)
    }

    /// Whether it is for this audience and nobody else, letter by letter.
    pub(super) fn are_for(&self, audience: &str) -> bool {
        self.aud.as_ref().is_some_and(|aud| aud.is_only(audience))
    }

    /// Whether it is for this resource, where it names one.
    pub(super) fn fit_resource(&self, resource: &str) -> bool {
        let named = self.resource.as_ref();
        named.is_none_or(|named| named.is_only(resource))
    }

    /// Whether it was given to this client.
    pub(super) fn are_of(&self, client: &str) -> bool {
        self.client_id.as_deref() == Some(client)
    }

    /// Whether this is whom it names.
    pub(super) fn name(&self, subject: &str) -> bool {
        self.sub.as_deref() == Some(subject)
    }

    /// What it allows, as RFC 9068 writes it.
    pub(super) fn scope(&self) -> String {
        match &self.scope {
            None => String::new(),
            Some(OneOrMany::One(scope)) => scope.clone(),
            Some(OneOrMany::Many(scopes)) => scopes.join(" "),
        }
    }

    /// How long it is still good.
    pub(super) fn remaining(&self) -> Result<Duration, NoToken> {
        let now = Timestamp::now().as_duration().as_secs_f64();
        let left = self.exp.ok_or(NoToken::Unfit("it has no end"))? - now;
        if !(-LEEWAY.as_secs_f64()..=LONGEST.as_secs_f64()).contains(&left) {
            return Err(NoToken::Unfit("its end is past, or too far away"));
        }
        Ok(Duration::from_secs_f64(left.max(0.0)))
    }
}

impl OneOrMany {
    fn is_only(&self, wanted: &str) -> bool {
        match self {
            Self::One(one) => one == wanted,
            Self::Many(many) => matches!(&many[..], [one] if one == wanted),
        }
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}
