//! The gateway as a client of an authorization server: one question at a token endpoint, and its answer.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::{NoToken, issued::Issued};
use crate::{
    secret::Secret,
    upstream::guarded::{Allow, Answer, Bound, Guarded, Request},
};

/// How long a token endpoint may take. A person waits for the tool behind it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest answer, in bytes: several times the largest token with groups in it.
const LARGEST_ANSWER: usize = 64 * 1024;

/// The longest error code. RFC 6749's and its registry's are shorter.
const LONGEST_CODE: usize = 64;

/// Codes that mean "not now" and not "no" (RFC 6749 §4.1.2.1, RFC 8628 §3.5).
const NOT_NOW: [&str; 3] = ["server_error", "temporarily_unavailable", "slow_down"];

/// The gateway at an authorization server.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where tokens are had.
    pub token_url: Url,
    /// The gateway's name there.
    pub id: String,
    /// The gateway's secret there.
    pub secret: Secret,
    /// What may be reached inside.
    pub allow: Allow,
}

/// How an authorization server says no. Its description is not read: nobody is told it.
#[derive(Deserialize)]
struct No {
    error: String,
}

impl Client {
    /// Asks the token endpoint. Redirects are not followed: who sends us elsewhere must not see what we bring.
    pub(super) async fn ask(
        &self,
        web: &Guarded,
        form: &[(&str, &str)],
    ) -> Result<Issued, NoToken> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let secrets = [self.authorization()?];
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let request = Request {
            method: Method::POST,
            url: self.token_url.clone(),
            headers,
            secrets: &secrets,
            body: Some(body.into()),
            max_bytes: LARGEST_ANSWER,
            deadline: Instant::now() + PATIENCE,
            allow: &self.allow,
        };
        let host = self.host();
        let answer = web.send(request).await.map_err(|refused| {
            tracing::warn!(host, "no token was had: {refused}");
            NoToken::Unavailable
        })?;
        read(&answer).inspect_err(|error| {
            tracing::warn!(
                host,
                status = answer.status.as_u16(),
                "no token was had: {error}"
            );
        })
    }

    /// Where it is, for logs.
    pub(super) fn host(&self) -> &str {
        self.token_url.host_str().unwrap_or_default()
    }

    /// Name and secret as RFC 6749 §2.3.1 has them, which every server must support: each encoded as in a form, so that
    /// a colon in the name is none between them.
    fn authorization(&self) -> Result<Bound, NoToken> {
        let encoded =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = [encoded(&self.id), encoded(self.secret.reveal())].join(":");
        let pair = Secret::new(STANDARD.encode(pair));
        Bound::new(&self.token_url, header::AUTHORIZATION, "Basic ", &pair)
            .ok_or(NoToken::Unavailable)
    }
}

/// A token, or why there is none.
fn read(answer: &Answer) -> Result<Issued, NoToken> {
    if answer.status.is_success() {
        return Issued::read(&answer.body);
    }
    let no = answer.status.is_client_error().then_some(&answer.body);
    let no = no.and_then(|body| serde_json::from_slice::<No>(body).ok());
    match no {
        Some(No { error }) if is_code(&error) && !NOT_NOW.contains(&error.as_str()) => {
            Err(NoToken::Refused { code: error })
        }
        _ => Err(NoToken::Unavailable),
    }
}

/// Whether it is a code, as all registered ones are, and not a text: it is told to callers, which may be models.
fn is_code(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (1..=LONGEST_CODE).contains(&text.len()) && text.bytes().all(plain)
}
