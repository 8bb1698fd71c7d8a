//! Whether a token is good, and whose it is.
//!
//! Everything about what is good comes from the configuration: issuers, algorithms, audiences. A token only says which
//! of them it claims. What was found out is kept for at most a minute under the digest of the whole token, and no longer
//! than the keys that vouched for it are its issuer's.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;

use super::{
    authority::Authority,
    claims,
    flights::{Flights, Verdict},
    jwt::{Form, Jwt},
    kept::{Digest, Kept},
    keyring::Wanted,
    keys::KeySet,
};
use crate::{
    access::{Denied, Identity, OAuth, Tokens},
    secret::Secret,
    telemetry::Ledger,
    upstream::guarded::Guarded,
};

/// The most good tokens that are kept, each with up to 16 KiB.
const MOST_GOOD: usize = 10_000;

/// The most tokens that are kept because their issuer refused them.
const MOST_REFUSED: usize = 10_000;

/// How long a refusal of an issuer is kept. A token may become good again only with clocks that differ.
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// Judges tokens of the issuers of one configuration.
#[derive(Debug)]
pub struct Verifier {
    settings: Arc<OAuth>,
    authorities: Vec<Arc<Authority>>,
    good: Arc<Kept<Good>>,
    refused: Arc<Kept<Denied>>,
    flights: Flights,
    ledger: Arc<Ledger>,
}

/// A token that was found good.
#[derive(Clone, Debug)]
struct Good {
    identity: Arc<Identity>,
    /// Its issuer, as it was when it vouched.
    authority: Weak<Authority>,
    /// The keys that vouch for it; none where its issuer itself does.
    keys: Option<Weak<KeySet>>,
}

impl Verifier {
    /// Judges by these settings. `secrets` are the gateway's at the issuers' introspection endpoints, one for each
    /// issuer that has one. An issuer about which [`super::problems`] tells something has no good tokens.
    pub fn new(
        settings: OAuth,
        secrets: Vec<Option<Secret>>,
        web: Arc<Guarded>,
        ledger: Arc<Ledger>,
    ) -> Self {
        let secrets = secrets.into_iter().chain(std::iter::repeat(None));
        let authorities = settings.issuers.iter().zip(secrets);
        let authorities = authorities.filter_map(|(issuer, secret)| {
            Authority::new(issuer.clone(), secret, web.clone(), ledger.clone()).map(Arc::new)
        });
        Self {
            authorities: authorities.collect(),
            settings: Arc::new(settings),
            good: Arc::new(Kept::new(MOST_GOOD)),
            refused: Arc::new(Kept::new(MOST_REFUSED)),
            flights: Flights::default(),
            ledger,
        }
    }

    /// The same, with what was known of issuers that have not changed, and of their tokens: a reload while one is down
    /// locks nobody out.
    pub fn after(mut self, before: &Self) -> Self {
        for authority in &mut self.authorities {
            if let Some(same) = before.authorities.iter().find(|other| other.is(authority)) {
                *authority = same.clone();
            }
        }
        if claims::are_read_alike(&self.settings, &before.settings) {
            self.good = before.good.clone();
        }
        self
    }

    /// What is known of a token already.
    pub(super) fn known(&self, token: &Digest) -> Option<Verdict> {
        if let Some(good) = self.good.get(token) {
            let mut here = self.authorities.iter();
            let vouched = here.any(|it| Arc::as_ptr(it) == good.authority.as_ptr())
                && good.keys.is_none_or(|keys| keys.strong_count() > 0);
            return vouched.then_some(Ok(good.identity));
        }
        self.refused.get(token).map(Err)
    }

