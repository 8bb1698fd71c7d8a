//! The door: under which id a request runs and who is calling. Nothing else is read before that.

use std::{sync::Arc, time::Duration};

use axum::response::Response;
use http::{HeaderMap, HeaderName};

use super::{Face, Hall, error::Reply, name};
use crate::{
    access::{self, Caller, Denied},
    dialect::{Dialect, openai::OpenAi},
    outcome::{ErrorClass, Failure},
    telemetry::request_id,
};

/// A caller that was let in.
pub(super) struct Entry {
    /// The request's id.
    pub(super) id: String,
    /// Who is calling.
    pub(super) caller: Arc<Caller>,
    /// The configuration the request runs on.
    pub(super) face: Arc<Face>,
}

/// A caller that was not.
pub(super) struct Refusal {
    id: String,
    failure: Failure,
}

impl Refusal {
    /// The refusal in a dialect.
    pub(super) fn respond(self, dialect: &dyn Dialect) -> Response {
        Reply::failure(dialect, &self.failure, &self.id).respond(&self.id)
    }

    /// The refusal in OpenAI's dialect.
    pub(super) fn openai(self) -> Response {
        self.respond(&OpenAi)
    }
}

/// Lets a caller in.
pub(super) async fn enter(hall: &Hall, headers: &HeaderMap) -> Result<Entry, Refusal> {
    let face = hall.face();
    let id = request_id(headers);
    let refuse = |id: String, reason, failure| {
        refused(hall, reason, &id, "unknown");
        Refusal { id, failure }
    };
    let presented = match access::presented(headers) {
        Ok(presented) => presented,
        Err(message) => {
            return Err(refuse(
                id,
                "ambiguous_key",
                Failure::new(ErrorClass::InvalidRequest, message),
            ));
        }
    };
    match face.access.admit(presented).await {
        Ok(caller) => Ok(Entry { id, caller, face }),
        Err(denied) => Err(refuse(id, denied.label(), failure(denied))),
    }
}

/// Why somebody is not let in, as the error they get.
fn failure(denied: Denied) -> Failure {
    let class = match denied {
        Denied::NoKey
        | Denied::WrongKey
        | Denied::Over
        | Denied::Completions
        | Denied::BadToken(_)
        | Denied::Expired => ErrorClass::Auth,
        Denied::NoScope => ErrorClass::Permission,
        Denied::NoTell => ErrorClass::Unreachable,
    };
    Failure::new(class, denied.to_string())
}

/// What is told of a key whose call ended while it was used.
pub(super) fn over(dialect: &dyn Dialect, id: &str) -> Response {
    let failure = Failure::new(ErrorClass::Auth, Denied::Over.to_string());
    Reply::failure(dialect, &failure, id).respond(id)
}

/// Counts a request that has no record, because it was refused before it could be read.
pub(super) fn refused(hall: &Hall, reason: &'static str, id: &str, caller: &str) {
    let counter = &hall.ledger.metrics().refused;
    counter.with_label_values(&[reason]).inc();
    tracing::debug!(
        request_id = id,
        caller,
        reason,
        "a request was refused unread"
    );
}

/// The longest a caller is believed to wait: as long as any setting may say.
const LONGEST_PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the caller waits: for a plain answer or the first byte of a stream, and in all. SDKs say so in
/// their own headers (OpenAI's and Anthropic's Python in seconds, their Node in whole seconds).
pub(super) fn patience(headers: &HeaderMap) -> (Option<Duration>, Option<Duration>) {
    let number = |name: &HeaderName| {
        let value: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
        (value > 0.0).then_some(value)
    };
    let seconds = |value: f64| {
        let span = Duration::try_from_secs_f64(value).ok()?;
        Some(span.min(LONGEST_PATIENCE))
    };
    let patience = number(&name::READ_TIMEOUT).or_else(|| number(&name::TIMEOUT));
    let total = number(&name::REQUEST_TIMEOUT_MS).map(|millis| millis / 1_000.0);
    (patience.and_then(seconds), total.and_then(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn hostile_timeouts_are_no_timeouts() {
        for odd in ["NaN", "inf", "-1", "0", "1e300", "soon"] {
            assert_eq!(
                patience(&headers(&[("x-stainless-read-timeout", odd)])),
                (None, None),
                "{odd}"
            );
        }
        let both = headers(&[
            ("x-stainless-read-timeout", "1.5"),
            ("x-request-timeout-ms", "250"),
        ]);
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(patience(&both), (millis(1_500), millis(250)));
        let huge = headers(&[
            ("x-stainless-timeout", "1e19"),
            ("x-request-timeout-ms", "1e20"),
        ]);
        let day = millis(24 * 60 * 60 * 1_000);
        assert_eq!(patience(&huge), (day, day));
    }
}
