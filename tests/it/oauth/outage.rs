//! An issuer that is away: a reload meanwhile locks nobody out.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use crate::support::{
    Answer, Gateway, chat,
    web::{self, Web},
};

/// An issuer on this machine, with one key.
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
        let says = move |_: &str| match gone.load(Ordering::SeqCst) {
            true => web::json(503, "{}"),
            false => web::json(200, &keys),
        };
        let web = Web::start("127.0.0.1:0", says).await;
        Self { web, pair, away }
    }

    /// A configuration that trusts it, with a scope for these routes.
    fn config(&self, routes: &str) -> String {
        let url = format!("http://{}", self.web.address);
        format!(
            "
providers: {{ s: {{ dialect: simulated, first_token: 0ms, models: {{ fast: {{}} }} }} }}
routes: {{ a: {{ targets: [s/fast] }}, b: {{ targets: [s/fast] }} }}
access:
  oauth:
    resource: http://127.0.0.1:8080/mcp
    issuers: [{{ issuer: '{url}', name: corp, jwks: '{url}/keys', allow_private: [127.0.0.1] }}]
    scopes: {{ chat: {{ routes: {routes} }} }}
"
        )
    }

    /// A token of somebody.
    fn token(&self, subject: &str) -> String {
        let header = json!({"alg": "EdDSA", "kid": "one", "typ": "at+jwt"});
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "iss": format!("http://{}", self.web.address), "aud": "http://127.0.0.1:8080/mcp",
            "sub": subject, "iat": now, "exp": now + 3_600, "scope": "chat",
        });
        let signed = [header, claims]
            .map(|part| encode(part.to_string()))
            .join(".");
        let signature = encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
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
