//! An issuer that is away: a reload meanwhile locks nobody out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{
    Answer, Gateway, chat,
    web::{self, Web},
};

/// An issuer on this machine, with one key. It says of every token that it is Ann's.
struct Issuer {
    web: Web,
    pair: Ed25519KeyPair,
    away: Arc<AtomicBool>,
}

impl Issuer {
    async fn start() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = encode(pair.public_key());
        let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x});
        let keys = json!({"keys": [key]}).to_string();
        let away: Arc<AtomicBool> = Arc::default();
        let gone = away.clone();
        let says = move |asked: &str| match gone.load(Ordering::SeqCst) {
            true => web::json(503, "{}"),
            false if asked.starts_with("POST /introspect ") => {
                let mut claims = claims("ann");
                claims["active"] = true.into();
                web::json(200, &claims.to_string())
            }
            false => web::json(200, &keys),
        };
        let web = Web::start("127.0.0.1:0", says).await;
        Self { web, pair, away }
    }

    /// A configuration that trusts it, with a scope for these routes.
    fn config(&self, routes: &str) -> String {
        self.config_with(routes, "")
    }

    /// The same, where it is asked about tokens that only it understands; `more` is said of it too.
    fn config_asking(&self, routes: &str, more: &str) -> String {
        let url = format!("http://{}/introspect", self.web.address);
        let us = "client_id: gateway, client_secret: a-secret-of-many-letters";
        self.config_with(
            routes,
            &format!(", introspection: {{ url: '{url}', {us} }}{more}"),
        )
    }

    fn config_with(&self, routes: &str, more: &str) -> String {
        let url = format!("http://{}", self.web.address);
        format!(
            "
providers: {{ s: {{ dialect: simulated, first_token: 0ms, models: {{ fast: {{}} }} }} }}
routes: {{ a: {{ targets: [s/fast] }}, b: {{ targets: [s/fast] }} }}
access:
  oauth:
    resource: http://127.0.0.1:8080/mcp
    issuers: [{{ issuer: '{url}', name: corp, jwks: '{url}/keys', allow_private: [127.0.0.1]{more} }}]
    scopes: {{ chat: {{ routes: {routes} }} }}
"
        )
    }

    /// A token of somebody.
    fn token(&self, subject: &str) -> String {
        let header = json!({"alg": "EdDSA", "kid": "one", "typ": "at+jwt"});
        let mut claims = claims(subject);
        claims["iss"] = format!("http://{}", self.web.address).into();
        let signed = [header, claims]
            .map(|part| encode(part.to_string()))
            .join(".");
        let signature = encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// What is said of a good token of somebody.
fn claims(subject: &str) -> Value {
    let now = jiff::Timestamp::now().as_second();
    json!({
        "aud": "http://127.0.0.1:8080/mcp", "sub": subject,
        "iat": now, "exp": now + 3_600, "scope": "chat",
    })
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

async fn ask(gateway: &Gateway, token: &str, route: &str) -> Answer {
    let request = gateway.post("/v1/chat/completions", chat(route, false));
    gateway.send(request.bearer_auth(token)).await
}

#[tokio::test]
async fn a_reload_while_an_issuer_is_away_locks_nobody_out() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::start(&issuer.config("[a]")).await;
    let ann = issuer.token("ann");
    assert_eq!(ask(&gateway, &ann, "a").await.status, 200);
    assert_eq!(ask(&gateway, &ann, "b").await.status, 403);
    issuer.away.store(true, Ordering::SeqCst);
    gateway.reconfigure(&issuer.config("[a, b]")).await;
    assert_eq!(ask(&gateway, &ann, "b").await.status, 200);
    let bob = ask(&gateway, &issuer.token("bob"), "b").await;
    assert_eq!(bob.status, 200, "{}", bob.body);
    assert_eq!(issuer.web.asked().len(), 1);
}

#[tokio::test]
async fn what_an_issuer_said_of_a_token_outlives_a_reload_and_no_minute() {
    let issuer = Issuer::start().await;
    let gateway = Gateway::start(&issuer.config_asking("[a]", "")).await;
    assert_eq!(ask(&gateway, "opaque", "a").await.status, 200);
    assert_eq!(ask(&gateway, "opaque", "b").await.status, 403);
    issuer.away.store(true, Ordering::SeqCst);
    // Its rights are those of now; whose it is was said less than a minute ago.
    gateway
        .reconfigure(&issuer.config_asking("[a, b]", ""))
        .await;
    assert_eq!(ask(&gateway, "opaque", "b").await.status, 200);
    assert_eq!(issuer.web.asked().len(), 1);
    // Nobody can tell of one that was never asked about.
    assert_eq!(ask(&gateway, "another", "b").await.status, 503);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(60)).await;
    tokio::time::resume();
    assert_eq!(ask(&gateway, "opaque", "b").await.status, 503);
}

#[tokio::test]
async fn what_was_judged_by_other_rules_is_judged_anew() {
    let issuer = Issuer::start().await;
    let plain = issuer.config_asking("[a]", "");
    let other_issuer = issuer.config_asking("[a]", ", keys_for: 1m");
    let other_audience = plain.replace(":8080/mcp", ":8081/mcp");
    let other_implied = plain.replace("routes: [a]", "routes: [a], implies: [other]");
    for changed in [other_issuer, other_audience, other_implied] {
        assert_ne!(changed, plain);
        issuer.away.store(false, Ordering::SeqCst);
        let gateway = Gateway::start(&plain).await;
        for token in ["opaque", &issuer.token("ann")] {
            assert_eq!(ask(&gateway, token, "a").await.status, 200);
        }
        issuer.away.store(true, Ordering::SeqCst);
        let before = issuer.web.asked().len();
        gateway.reconfigure(&changed).await;
        assert_eq!(ask(&gateway, "opaque", "a").await.status, 503, "{changed}");
        assert!(issuer.web.asked().len() > before);
    }
}
