//! What an error says, and the class that follows from it.
//!
//! What a code says beats what the text says, and that beats the status: codes are made for programs, and a
//! status is often only the nearest there was.

use http::HeaderMap;
use serde_json::Value;

use crate::{
    dialect::fault,
    outcome::{ErrorClass, Failure},
};

/// What an error says, wherever it stood.
#[derive(Default)]
pub(super) struct Words {
    message: Option<String>,
    /// `type`, `code` and their kin, in lower case.
    marks: Vec<String>,
    /// A code that is an HTTP status.
    pub(super) status: Option<u16>,
    param: Option<String>,
    /// Moderation gave reasons.
    reasons: bool,
}

impl Words {
    /// Reads what a body says; `None` when it says nothing.
    pub(super) fn of(body: &Value) -> Option<Self> {
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

    /// The failure of an answer with this status.
    pub(super) fn failure(self, status: u16, headers: &HeaderMap, body: Option<&str>) -> Failure {
        let class = self.class(Some(status));
        let message = self.message.unwrap_or_else(|| fault::without_words(status));
        let failure = fault::failure(class, message, status, headers, body);
        Failure {
            param: self.param,
            ..failure
        }
    }

    /// An error within HTTP 200: its status is the one it tells itself, if it does.
    pub(super) fn inside(mut self) -> Failure {
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

/// A failure without an HTTP status of its own.
pub(super) fn without_status(failure: Failure) -> Failure {
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
