//! `POST /v1/chat/completions`: OpenAI clients in, any provider out.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};

use super::{Hall, completion};
use crate::{
    dialect::{Work, openai::OpenAi},
    telemetry::Surface,
};

/// Completes one chat.
pub(super) async fn complete(State(hall): State<Arc<Hall>>, request: Request) -> Response {
    completion::serve(hall, request, &OpenAi, Surface::Chat, Work::Completion).await
}
