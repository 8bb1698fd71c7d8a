//! Asking an issuer about tokens that only it understands (RFC 7662).

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::header;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use url::{Url, form_urlencoded};

use super::{
    discovery::Discovery,
    reader::{Missing, PATIENCE, Reader},
};
use crate::{access::Denied, json::Object, secret::Secret, upstream::guarded::Bound};

/// The largest answer, in bytes.
const LARGEST: usize = 64 * 1024;

/// How many questions an issuer is asked at a time. The others wait, and not longer than for an answer.
const AT_A_TIME: usize = 32;

/// Where an issuer is asked about tokens, and by whom.
#[derive(Debug)]
pub(super) struct Inquiry {
    /// The issuer's name for logs, and what its answers say in `iss`.
    name: Arc<str>,
    issuer: String,
    /// The endpoint, where the configuration says; else the issuer's metadata does.
    url: Option<Url>,
    discovery: Arc<Discovery>,
    /// The gateway's name and secret there, as the `Basic` scheme has them.
    credentials: Secret,
    reader: Arc<Reader>,
    seats: Semaphore,
}

impl Inquiry {
    pub(super) fn new(
        (name, issuer): (Arc<str>, String),
        url: Option<Url>,
        discovery: Arc<Discovery>,
        (client, secret): (&str, &Secret),
        reader: Arc<Reader>,
    ) -> Self {
        // RFC 6749 §2.3.1: each is encoded as in a form, so that a colon in the name is no separator.
        let encode =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(client), encode(secret.reveal()));
        Self {
            name,
            issuer,
            url,
            discovery,
            credentials: Secret::new(STANDARD.encode(pair)),
            reader,
            seats: Semaphore::new(AT_A_TIME),
        }
    }

    /// The claims of a token that its issuer says is good.
    pub(super) async fn ask(&self, token: &str) -> Result<Object<'static>, Denied> {
        let deadline = Instant::now() + PATIENCE;
        // The semaphore is never closed: what fails is the wait.
        let seat = timeout_at(deadline, self.seats.acquire()).await;
        let answered = match seat {
            Ok(_seat) => self.post(token, deadline).await,
            Err(_) => Err(Missing::Wrong("too many questions wait already")),
        };
        let claims = answered.map_err(|why| {
            let issuer = &*self.name;
            tracing::warn!(issuer, "{issuer} cannot be asked about a token: {why}");
            Denied::NoTell
        })?;
        self.judge(claims)
    }

    async fn post(&self, token: &str, deadline: Instant) -> Result<Object<'static>, Missing> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => {
                let metadata = self.discovery.metadata(&self.reader, deadline).await?;
                let told = metadata.introspection;
                told.ok_or(Missing::Wrong("its metadata tells of no introspection"))?
            }
        };
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        let secret = Bound::new(&url, header::AUTHORIZATION, "Basic ", &self.credentials);
        let secret = secret.ok_or(Missing::Wrong("its secret cannot be sent"))?;
        let answer = self
            .reader
            .post(&url, form, secret, LARGEST, deadline)
            .await?;
        let claims = Object::parse(&answer.body);
        let claims = claims.map_err(|_| Missing::Wrong("its answer is no JSON object"))?;
        if claims.peek::<bool>("active").is_none() {
            return Err(Missing::Wrong(
                "its answer does not say whether the token is active",
            ));
        }
        Ok(claims.into_owned())
    }

    /// Whether the token is an access token of this issuer that is good now. Who names no issuer is the one that was
    /// asked; one that is named must be it.
    fn judge(&self, claims: Object<'static>) -> Result<Object<'static>, Denied> {
        if claims.peek::<bool>("active") != Some(true) {
            return Err(Denied::BadToken(
                "its issuer says it is not good, or no longer",
            ));
        }
        let told: Option<String> = claims.peek("iss");
        if claims.has("iss") && told.as_ref() != Some(&self.issuer) {
            return Err(Denied::BadToken("it is another issuer's"));
        }
        // `token_type` is that of RFC 6749 §5.1; `typ` is Keycloak's word for refresh and offline tokens.
        let says = |key, good: &[&str]| {
            let said: Option<String> = claims.peek(key);
            said.is_none_or(|said| good.iter().any(|word| said.eq_ignore_ascii_case(word)))
        };
        let access = ["bearer", "access_token", "at+jwt"];
        if !says("token_type", &access) || !says("typ", &access) {
            return Err(Denied::BadToken("it is no access token"));
        }
        Ok(claims)
    }
}
