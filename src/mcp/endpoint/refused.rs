//! Why a request is not served, as an answer: each is a JSON-RPC error, whatever its status.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use rmcp::{ErrorData, model::ErrorCode};
use serde_json::{Value, json};

/// JSON-RPC: the message is no JSON.
const PARSE_ERROR: i32 = -32700;
/// JSON-RPC: the message is no request of this protocol.
const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC: the method's parameters are wrong.
const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC: the server failed.
const INTERNAL_ERROR: i32 = -32603;
/// The first of the codes JSON-RPC leaves to servers: refused, for now or for this caller.
const REFUSED: i32 = -32000;
/// What MCP's own SDKs answer and expect for a session that is not there.
const NO_SESSION: i32 = -32001;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    status: StatusCode,
    code: i32,
    message: Box<str>,
    /// The id of the request, where it could be read.
    id: Value,
    /// When to come back, in seconds.
    retry_after: Option<u32>,
    /// The methods there are.
    allow: Option<&'static str>,
    /// How to be let in. In a box, because few refusals have one and all are handed from place to place.
    challenge: Option<Box<HeaderValue>>,
    /// Why, in metrics; requests that could be read are not counted there.
    pub(in crate::mcp) reason: Option<&'static str>,
    /// Whose request it is, for logs.
    pub(in crate::mcp) caller: Option<Arc<str>>,
}

impl Refused {
    fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into().into_boxed_str(),
            id: Value::Null,
            retry_after: None,
            allow: None,
            challenge: None,
            reason: None,
            caller: None,
        }
    }

    /// 400: this is no request of this protocol.
    pub(in crate::mcp) fn invalid(message: impl Into<String>) -> Self {
        let refused = Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message);
        refused.counted("malformed")
    }

    /// 400: these parameters are not taken.
    pub(in crate::mcp) fn invalid_params(message: impl Into<String>) -> Self {
        let refused = Self::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, message);
        refused.counted("malformed")
    }

    /// 400: the body is no JSON.
    pub(in crate::mcp) fn unreadable(message: impl Into<String>) -> Self {
        let refused = Self::new(StatusCode::BAD_REQUEST, PARSE_ERROR, message);
        refused.counted("malformed")
    }

    /// 400: which key counts cannot be told.
    pub(in crate::mcp) fn ambiguous(message: impl Into<String>) -> Self {
        Self::invalid(message).counted("ambiguous_key")
    }

    /// 401: nobody knows who is calling.
    pub(in crate::mcp) fn unauthorized(message: impl Into<String>, reason: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, REFUSED, message).counted(reason)
    }

    /// 403: not with these scopes.
    pub(in crate::mcp) fn out_of_scope(message: impl Into<String>, reason: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, REFUSED, message).counted(reason)
    }

    /// 503: nobody can tell at present who is calling.
    pub(in crate::mcp) fn untold(
        message: impl Into<String>,
        reason: &'static str,
        retry_after: u32,
    ) -> Self {
        Self::full(message, retry_after).counted(reason)
    }

    /// 403: not from there.
    pub(in crate::mcp) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, REFUSED, message).counted("forbidden")
    }

    /// 404: there is no such session, or it is somebody else's. Both are told alike.
    pub(in crate::mcp) fn no_session() -> Self {
        let message = "There is no such session; begin a new one with `initialize`";
        Self::new(StatusCode::NOT_FOUND, NO_SESSION, message)
    }

    /// 405: only these methods are answered.
    pub(in crate::mcp) fn method(allow: &'static str) -> Self {
        let message = format!("Here these methods are answered, and no others: {allow}");
        Self {
            allow: Some(allow),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, INVALID_REQUEST, message)
        }
    }

    /// 408: the body came too slowly.
    pub(in crate::mcp) fn too_slow() -> Self {
        let message = "The request's body came too slowly";
        Self::new(StatusCode::REQUEST_TIMEOUT, REFUSED, message).counted("too_slow")
    }

    /// 413: the body is larger than `most` bytes.
    pub(in crate::mcp) fn too_large(most: usize) -> Self {
        let message = format!("The request is larger than the limit of {most} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST, message).counted("too_large")
    }

    /// 415: only JSON is read.
    pub(in crate::mcp) fn not_json() -> Self {
        let message = "The Content-Type must be application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_REQUEST, message).counted("malformed")
    }

    /// 429: this session has too much open.
    pub(in crate::mcp) fn busy(message: impl Into<String>) -> Self {
        Self {
            retry_after: Some(1),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, REFUSED, message)
        }
    }

    /// 503: not now.
    pub(in crate::mcp) fn full(message: impl Into<String>, retry_after: u32) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, REFUSED, message)
        }
    }

    /// What rmcp refused, in our words where its own would tell of our inside.
    pub(in crate::mcp) fn of(status: StatusCode, message: &str) -> Self {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => return Self::no_session(),
            status if status.is_server_error() => (INTERNAL_ERROR, "The server failed internally"),
            _ => (INVALID_REQUEST, message),
        };
        Self::new(status, code, crate::schema::shown_text(message, 200))
    }

    /// The same, for the request with this id.
    pub(in crate::mcp) fn for_request(mut self, id: Value) -> Self {
        self.id = id;
        self
    }

    /// The same, of a request that was read: how often a session is full says nothing of what is malformed.
    pub(in crate::mcp) fn read(mut self) -> Self {
        self.reason = None;
        self
    }

    /// The same, of this caller's request.
    pub(in crate::mcp) fn of_caller(mut self, caller: Arc<str>) -> Self {
        self.caller = Some(caller);
        self
    }

    /// The same, with how to be let in.
    pub(in crate::mcp) fn with_challenge(mut self, challenge: HeaderValue) -> Self {
        self.challenge = Some(Box::new(challenge));
        self
    }

    /// The same, with the methods there are.
    pub(in crate::mcp) fn allowing(mut self, allow: Option<&HeaderValue>) -> Self {
        self.allow = match allow.map(HeaderValue::as_bytes) {
            Some(b"POST") => Some("POST"),
            Some(_) => Some("GET, POST, DELETE"),
            None => None,
        };
        self
    }

    #[cfg(test)]
    pub(in crate::mcp) fn is_invalid_request(&self) -> bool {
        (self.status, self.code) == (StatusCode::BAD_REQUEST, INVALID_REQUEST)
    }

    fn counted(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The same where there are no statuses: the id of the request, and the error.
    pub(in crate::mcp) fn into_error(self) -> (Value, ErrorData) {
        (
            self.id,
            ErrorData::new(ErrorCode(self.code), self.message.into_string(), None),
        )
    }

    /// The answer.
    pub fn respond(self, request: &str) -> Response {
        let error = json!({"code": self.code, "message": self.message});
        let body = json!({"jsonrpc": "2.0", "id": self.id, "error": error});
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON.clone());
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, *challenge);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        name(&mut response, request);
        response
    }
}

/// Puts the request's id on an answer.
pub(in crate::mcp) fn name(response: &mut Response, request: &str) {
    // Ids are made of letters, digits and a few signs, whoever made them.
    if let Ok(id) = HeaderValue::from_str(request) {
        response.headers_mut().insert(REQUEST_ID.clone(), id);
    }
}
