//! Every path there is.

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

use super::{Hall, admin, chat, door, embeddings, error::Reply, health, messages, models};

/// The public listener.
pub fn public_router(hall: Arc<Hall>) -> Router {
    let panics = hall.clone();
    Router::new()
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/messages", post(messages::complete))
        .route("/v1/embeddings", post(embeddings::embed))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(move |panic| {
            panicked(&panics, panic)
        }))
        .with_state(hall)
}

/// The admin listener.
pub fn admin_router(hall: Arc<Hall>) -> Router {
    let panics = hall.clone();
    Router::new()
        .route("/metrics", get(admin::metrics))
        .route("/admin/requests", get(admin::requests))
        .route("/admin/requests/{id}", get(admin::request))
        .route("/admin/explain", post(admin::explain))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(admin::unknown)
        .layer(CatchPanicLayer::custom(move |panic| {
            panicked(&panics, panic)
        }))
        .with_state(hall)
}

async fn unknown(State(hall): State<Arc<Hall>>, request: axum::extract::Request) -> Response {
    let message = format!(
        "Unknown request URL: {} {}",
        request.method(),
        request.uri().path()
    );
    match door::enter(&hall, request.headers()) {
        Ok(entry) => {
            Reply::openai(404, "invalid_request_error", "unknown_url", &message).respond(&entry.id)
        }
        Err(refusal) => refusal.openai(),
    }
}

async fn wrong_method(State(hall): State<Arc<Hall>>, request: axum::extract::Request) -> Response {
    let message = format!(
        "{} does not take {} requests",
        request.uri().path(),
        request.method()
    );
    match door::enter(&hall, request.headers()) {
        Ok(entry) => Reply::openai(405, "invalid_request_error", "method_not_allowed", &message)
            .respond(&entry.id),
        Err(refusal) => refusal.openai(),
    }
}

/// A panic is a bug of ours: it is logged and counted, the caller gets a 500, the process lives.
fn panicked(hall: &Hall, panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    hall.ledger.metrics().panics.inc();
    tracing::error!(panic = text, "a handler panicked; this is a bug in waypost");
    Reply::openai(
        500,
        "server_error",
        "internal_error",
        "The gateway failed internally. The request was not completed.",
    )
    .respond("")
}
