//! `POST /v1/messages`: Anthropic clients in, any provider out.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};

use super::{Hall, completion};
use crate::{
    dialect::{Work, anthropic::Anthropic},
    telemetry::Surface,
};

/// Completes one conversation.
pub(super) async fn complete(State(hall): State<Arc<Hall>>, request: Request) -> Response {
    completion::serve(
        hall,
        request,
        &Anthropic,
        Surface::Messages,
        Work::Completion,
    )
    .await
}
