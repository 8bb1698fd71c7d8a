//! What must be true of a good token's claims, whether a signature or the issuer itself vouches for them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};

use super::authority::Authority;
use crate::{
    access::{Denied, Identity, OAuth},
    character::is_hidden,
    json::Object,
    secret::Secret,
};

/// How far clocks may differ.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// The longest subject or client, in bytes (OpenID Connect Core §2 has this bound for `sub`).
const LONGEST_NAME: usize = 255;

/// The longest time for which a verdict is kept. A token that is revoked is good for as much longer.
const LONGEST_KEPT: Duration = Duration::from_secs(60);

/// One text or several: `aud` is either, and so are scopes, by issuer.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

/// Whom these claims speak for.
pub(super) fn identity(
    claims: &Object<'_>,
    token: &str,
    authority: &Authority,
    settings: &OAuth,
    now: Timestamp,
) -> Result<Identity, Denied> {
    let audiences: Option<OneOrMore> = read(claims, "aud")?;
    let audiences = audiences.map(OneOrMore::into_vec).unwrap_or_default();
    if !audiences.iter().any(|name| settings.is_audience(name)) {
        return Err(Denied::BadToken("it was made for another audience"));
    }
    if claims.has("cnf") {
        // It is worth nothing without a proof (RFC 7800, RFC 9449). Taken without one, a stolen token would be good.
        return Err(Denied::BadToken(
            "it is bound to a proof, which is not taken here",
        ));
    }
    let expires = expiry(claims, now)?;
    let client = match name(claims, "client_id")? {
        None => name(claims, "azp")?,
        client => client,
    };
    Ok(Identity {
        issuer: authority.name.clone(),
        judged_by: authority.settings.clone(),
        subject: name(claims, "sub")?.ok_or(Denied::BadToken("it names nobody"))?,
        client,
        audiences: audiences.into_iter().collect(),
        scopes: scopes(claims)?,
        expires,
        token: Secret::new(token),
    })
}

/// Whether the claims of a token say the same by either of these settings.
pub(super) fn are_read_alike(one: &OAuth, other: &OAuth) -> bool {
    let implied = |settings: &OAuth| -> BTreeSet<(String, Vec<String>)> {
        let scopes = settings.scopes.iter();
        let scopes = scopes.map(|(scope, grant)| (scope.clone(), grant.implies.clone()));
        scopes.filter(|(_, implies)| !implies.is_empty()).collect()
    };
    one.resource == other.resource
        && one.audiences == other.audiences
        && implied(one) == implied(other)
}

/// How long a verdict on this identity may be kept: never beyond the token's own end.
pub(super) fn kept_for(identity: &Identity, now: Timestamp) -> Duration {
    let end = identity.expires.saturating_sub(LEEWAY);
    let left = end.map(|end| end.duration_since(now)).unwrap_or_default();
    Duration::try_from(left).map_or(Duration::ZERO, |left| left.min(LONGEST_KEPT))
}

/// When it ends, with the leeway; and whether it is its time.
fn expiry(claims: &Object<'_>, now: Timestamp) -> Result<Timestamp, Denied> {
    let ends = time(claims, "exp")?.ok_or(Denied::BadToken("it has no end"))?;
    let ends = ends.checked_add(LEEWAY).map_err(|_| NO_TIME)?;
    if ends <= now {
        return Err(Denied::Expired);
    }
    let latest = now.checked_add(LEEWAY).map_err(|_| NO_TIME)?;
    for claim in ["nbf", "iat"] {
        if time(claims, claim)?.is_some_and(|time| time > latest) {
            return Err(Denied::BadToken("its time has not come yet"));
        }
    }
    Ok(ends)
}

const NO_TIME: Denied = Denied::BadToken("one of its times is none");

/// Seconds since 1970, whole or not (RFC 7519 §2).
fn time(claims: &Object<'_>, key: &str) -> Result<Option<Timestamp>, Denied> {
    let seconds: Option<f64> = claims.read(key).map_err(|_| NO_TIME)?;
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    let latest = Timestamp::MAX.as_second() as f64;
    if !(0.0..=latest).contains(&seconds) {
        return Err(NO_TIME);
    }
    // In bounds, so the conversion cuts the fraction off and nothing else.
    Timestamp::from_second(seconds as i64)
        .map(Some)
        .map_err(|_| NO_TIME)
}

/// A name that may stand in logs.
fn name(claims: &Object<'_>, key: &str) -> Result<Option<Arc<str>>, Denied> {
    let name: Option<String> = read(claims, key)?;
    let Some(name) = name else { return Ok(None) };
    if name.trim().is_empty() || name.len() > LONGEST_NAME || name.chars().any(is_hidden) {
        return Err(Denied::BadToken("one of its names is unfit to be one"));
    }
    Ok(Some(name.into()))
}

/// `scope` (RFC 8693 §4.2) and `scp` (Okta, Entra), each a list or words with spaces between.
fn scopes(claims: &Object<'_>) -> Result<BTreeSet<String>, Denied> {
    let mut scopes = BTreeSet::new();
    for claim in ["scope", "scp"] {
        let written: Option<OneOrMore> = read(claims, claim)?;
        for words in written.map(OneOrMore::into_vec).unwrap_or_default() {
            scopes.extend(words.split_ascii_whitespace().map(str::to_owned));
        }
    }
    Ok(scopes)
}

fn read<T: DeserializeOwned>(claims: &Object<'_>, key: &str) -> Result<Option<T>, Denied> {
    let wrong = |_| Denied::BadToken("one of its claims has the wrong type");
    claims.read(key).map_err(wrong)
}
