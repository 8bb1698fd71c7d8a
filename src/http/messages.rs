//! `POST /v1/messages`: Anthropic clients in, any provider out.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};

use super::{Hall, completion};
use crate::{
    dialect::{Work, anthropic::Anthropic},
    telemetry::{REQUEST_ID, Surface},
};

/// The status of Anthropic's `overloaded_error`; its SDKs know overload by it.
const OVERLOADED: u16 = 529;

/// Completes one conversation.
pub(super) async fn complete(State(hall): State<Arc<Hall>>, request: Request) -> Response {
    let served = completion::serve(
        hall,
        request,
        &Anthropic,
        Surface::Messages,
        Work::Completion,
    );
    let mut response = served.await;
    // The name under which Anthropic's SDKs look for it.
    if let Some(id) = response.headers().get(&REQUEST_ID).cloned() {
        response.headers_mut().insert("request-id", id);
    }
    if response.status() == StatusCode::SERVICE_UNAVAILABLE
        && let Ok(overloaded) = StatusCode::from_u16(OVERLOADED)
    {
        *response.status_mut() = overloaded;
    }
    response
}
