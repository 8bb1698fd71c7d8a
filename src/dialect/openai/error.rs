//! Errors in OpenAI's envelope, and in the many that imitate it.
//!
//! Reads `{"error": {…}}`, `{"error": "text"}`, flat `{"code", "error"}` and `{"message", "type", …}`, FastAPI's
//! `detail`, one-element lists and statuses inside answers with HTTP 200. What none of this fits is classified
//! by status alone, and its body is not passed on.

use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, value::RawValue};

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
        code,
    };
    Bytes::from(serde_json::to_vec(&Envelope { error }).unwrap_or_default())
}

/// What an error says, wherever it stood.
#[derive(Default)]
struct Words {
    message: Option<String>,
    /// `type`, `code` and their kin, in lower case.
    marks: Vec<String>,
    /// A code that is an HTTP status.
    status: Option<u16>,
    param: Option<String>,
    /// Moderation gave reasons.
    reasons: bool,
}

impl Words {
    fn of(body: &Value) -> Option<Self> {
        let body = match body {
            Value::Array(list) => list.first()?,
            other => other,
        };
        let mut words = Self::default();
        words.take(body);
        match body.get("error") {
            Some(error @ Value::Object(_)) => words.take(error),
            Some(Value::String(text)) => words.message = Some(text.clone()),
            _ => {}
        }
        let found = words.message.is_some() || words.status.is_some() || !words.marks.is_empty();
        found.then_some(words)
    }

    fn take(&mut self, object: &Value) {
        for key in ["type", "code", "status", "error_type"] {
            match &object[key] {
                Value::String(text) => self.marks.push(text.to_ascii_lowercase()),
                Value::Number(number) => self.number(number.as_u64()),
                _ => {}
            }
        }
        if let Value::String(code) = &object["innererror"]["code"] {
            self.marks.push(code.to_ascii_lowercase());
        }
        if let Value::String(param) = &object["param"] {
            self.param = Some(param.clone());
        }
        self.reasons |= object["metadata"]["reasons"].is_array();
        match &object["message"] {
            Value::String(text) => self.message = Some(text.clone()),
            nested => self.detail(&nested["detail"]),
        }
        self.detail(&object["detail"]);
    }

    /// FastAPI: a text, or a list of `{loc, msg}`, of which the first is told.
    fn detail(&mut self, detail: &Value) {
        if let Value::String(text) = detail {
            self.message = Some(text.clone());
        }
        let Some(message) = detail[0]["msg"].as_str() else {
            return;
        };
        let step = |step: &Value| {
            step.as_str()
                .map_or_else(|| step.to_string(), str::to_owned)
        };
        let path: Vec<String> = detail[0]["loc"]
            .as_array()
            .into_iter()
            .flatten()
            .map(step)
            .collect();
        let path = path.join(".");
        if path.is_empty() {
            self.message = Some(message.to_owned());
        } else {
            self.message = Some(format!("{path}: {message}"));
            self.param = Some(path);
        }
    }

    fn number(&mut self, code: Option<u64>) {
        let status = code.and_then(|code| u16::try_from(code).ok());
        self.status = status
            .filter(|status| (400..600).contains(status))
            .or(self.status);
    }

    /// The class: what a code says beats what the text says, and that beats the status.
    fn class(&self, status: Option<u16>) -> ErrorClass {
        let by_text = || {
            let class = fault::class_of_text(self.message.as_deref()?)?;
            let fits = status.is_none_or(|status| match class {
                ErrorClass::ContextLength => true,
                _ => (400..500).contains(&status) && !matches!(status, 401 | 404 | 408),
            });
            fits.then_some(class)
        };
        if self.reasons {
            return ErrorClass::ContentPolicy;
        }
        self.marks
            .iter()
            .find_map(|mark| class_of_code(mark))
            .or_else(by_text)
            .or_else(|| status.map(fault::class_of_status))
            .or_else(|| self.marks.iter().find_map(|mark| class_of_type(mark)))
            .unwrap_or(ErrorClass::ServerError)
    }

    fn failure(self, status: u16, headers: &HeaderMap, body: Option<&str>) -> Failure {
        let class = self.class(Some(status));
        let message = self.message.unwrap_or_else(|| fault::without_words(status));
        let failure = fault::failure(class, message, status, headers, body);
        Failure {
            param: self.param,
            ..failure
        }
    }

    /// An error within HTTP 200: its status is the one it tells itself, if it does.
    fn inside(mut self) -> Failure {
        // A number as text is a status here, too.
        let told = self.marks.iter().find_map(|mark| mark.parse().ok());
        self.number(told);
        let (status, class) = (self.status, self.class(self.status));
        self.message
            .get_or_insert_with(|| "The provider answered with an error".to_owned());
        let failure = self.failure(status.unwrap_or(200), &HeaderMap::new(), None);
        let failure = Failure {
            class,
            fate: class.fate(),
            ..failure
        };
        match status {
            Some(_) => failure,
            None => without_status(failure),
        }
    }
}

fn without_status(failure: Failure) -> Failure {
    Failure {
        status: None,
        ..failure
    }
}

