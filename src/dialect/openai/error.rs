//! Errors in OpenAI's envelope, and in the many that imitate it.
//!
//! Reads `{"error": {…}}`, `{"error": "text"}`, flat `{"code", "error"}` and `{"message", "type", …}`, FastAPI's
//! `detail`, one-element lists and statuses inside answers with HTTP 200. What none of this fits is classified
//! by status alone, and its body is not passed on.

use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::words::{Words, without_status};
use crate::{
    dialect::fault,
    outcome::{ErrorClass, Failure},
};

/// Reads an error answer.
pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let words = serde_json::from_slice(body)
        .ok()
        .and_then(|body| Words::of(&body));
    let text = std::str::from_utf8(body).ok();
    match words {
        None => fault::failure(
            fault::class_of_status(status),
            fault::without_words(status),
            status,
            headers,
            text,
        ),
        Some(words) => {
            let status = words.status.filter(|_| status < 400).unwrap_or(status);
            words.failure(status, headers, text)
        }
    }
}

/// Reads an error that stands in an answer with HTTP 200: a member `error` or `base_resp`, or a whole event.
/// `None` when it is none in truth (absent, null, empty).
pub(super) fn inside(raw: Option<&RawValue>) -> Option<Failure> {
    let value: Value = serde_json::from_str(raw?.get()).ok()?;
    let truthy = match &value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    };
    truthy.then(|| {
        let words = Words::of(&serde_json::json!({ "error": value })).unwrap_or_default();
        words.inside()
    })
}

/// Reads the data of an event that is named an error.
pub(super) fn event(data: &str) -> Failure {
    let words = serde_json::from_str(data)
        .ok()
        .and_then(|data| Words::of(&data));
    words.unwrap_or_default().inside()
}

/// Reads the status some put beside an answer with HTTP 200: `{"status_code": 1004, "status_msg": "…"}`.
pub(super) fn base_resp(raw: Option<&RawValue>) -> Option<Failure> {
    let value: Value = serde_json::from_str(raw?.get()).ok()?;
    let class = match value.get("status_code")?.as_u64()? {
        0 => return None,
        1001 => ErrorClass::Timeout,
        1002 | 1039 => ErrorClass::RateLimit,
        1004 | 2049 => ErrorClass::Auth,
        1008 => ErrorClass::Quota,
        1026 | 1027 => ErrorClass::ContentPolicy,
        2013 => ErrorClass::InvalidRequest,
        _ => ErrorClass::ServerError,
    };
    let message = value["status_msg"]
        .as_str()
        .unwrap_or("The provider answered with an error");
    let failure = fault::failure(class, message, 200, &HeaderMap::new(), None);
    Some(without_status(failure))
}

/// Writes the envelope.
pub(super) fn write(failure: &Failure) -> Bytes {
    #[derive(Serialize)]
    struct Envelope<'a> {
        error: Inner<'a>,
    }
    #[derive(Serialize)]
    struct Inner<'a> {
        message: &'a str,
        #[serde(rename = "type")]
        kind: &'a str,
        param: Option<&'a str>,
        code: Option<&'a str>,
    }
    let (kind, code) = fault::outward(failure.class);
    let error = Inner {
        message: &failure.message,
        kind,
        param: failure
            .param
            .as_deref()
            .or(fault::usual_param(failure.class)),
        code: failure.code.or(code),
    };
    Bytes::from(serde_json::to_vec(&Envelope { error }).unwrap_or_default())
}
