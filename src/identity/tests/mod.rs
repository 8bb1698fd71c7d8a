//! An issuer as a test scripts it, its keys, and what a verifier makes of its tokens and of forgeries.

mod discovery;
mod forgeries;
mod keys;
mod opaque;
mod peer;
mod signer;
mod tokens;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Verifier;
use crate::{
    access::{Denied, Grant, Identity, Introspection, Issuer, OAuth, TokenType, Tokens},
    secret::Secret,
    telemetry::Ledger,
    upstream::guarded::Guarded,
};
use peer::Peer;
use signer::Signer;

const RESOURCE: &str = "https://gateway.example.com/mcp";

/// An issuer with one key, and a verifier that trusts it.
struct Stage {
    idp: Peer,
    signer: Signer,
    verifier: Verifier,
    ledger: Arc<Ledger>,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings of its own.
    async fn with(change: impl FnOnce(&mut OAuth)) -> Self {
        let idp = Peer::start().await;
        let signer = Signer::p256("one");
        idp.publishes(&[&signer]);
        let mut settings = settings(&idp);
        change(&mut settings);
        let ledger = Ledger::start(None);
        let verifier = verifier(settings, &ledger);
        Self {
            idp,
            signer,
            verifier,
            ledger,
        }
    }

    /// The claims of a good token.
    fn claims(&self) -> Value {
        claims(&self.idp)
    }

    /// A good token with other claims; `null` takes one away.
    fn token(&self, changes: &Value) -> String {
        self.signer.token(&changed(self.claims(), changes))
    }

    async fn check(&self, token: &str) -> Result<Arc<Identity>, Denied> {
        self.verifier.identify(token).await
    }

    #[track_caller]
    fn counted(&self, series: &str) {
        let metrics = self.ledger.metrics().render();
        assert!(metrics.lines().any(|line| line == series), "{metrics}");
    }
}

/// Settings that trust an issuer on this machine.
fn settings(idp: &Peer) -> OAuth {
    let issuer = Issuer {
        issuer: idp.url(""),
        name: Some("staff".into()),
        jwks: Some(idp.url("/keys")),
        allow_private: vec!["127.0.0.1".into()],
        ..Issuer::default()
    };
    let write = Grant {
        implies: vec!["docs:read".into()],
        ..Grant::default()
    };
    OAuth {
        resource: RESOURCE.into(),
        issuers: vec![issuer],
        scopes: BTreeMap::from([
            ("docs:read".into(), Grant::default()),
            ("docs:write".into(), write),
        ]),
        ..OAuth::default()
    }
}

fn verifier(settings: OAuth, ledger: &Arc<Ledger>) -> Verifier {
    let secrets = settings.issuers.iter().map(|issuer| {
        let asked = issuer.introspection.is_some();
        asked.then(|| Secret::new("s:cret"))
    });
    let secrets = secrets.collect();
    Verifier::new(
        settings,
        secrets,
        Arc::new(Guarded::default()),
        ledger.clone(),
    )
}

fn claims(idp: &Peer) -> Value {
    let now = Timestamp::now().as_second();
    json!({
        "iss": idp.url(""), "aud": RESOURCE, "sub": "ada", "client_id": "agent",
        "iat": now, "exp": now + 3_600, "scope": "docs:write other",
    })
}

/// The same object with other members; `null` takes one away.
fn changed(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => members.remove(key),
            value => members.insert(key.clone(), value.clone()),
        };
    }
    claims
}

/// Time passes, and nothing else happens in it.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[track_caller]
fn bad(verdict: Result<Arc<Identity>, Denied>, what: &str) {
    assert!(
        matches!(verdict, Err(Denied::BadToken(_))),
        "{what}: {verdict:?}"
    );
}