/// Codes that mean one class whatever the status. In lower case.
fn class_of_code(code: &str) -> Option<ErrorClass> {
    Some(match code {
        "context_length_exceeded" | "exceed_context_size_error" => ErrorClass::ContextLength,
        "content_filter"
        | "content_policy_violation"
        | "responsibleaipolicyviolation"
        | "moderation_blocked" => ErrorClass::ContentPolicy,
        // 1113: no balance.
        "insufficient_quota" | "billing_error" | "billing_hard_limit_reached" | "1113" => {
            ErrorClass::Quota
        }
        "model_not_found" | "deploymentnotfound" => ErrorClass::NotFound,
        "invalid_api_key" => ErrorClass::Auth,
        "rate_limit_exceeded" | "1302" | "1303" => ErrorClass::RateLimit,
        "capacity_exceeded" | "queue_exceeded" | "engine_overloaded" => ErrorClass::Overloaded,
        "insufficient_system_resource" => ErrorClass::Overloaded,
        // The model wrote a call that cannot be parsed: luck, not the caller's fault.
        "tool_use_failed" => ErrorClass::ServerError,
        _ => return None,
    })
}

/// Types that tell the class where there is no status: in streams. In lower case.
fn class_of_type(kind: &str) -> Option<ErrorClass> {
    Some(match kind {
        "authentication_error" => ErrorClass::Auth,
        "permission_error" | "permission_denied" => ErrorClass::Permission,
        "not_found_error" => ErrorClass::NotFound,
        "invalid_request_error" | "badrequesterror" => ErrorClass::InvalidRequest,
        "rate_limit_error" | "ratelimiterror" | "requests" | "tokens" => ErrorClass::RateLimit,
        "overloaded_error" | "overloaded" => ErrorClass::Overloaded,
        "timeout" | "timeout_error" => ErrorClass::Timeout,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, class: ErrorClass, message: &str, param: Option<&str>) {
        let failure = read(status, &HeaderMap::new(), body.as_bytes());
        assert_eq!(failure.class, class, "{body}");
        assert_eq!(failure.message, message, "{body}");
        assert_eq!(failure.param.as_deref(), param, "{body}");
    }

    #[test]
    fn bodies_that_are_no_errors_are_classified_by_status_and_not_passed_on() {
        let none = |status| format!("The provider answered HTTP {status} without a JSON error");
        for body in [
            "",
            "<html>",
            "[]",
            "7",
            "null",
            "\"x\"",
            "{}",
            r#"{"error":null}"#,
            r#"{"error":[{}]}"#,
        ] {
            check(502, body, ErrorClass::ServerError, &none(502), None);
            check(429, body, ErrorClass::RateLimit, &none(429), None);
        }
        check(
            500,
            &"[".repeat(100_000),
            ErrorClass::ServerError,
            &none(500),
            None,
        );
    }

    #[test]
    fn every_envelope_is_read() {
        check(
            404,
            r#"{"error":"no such model"}"#,
            ErrorClass::NotFound,
            "no such model",
            None,
        );
        check(
            401,
            r#"{"detail":"Unauthorized"}"#,
            ErrorClass::Auth,
            "Unauthorized",
            None,
        );
        check(
            422,
            r#"{"detail":[{"loc":["body","messages",0],"msg":"missing"}]}"#,
            ErrorClass::InvalidRequest,
            "body.messages.0: missing",
            Some("body.messages.0"),
        );
        check(
            503,
            r#"[{"error":{"message":"busy"}}]"#,
            ErrorClass::Overloaded,
            "busy",
            None,
        );
        check(
            422,
            r#"{"error":"bad","error_type":"validation"}"#,
            ErrorClass::InvalidRequest,
            "bad",
            None,
        );
    }

    #[test]
    fn codes_and_texts_beat_the_status() {
        let error = |code: &str, message: &str| {
            format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#)
        };
        let class = |status, body: String| read(status, &HeaderMap::new(), body.as_bytes()).class;
        assert_eq!(
            class(429, error("insufficient_quota", "x")),
            ErrorClass::Quota
        );
        assert_eq!(
            class(400, error("tool_use_failed", "x")),
            ErrorClass::ServerError
        );
        assert_eq!(
            class(400, error("", "The prompt is too long: 9 tokens")),
            ErrorClass::ContextLength
        );
        assert_eq!(
            class(
                400,
                error("", "The input token count (9) exceeds the maximum")
            ),
            ErrorClass::ContextLength
        );
        assert_eq!(
            class(404, error("", "the maximum requests per day")),
            ErrorClass::NotFound
        );
        assert_eq!(
            class(400, error("DeploymentNotFound", "x")),
            ErrorClass::NotFound
        );
    }

    #[test]
    fn an_error_within_http_200_tells_its_own_status() {
        let read = |json: &str| {
            inside(Some(
                &serde_json::from_str::<crate::json::Raw>(json).unwrap(),
            ))
        };
        for nothing in ["null", "false", "\"\"", "{}"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
        let check = |json: &str, class, status| {
            let failure = read(json).unwrap();
            assert_eq!((failure.class, failure.status), (class, status), "{json}");
        };
        check(
            r#"{"code":502,"message":"x"}"#,
            ErrorClass::ServerError,
            Some(502),
        );
        check(
            r#"{"code":"429","message":"x"}"#,
            ErrorClass::RateLimit,
            Some(429),
        );
        check(
            r#"{"type":"overloaded_error","message":"x"}"#,
            ErrorClass::Overloaded,
            None,
        );
        check("\"CUDA out of memory\"", ErrorClass::ServerError, None);
        check("7", ErrorClass::ServerError, None);
    }
}
