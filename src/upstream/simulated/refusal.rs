//! Answers that are errors, in OpenAI's envelope.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use serde::Serialize;

use super::{Run, Script, Step, pace, stream, wire::headers};
use crate::{catalog::Fault, dialect::Malformed, json};

/// An error answer.
pub(super) struct Refusal {
    status: u16,
    retry_after: Option<&'static str>,
    error: Error,
}

#[derive(Serialize)]
struct Error {
    message: Cow<'static, str>,
    r#type: &'static str,
    param: Option<String>,
    code: Option<&'static str>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: &'a Error,
}

/// The whole script of a fault that leaves no answer; none for a fault that happens to an answer.
pub(super) fn of(run: &Run<'_>, fault: Fault, streamed: bool) -> Option<Script> {
    let refusal = match fault {
        Fault::None
        | Fault::Cut
        | Fault::NoTerminator
        | Fault::NoUsage
        | Fault::Slow
        | Fault::Empty
        | Fault::OffSchema
        | Fault::UnknownTool => return None,
        Fault::Hang => return Some(never()),
        Fault::ErrorFirst if streamed => return Some(error_first(run)),
        Fault::ErrorFirst | Fault::ServerError => Refusal::server_error(),
        Fault::RateLimit => Refusal {
            retry_after: Some("1"),
            ..Refusal::new(429, "requests", "Rate limit reached: 0 requests left.")
                .code("rate_limit_exceeded")
        },
        Fault::Overloaded => Refusal::new(
            503,
            "server_error",
            "The model is overloaded with other requests. Please try again later.",
        ),
        Fault::Auth => Refusal::new(401, "invalid_request_error", "Incorrect API key provided.")
            .code("invalid_api_key"),
        Fault::InvalidRequest => Refusal::new(
            400,
            "invalid_request_error",
            "The request is invalid, because its simulation was asked to say so.",
        ),
        Fault::ContextLength => Refusal::new(
            400,
            "invalid_request_error",
            "This model's maximum context length is exceeded by your messages.",
        )
        .at("messages")
        .code("context_length_exceeded"),
    };
    Some(refusal.script(run))
}

impl Refusal {
    fn new(status: u16, kind: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            retry_after: None,
            error: Error {
                message: message.into(),
                r#type: kind,
                param: None,
                code: None,
            },
        }
    }

    fn at(mut self, param: impl Into<String>) -> Self {
        self.error.param = Some(param.into());
        self
    }

    fn code(mut self, code: &'static str) -> Self {
        self.error.code = Some(code);
        self
    }

    fn server_error() -> Self {
        let message = "The server had an error while processing your request. Sorry about that!";
        Self::new(500, "server_error", message)
    }

    /// The answer to a request for something that is not there.
    pub(super) fn unknown_path() -> Self {
        Self::new(404, "invalid_request_error", "Invalid URL.")
    }

    /// How it is answered.
    pub(super) fn script(self, run: &Run<'_>) -> Script {
        let body = Envelope { error: &self.error };
        let mut headers = headers(run, "application/json");
        headers.extend(self.retry_after.map(|delay| ("retry-after", delay.into())));
        Script {
            delay: pace::refusal(run),
            status: self.status,
            headers,
            body: vec![Step::Bytes(Bytes::from(json::raw(&body).get().to_owned()))],
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        let refusal = Self::new(400, "invalid_request_error", malformed.message);
        match malformed.param {
            Some(param) => refusal.at(param),
            None => refusal,
        }
    }
}

/// Accepted and never answered: not even the head comes.
fn never() -> Script {
    Script {
        delay: Duration::MAX,
        status: 200,
        headers: Vec::new(),
        body: vec![Step::Hang],
    }
}

fn error_first(run: &Run<'_>) -> Script {
    let refusal = Refusal::server_error();
    let body = json::raw(&Envelope {
        error: &refusal.error,
    });
    Script {
        delay: pace::first_token(run),
        status: 200,
        headers: headers(run, stream::EVENT_STREAM),
        body: vec![Step::Bytes(stream::event(body.get()))],
    }
}
