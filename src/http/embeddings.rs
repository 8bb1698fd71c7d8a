//! `POST /v1/embeddings`.

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

/// Embeds texts.
pub(super) async fn embed(State(hall): State<Arc<Hall>>, request: Request) -> Response {
    completion::serve(
        hall,
        request,
        &OpenAi,
        Surface::Embeddings,
        Work::Embeddings,
    )
    .await
}
