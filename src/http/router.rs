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
    let router = Router::new()
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/messages", post(messages::complete))
        .route("/v1/embeddings", post(embeddings::embed))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method);
    guarded(router, hall)
}

/// The admin listener.
pub fn admin_router(hall: Arc<Hall>) -> Router {
    let router = Router::new()
        .route("/metrics", get(admin::metrics))
        .route("/admin/requests", get(admin::requests))
        .route("/admin/requests/{id}", get(admin::request))
        .route("/admin/explain", post(admin::explain))
        .route("/admin/targets", get(admin::targets))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(admin::unknown);
    guarded(router, hall)
}

/// The router with its state, and with a panic in a handler answered.
fn guarded(router: Router<Arc<Hall>>, hall: Arc<Hall>) -> Router {
    let panics = hall.clone();
    let layer = CatchPanicLayer::custom(move |panic| panicked(&panics, panic));
    router.layer(layer).with_state(hall)
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use axum::body::Body;
    use http_body_util::BodyExt;
    use tokio::time::Instant;
    use tower::ServiceExt;

    use super::*;
    use crate::{
        access::Access, catalog::Catalog, http::Face, limit::Limits, relay::Desk, route,
        telemetry::Ledger, upstream::Upstream,
    };

    fn hall() -> Arc<Hall> {
        let desk = Desk {
            router: route::Router::new(Arc::new(Catalog::default()), &BTreeMap::new()).unwrap(),
            upstream: Arc::new(Upstream::new(Default::default())),
            health: Default::default(),
        };
        let face = Face {
            access: Access::open(),
            limits: HashMap::new(),
            desk: Arc::new(desk),
            settings: Default::default(),
            admin_key: None,
            generation: 1,
            unlimited: Arc::new(Limits::new(None, None, Instant::now())),
        };
        Arc::new(Hall::new(face, Ledger::start(None)))
    }

    #[tokio::test]
    async fn a_panic_answers_500_and_the_next_request_is_served() {
        async fn broken() -> &'static str {
            panic!("sk-canary")
        }
        let hall = hall();
        let router = Router::new()
            .route("/broken", get(broken))
            .route("/healthz", get(health::alive));
        let router = guarded(router, hall.clone());
        let ask = async |path: &str| {
            let request = http::Request::get(path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        let (status, body) = ask("/broken").await;
        assert_eq!(status, 500);
        assert!(
            body.contains("\"internal_error\"") && !body.contains("canary"),
            "{body}"
        );
        assert_eq!(ask("/healthz").await, (200, "ok".to_owned()));
        assert_eq!(hall.ledger.metrics().panics.get(), 1);
    }
}
