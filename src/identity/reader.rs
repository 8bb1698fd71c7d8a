//! Getting documents of an issuer, with the guarded client and nothing else.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, header};
use tokio::time::{Duration, Instant};
use url::Url;

use crate::upstream::guarded::{Allow, Answer, Bound, Guarded, Refused, Request};

/// How long an issuer has to answer a question, all documents together. Callers wait for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long an issuer that did not answer is left alone.
pub(super) const REST: Duration = Duration::from_secs(10);

/// Reads what an issuer publishes.
#[derive(Debug)]
pub(super) struct Reader {
    web: Arc<Guarded>,
    allow: Allow,
}

/// Why a document is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    /// It could not be fetched.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// It was answered with another status than 200.
    #[error("the answer has the status {0}")]
    Status(u16),
    /// It is not what it should be.
    #[error("{0}")]
    Wrong(&'static str),
}

impl Reader {
    pub(super) fn new(web: Arc<Guarded>, allow: Allow) -> Self {
        Self { web, allow }
    }

    /// Gets a document.
    pub(super) async fn get(
        &self,
        url: &Url,
        max_bytes: usize,
        deadline: Instant,
    ) -> Result<Answer, Missing> {
        let request = Request {
            method: Method::GET,
            url: url.clone(),
            headers: accepting_json(),
            secrets: &[],
            body: None,
            max_bytes,
            deadline,
            allow: &self.allow,
        };
        self.send(request).await
    }

    /// Posts a form, with a secret.
    pub(super) async fn post(
        &self,
        url: &Url,
        form: String,
        secret: Bound,
        max_bytes: usize,
        deadline: Instant,
    ) -> Result<Answer, Missing> {
        let mut headers = accepting_json();
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form_type);
        let request = Request {
            method: Method::POST,
            url: url.clone(),
            headers,
            secrets: &[secret],
            body: Some(form.into()),
            max_bytes,
            deadline,
            allow: &self.allow,
        };
        self.send(request).await
    }

    async fn send(&self, request: Request<'_>) -> Result<Answer, Missing> {
        let answer = self.web.send(request).await?;
        match answer.status.as_u16() {
            200 => Ok(answer),
            status => Err(Missing::Status(status)),
        }
    }
}

fn accepting_json() -> HeaderMap {
    HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))])
}
