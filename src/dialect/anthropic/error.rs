//! Errors, both ways: `{"type":"error","error":{"type","message","details"},"request_id"}`.
//!
//! Spend limits come as 429 and are told apart by `details.error_code` only; low credit and too long prompts
//! come as 400 and are told apart by their text only.

use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;

use crate::{
    dialect::fault,
    json::Object,
    outcome::{ErrorClass, Failure},
};

/// What an error body says.
struct Said {
    kind: String,
    message: String,
    code: String,
}

impl Said {
    /// Reads an error body, or an error event; `None` when it is neither.
    fn of(body: &[u8]) -> Option<Self> {
        let body = Object::parse(body).ok()?;
        let error = Object::of(body.get("error")?).ok()?;
        let details = error.get("details").and_then(|raw| Object::of(raw).ok());
        let code = details.and_then(|details| details.peek("error_code"));
        Some(Self {
            kind: error.peek("type").unwrap_or_default(),
            message: error.peek("message")?,
            code: code.unwrap_or_default(),
        })
    }

    fn class(&self) -> Option<ErrorClass> {
        if self.code.ends_with("spend_limit_reached") {
            return Some(ErrorClass::Quota);
        }
        let class = match self.kind.as_str() {
            "authentication_error" => ErrorClass::Auth,
            "billing_error" => ErrorClass::Quota,
            "permission_error" => ErrorClass::Permission,
            "not_found_error" => ErrorClass::NotFound,
            "request_too_large" => ErrorClass::TooLarge,
            "rate_limit_error" => ErrorClass::RateLimit,
            "api_error" | "conflict_error" => ErrorClass::ServerError,
            "timeout_error" => ErrorClass::Timeout,
            "overloaded_error" => ErrorClass::Overloaded,
            "invalid_request_error" => {
                fault::class_of_text(&self.message).unwrap_or(ErrorClass::InvalidRequest)
            }
            _ => return None,
        };
        Some(class)
    }
}

/// Reads an error answer.
pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let text = std::str::from_utf8(body).ok();
    let Some(said) = Said::of(body) else {
        let class = fault::class_of_status(status);
        return fault::failure(class, fault::without_words(status), status, headers, text);
    };
    let class = said.class().unwrap_or_else(|| {
        let by_status = fault::class_of_status(status);
        let by_text = || fault::class_of_text(&said.message);
        Some(by_status)
            .filter(|class| *class != ErrorClass::InvalidRequest)
            .or_else(by_text)
            .unwrap_or(by_status)
    });
    with_param(fault::failure(class, said.message, status, headers, text))
}

/// Reads an error that came with HTTP 200: as the body, or as an event of a stream.
pub(super) fn read_late(body: &[u8]) -> Failure {
    let Some(said) = Said::of(body) else {
        return unreadable("it reports an error without words");
    };
    let class = said.class().unwrap_or(ErrorClass::ServerError);
    // The same words, but no status of their own: 200 was the status.
    let failure = fault::failure(class, said.message, 200, &HeaderMap::new(), None);
    with_param(Failure {
        status: None,
        ..failure
    })
}

fn with_param(failure: Failure) -> Failure {
    match fault::usual_param(failure.class) {
        Some(param) => failure.with_param(param),
        None => failure,
    }
}

/// An answer that is none.
pub(super) fn unreadable(why: impl std::fmt::Display) -> Failure {
    let message = format!("The provider's answer cannot be read: {why}");
    Failure::new(ErrorClass::ServerError, message)
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: WrittenError<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct WrittenError<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
}

/// Writes an error for a caller; in a stream there is no request id to give.
pub(super) fn write(failure: &Failure, request_id: Option<&str>) -> Bytes {
    let written = Written {
        kind: "error",
        error: WrittenError {
            kind: outward(failure.class),
            message: &failure.message,
        },
        request_id,
    };
    Bytes::from(crate::json::raw(&written).get().to_owned())
}

/// Anthropic's name of an error of this class.
fn outward(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Auth => "authentication_error",
        ErrorClass::Permission => "permission_error",
        ErrorClass::NotFound => "not_found_error",
        ErrorClass::TooLarge => "request_too_large",
        ErrorClass::RateLimit | ErrorClass::Quota => "rate_limit_error",
        ErrorClass::Overloaded | ErrorClass::Unreachable | ErrorClass::Saturated => {
            "overloaded_error"
        }
        ErrorClass::Timeout => "timeout_error",
        ErrorClass::ServerError | ErrorClass::InvalidAnswer => "api_error",
        ErrorClass::InvalidRequest
        | ErrorClass::ContextLength
        | ErrorClass::ContentPolicy
        | ErrorClass::Unsupported
        | ErrorClass::Cancelled => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, class: ErrorClass, message: &str) {
        let failure = read(status, &HeaderMap::new(), body.as_bytes());
        assert_eq!((failure.class, failure.message.as_str()), (class, message));
        assert_eq!(failure.status, Some(status));
    }

    fn body(kind: &str, message: &str) -> String {
        format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}}}}"#)
    }

    #[test]
    fn what_is_no_error_body_is_classified_by_status() {
        let without = |status| format!("The provider answered HTTP {status} without a JSON error");
        for text in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"error":"x"}"#,
            "{\"error\":{}}",
        ] {
            check(502, text, ErrorClass::ServerError, &without(502));
            check(529, text, ErrorClass::Overloaded, &without(529));
        }
        check(418, &body("teapot", "no"), ErrorClass::InvalidRequest, "no");
    }

    #[test]
    fn types_codes_and_texts_tell_the_class() {
        use ErrorClass::*;
        let invalid = |text: &str| body("invalid_request_error", text);
        check(400, &invalid("bad"), InvalidRequest, "bad");
        let long = "prompt is too long: 9 tokens > 8 maximum";
        check(400, &invalid(long), ContextLength, long);
        let credit = "Your credit balance is too low to access the API";
        check(400, &invalid(credit), Quota, credit);
        check(402, &body("billing_error", "Pay."), Quota, "Pay.");
        check(529, &body("overloaded_error", "Busy"), Overloaded, "Busy");
        check(413, &body("request_too_large", "Big"), TooLarge, "Big");
        check(429, &body("rate_limit_error", "Slow"), RateLimit, "Slow");
        for code in [
            "enforced_spend_limit_reached",
            "contract_spend_limit_reached",
        ] {
            let text = format!(
                r#"{{"error":{{"type":"rate_limit_error","message":"m","details":{{"error_code":"{code}"}}}}}}"#
            );
            check(429, &text, Quota, "m");
        }
    }

    #[test]
    fn a_late_error_has_no_status() {
        let failure = read_late(body("overloaded_error", "Overloaded").as_bytes());
        assert_eq!(
            (failure.class, failure.status),
            (ErrorClass::Overloaded, None)
        );
        assert_eq!(read_late(b"{}").class, ErrorClass::ServerError);
    }

    #[test]
    fn callers_get_anthropics_names() {
        let failure = Failure::new(ErrorClass::Quota, "a \"b\"");
        assert_eq!(
            write(&failure, Some("req_1")),
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"a \"b\""},"request_id":"req_1"}"#
        );
    }
}
