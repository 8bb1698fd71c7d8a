//! `GET /healthz` and `/readyz`: for load balancers. Never shed, never asked for a key.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};

use super::Hall;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok"
}

/// New requests are welcome.
pub(super) async fn ready(State(hall): State<Arc<Hall>>) -> (StatusCode, &'static str) {
    if hall.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ready")
    }
}
