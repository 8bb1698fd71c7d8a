//! Errors as callers see them: status, envelope, and the headers that steer their retries.
//!
//! The classes' statuses are fixed here and nowhere else; the envelope is the caller's dialect's. An error is
//! logged with its receipt, not here.

use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::name;
use crate::{
    dialect::Dialect,
    json::Object,
    outcome::{ErrorClass, Failure},
    relay::{Refused, Summary},
    route::NoPlan,
};

/// The longest wait told to a caller; a provider may name any.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The wait told where a provider said "later" without saying when: what SDKs wait at least by themselves.
const UNSTATED_WAIT: Duration = Duration::from_secs(1);

/// An error on its way to a caller.
pub(super) struct Reply {
    status: u16,
    body: Bytes,
    retry_after: Option<Duration>,
    /// The caller's SDK should not try again: our own tries are used up, or no wait would help.
    hopeless: bool,
    summary: Option<Summary>,
}

impl Reply {
    /// A failure in the caller's dialect.
    pub(super) fn failure(dialect: &dyn Dialect, failure: &Failure, id: &str) -> Self {
        Self {
            status: status(failure),
            body: dialect.write_error(failure, id),
            retry_after: wait(failure),
            hopeless: false,
            summary: None,
        }
    }

    /// Why the relay has no answer.
    pub(super) fn refused(dialect: &dyn Dialect, refused: &Refused, id: &str) -> Self {
        let mut reply = Self::failure(dialect, &failure(refused), id);
        match refused {
            Refused::Exhausted(_, summary) => {
                reply.hopeless = true;
                reply.summary = Some((**summary).clone());
            }
            Refused::Spent(_) => reply.hopeless = true,
            Refused::Limited(limited) if limited.retry_after.is_none() => {
                reply.hopeless = true;
                reply.retry_after = None;
            }
            // Nobody was asked, and a caller who comes back by itself meets the same.
            Refused::NoPlan(NoPlan::NobodyReady { .. } | NoPlan::NoneQualifies(_)) => {
                reply.hopeless = true;
            }
            Refused::Limited(_) | Refused::NoPlan(_) => {}
        }
        reply
    }

    /// An error no failure class describes, in OpenAI's envelope.
    pub(super) fn openai(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let mut error = Object::new();
        error.set("message", message);
        error.set("type", kind);
        error.set("param", &None::<&str>);
        error.set("code", code);
        let mut envelope = Object::new();
        envelope.set("error", &error);
        Self {
            status,
            body: envelope.to_bytes(),
            retry_after: None,
            hopeless: false,
            summary: None,
        }
    }

    /// The response.
    pub(super) fn respond(self, id: &str) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Body::from(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if let Ok(id) = HeaderValue::from_str(id)
            && !id.is_empty()
        {
            headers.insert(&name::REQUEST_ID, id);
        }
        if let Some(wait) = self.retry_after {
            let wait = wait.min(LONGEST_WAIT);
            // Seconds for everybody, rounded up; milliseconds for SDKs that read them.
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_millis().div_ceil(1_000) as u64),
            );
            headers.insert("retry-after-ms", HeaderValue::from(wait.as_millis() as u64));
        }
        if self.hopeless {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        if let Some(summary) = &self.summary {
            super::completion::summarise(summary, headers);
        }
        response
    }
}

/// A refusal as a failure, for envelopes and in-band errors.
pub(super) fn failure(refused: &Refused) -> Failure {
    match refused {
        Refused::NoPlan(reason @ NoPlan::UnknownModel(_)) => {
            Failure::new(ErrorClass::NotFound, sentence(reason)).with_param("model")
        }
        Refused::NoPlan(reason) => no_plan(reason),
        Refused::Limited(limited) => Failure {
            retry_after: limited.retry_after,
            ..Failure::new(ErrorClass::RateLimit, limited.to_string())
        },
        Refused::Spent(spent) => Failure::new(ErrorClass::Quota, spent.to_string()),
        Refused::Exhausted(failure, _) => failure.clone(),
    }
}

/// Why there is nobody to ask, with the word OpenAI's clients find under `code`.
fn no_plan(reason: &NoPlan) -> Failure {
    let class = reason.class().unwrap_or(ErrorClass::Permission);
    let failure = Failure::new(class, sentence(reason));
    match reason {
        NoPlan::NoneQualifies(_) => failure.with_code("no_target_qualifies"),
        // A limit of the provider's is told in the provider's word.
        NoPlan::NobodyReady {
            retry_after,
            throttled: true,
            ..
        } => Failure {
            retry_after: *retry_after,
            ..failure
        },
        NoPlan::NobodyReady { retry_after, .. } => Failure {
            retry_after: *retry_after,
            ..failure.with_code("no_target_ready")
        },
        _ => failure,
    }
}

fn sentence(reason: &NoPlan) -> String {
    let text = reason.to_string();
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// The status of each class of failure.
fn status(failure: &Failure) -> u16 {
    match failure.class {
        ErrorClass::Auth => 401,
        ErrorClass::Permission => 403,
        ErrorClass::NotFound => 404,
        ErrorClass::InvalidRequest => {
            let theirs = failure.status.filter(|status| (400..500).contains(status));
            theirs.unwrap_or(400)
        }
        ErrorClass::TooLarge => 413,
        ErrorClass::ContextLength | ErrorClass::ContentPolicy | ErrorClass::Unsupported => 400,
        ErrorClass::Quota | ErrorClass::RateLimit => 429,
        ErrorClass::Overloaded | ErrorClass::Unreachable | ErrorClass::Saturated => 503,
        ErrorClass::Timeout => 504,
        ErrorClass::InvalidAnswer => 502,
        ErrorClass::ServerError => match failure.status {
            Some(500) => 500,
            _ => 502,
        },
        ErrorClass::Cancelled => 499,
    }
}

/// The wait a caller is told.
fn wait(failure: &Failure) -> Option<Duration> {
    match failure.class {
        ErrorClass::RateLimit
        | ErrorClass::Overloaded
        | ErrorClass::Saturated
        | ErrorClass::Unreachable
        | ErrorClass::Timeout
        | ErrorClass::ServerError => Some(failure.retry_after.unwrap_or(UNSTATED_WAIT)),
        _ => failure.retry_after,
    }
}