    /// Judges a signed token.
    async fn signed(&self, token: &str, digest: Digest) -> Verdict {
        let jwt = Jwt::read(token)?;
        let issued = |authority: &&Arc<Authority>| authority.settings.issuer == jwt.issuer;
        let authority = self.authorities.iter().find(issued);
        let authority = authority.ok_or(Denied::BadToken("its issuer is not known here"))?;
        jwt.suits(&authority.settings)?;
        let wanted = Wanted {
            key: jwt.key.as_deref(),
            algorithm: jwt.algorithm,
        };
        let keys = authority.keys.with(wanted).await?;
        let key = wanted.among(&keys);
        if !key.is_some_and(|key| key.signed(jwt.algorithm, jwt.signed, jwt.signature)) {
            return Err(Denied::BadToken("its signature is wrong"));
        }
        let now = Timestamp::now();
        let identity = claims::identity(&jwt.claims, token, authority, &self.settings, now)?;
        let good = Good {
            identity: Arc::new(identity),
            authority: Arc::downgrade(authority),
            keys: Some(Arc::downgrade(&keys)),
        };
        Ok(keep(&self.good, digest, good))
    }

    /// Has its issuer judge a token.
    async fn opaque(&self, token: &str, digest: Digest) -> Verdict {
        let mut asked = self.authorities.iter().filter(|it| it.inquiry.is_some());
        let asked = asked
            .next()
            .ok_or(Denied::BadToken("it is no JSON Web Token"))?;
        let ask = || {
            let (settings, authority) = (self.settings.clone(), asked.clone());
            let (good, refused) = (self.good.clone(), self.refused.clone());
            let token = Secret::new(token);
            async move {
                match inquire(&authority, &settings, token.reveal()).await {
                    Ok(identity) => {
                        let vouched = Good {
                            identity,
                            authority: Arc::downgrade(&authority),
                            keys: None,
                        };
                        Ok(keep(&good, digest, vouched))
                    }
                    Err(denied) => {
                        if denied != Denied::NoTell {
                            refused.put(digest, denied, REFUSED_FOR);
                        }
                        Err(denied)
                    }
                }
            }
            .boxed()
        };
        self.flights.join(digest, ask).ok_or(Denied::NoTell)?.await
    }

    /// Counts what was found, and tells the operator why a token was refused.
    fn count(&self, outcome: &'static str, verdict: &Verdict) {
        if let Err(Denied::BadToken(why)) = verdict {
            tracing::debug!("a token was refused: {why}");
        }
        let checks = &self.ledger.metrics().token_checks;
        checks.with_label_values(&[outcome]).inc();
    }
}

/// Asks an issuer about a token.
async fn inquire(authority: &Authority, settings: &OAuth, token: &str) -> Verdict {
    let inquiry = authority.inquiry.as_ref().ok_or(Denied::NoTell)?;
    let told = inquiry.ask(token).await?;
    // Answers take their time; the token's is counted from when they are here.
    let now = Timestamp::now();
    claims::identity(&told, token, authority, settings, now).map(Arc::new)
}

/// Keeps a good token while it is.
fn keep(good: &Kept<Good>, token: Digest, found: Good) -> Arc<Identity> {
    let identity = found.identity.clone();
    good.put(token, found, claims::kept_for(&identity, Timestamp::now()));
    identity
}

impl Tokens for Verifier {
    fn identify<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Verdict> {
        let form = match Form::of(token) {
            Ok(form) => form,
            Err(denied) => {
                self.count("bad", &Err(denied));
                return std::future::ready(Err(denied)).boxed();
            }
        };
        let digest = *blake3::hash(token.as_bytes()).as_bytes();
        if let Some(known) = self.known(&digest) {
            self.count("known", &known);
            return std::future::ready(known).boxed();
        }
        async move {
            let verdict = match form {
                Form::Signed => self.signed(token, digest).await,
                Form::Opaque => self.opaque(token, digest).await,
            };
            let outcome = match &verdict {
                Ok(_) => "good",
                Err(Denied::Expired) => "expired",
                Err(Denied::NoTell) => "no_tell",
                Err(_) => "bad",
            };
            self.count(outcome, &verdict);
            verdict
        }
        .boxed()
    }
}
