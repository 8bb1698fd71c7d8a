//! Every path there is.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};

use super::{
    Hall, admin, chat, door, embeddings,
    error::Reply,
    health, messages, metadata, models,
    paths::{Annex, CHAT, EMBEDDINGS, MESSAGES, Paths},
    ticket,
};
use crate::access::WELL_KNOWN;

/// The public listener, with what another face serves on it. Completions stand here for their other methods' sake:
/// [`Paths`] finds them before.
pub fn public_router(hall: Arc<Hall>, annex: Option<Annex>) -> Paths {
    let router = models(hall.clone());
    Paths::public(hall, router, annex)
}

/// A listener for the programs of tool servers: what asks a model, and nothing else.
pub fn models_router(hall: Arc<Hall>) -> Paths {
    let router = models(hall.clone());
    Paths::public(hall, router, None)
}

fn models(hall: Arc<Hall>) -> Router {
    Router::new()
        .route(CHAT, post(chat::complete))
        .route(MESSAGES, post(messages::complete))
        .route(EMBEDDINGS, post(embeddings::embed))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::show))
        .route(WELL_KNOWN, get(metadata::show))
        .route(&format!("{WELL_KNOWN}/{{*path}}"), get(metadata::show))
        .route("/oauth/token", post(ticket::exchange))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .with_state(hall)
}

/// The admin listener.
pub fn admin_router(hall: Arc<Hall>) -> Paths {
    let router = Router::new()
        .route("/metrics", get(admin::metrics))
        .route("/admin/requests", get(admin::requests))
        .route("/admin/requests/{id}", get(admin::request))
        .route("/admin/explain", post(admin::explain))
        .route("/admin/targets", get(admin::targets))
        .route("/admin/tools", get(admin::tools))
        .route("/admin/servers", get(admin::servers::list))
        .route("/admin/servers/{name}", get(admin::servers::show))
        .route(
            "/admin/servers/{name}/approve",
            post(admin::servers::approve),
        )
        .route("/admin/servers/{name}/revoke", post(admin::servers::revoke))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(admin::unknown)
        .with_state(hall.clone());
    Paths::admin(hall, router)
}

async fn unknown(State(hall): State<Arc<Hall>>, request: axum::extract::Request) -> Response {
    let message = format!(
        "Unknown request URL: {} {}",
        request.method(),
        request.uri().path()
    );
    match door::enter(&hall, request.headers()).await {
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
    match door::enter(&hall, request.headers()).await {
        Ok(entry) => Reply::openai(405, "invalid_request_error", "method_not_allowed", &message)
            .respond(&entry.id),
        Err(refusal) => refusal.openai(),
    }
}
