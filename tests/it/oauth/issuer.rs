//! An issuer on this machine, with one key. Whatever token it is asked about: it says that it is Ann's.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::web::{self, Web};

/// The issuer. Gone when dropped.
pub(crate) struct Issuer {
    pub(super) web: Web,
    pair: Ed25519KeyPair,
    /// Whether it has no answers.
    pub(super) away: Arc<AtomicBool>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
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

    /// A configuration that trusts it, with one scope that allows this.
    pub(crate) fn config(&self, allows: &str) -> String {
        self.config_with(allows, "")
    }

    /// The same, where it is asked about tokens that only it understands; `more` is said of it too.
    pub(super) fn config_asking(&self, allows: &str, more: &str) -> String {
        let url = format!("http://{}/introspect", self.web.address);
        let us = "client_id: gateway, client_secret: a-secret-of-many-letters";
        self.config_with(
            allows,
            &format!(", introspection: {{ url: '{url}', {us} }}{more}"),
        )
    }

    fn config_with(&self, allows: &str, more: &str) -> String {
        let url = format!("http://{}", self.web.address);
        format!(
            "
providers: {{ s: {{ dialect: simulated, first_token: 0ms, models: {{ fast: {{}} }} }} }}
routes: {{ a: {{ targets: [s/fast] }}, b: {{ targets: [s/fast] }} }}
access:
  oauth:
    resource: http://127.0.0.1:8080/mcp
    issuers: [{{ issuer: '{url}', name: corp, jwks: '{url}/keys', allow_private: [127.0.0.1]{more} }}]
    scopes: {{ chat: {{ {allows} }} }}
"
        )
    }

    /// A token of somebody.
    pub(crate) fn token(&self, subject: &str) -> String {
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
