//! A listener's paths: which code answers a request, and what happens if it panics.
//!
//! Completions are found here, before axum's router. Its layers box and move a request several times, which costs
//! as much as everything that is done to know the caller; the other paths are called too seldom to matter.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
};
use futures_util::{FutureExt, future::BoxFuture};
use http::Method;
use tower::ServiceExt;

use super::{Hall, chat, embeddings, error::Reply, messages};

/// What is served on one listener.
#[derive(Clone)]
pub struct Paths {
    hall: Arc<Hall>,
    /// Whether completions are among it.
    completes: bool,
    /// What another face serves here.
    annex: Option<Annex>,
    router: Router,
}

/// A path that another face serves, whatever the method.
#[derive(Clone)]
pub struct Annex {
    /// The path.
    pub path: &'static str,
    /// What answers there.
    pub answer: Arc<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>,
}

impl Paths {
    /// Completions, the annex, and what `router` knows.
    pub(super) fn public(hall: Arc<Hall>, router: Router, annex: Option<Annex>) -> Self {
        Self {
            hall,
            completes: true,
            annex,
            router,
        }
    }

    /// What `router` knows.
    pub(super) fn admin(hall: Arc<Hall>, router: Router) -> Self {
        Self {
            hall,
            completes: false,
            annex: None,
            router,
        }
    }

    /// Answers a request. A panic is answered too, and the process lives.
    pub(super) async fn answer(self, request: Request) -> Response {
        let Self {
            hall,
            completes,
            annex,
            router,
        } = self;
        let state = State(hall.clone());
        let answered = async move {
            if completes && request.method() == Method::POST {
                match request.uri().path() {
                    CHAT => return chat::complete(state, request).await,
                    MESSAGES => return messages::complete(state, request).await,
                    EMBEDDINGS => return embeddings::embed(state, request).await,
                    _ => {}
                }
            }
            if let Some(annex) = annex.filter(|annex| annex.path == request.uri().path()) {
                return (annex.answer)(request).await;
            }
            let Ok(response) = router.oneshot(request).await;
            response
        };
        let answered = AssertUnwindSafe(answered).catch_unwind().await;
        answered.unwrap_or_else(|panic| panicked(&hall, &*panic))
    }
}

/// OpenAI's chat completions.
pub(super) const CHAT: &str = "/v1/chat/completions";
/// Anthropic's messages.
pub(super) const MESSAGES: &str = "/v1/messages";
/// OpenAI's embeddings.
pub(super) const EMBEDDINGS: &str = "/v1/embeddings";

/// A panic is a bug of ours: it is logged and counted, and the caller gets a 500.
fn panicked(hall: &Hall, panic: &(dyn Any + Send)) -> Response {
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
    use std::collections::BTreeMap;

    use axum::{body::Body, routing::get};
    use http_body_util::BodyExt;

    use super::*;
    use crate::{
        access::Access,
        catalog::Catalog,
        federation::{Fleet, Pins},
        http::{Face, health, public_router},
        relay::Desk,
        route,
        telemetry::Ledger,
        tools::Toolbox,
        upstream::Upstream,
    };

    fn hall() -> Arc<Hall> {
        let desk = Desk::new(
            route::Router::new(Arc::new(Catalog::default()), &BTreeMap::new()).unwrap(),
            Default::default(),
            Arc::new(Upstream::new(Default::default())),
            Default::default(),
            Default::default(),
        );
        let desk = Arc::new(desk);
        let ledger = Ledger::start(None);
        let toolbox = Toolbox::new(Vec::new(), desk.clone(), ledger.clone(), Arc::default());
        let face = Face {
            access: Arc::new(Access::open()),
            limits: Arc::default(),
            desk,
            toolbox: Arc::new(toolbox),
            fleet: Arc::new(Fleet::new(Pins::open(None), Arc::default(), ledger.clone())),
            settings: Default::default(),
            admin_key: None,
            generation: 1,
        };
        Arc::new(Hall::new(face, ledger))
    }

    async fn ask(paths: &Paths, request: http::request::Builder) -> (u16, String) {
        let request = request.body(Body::empty()).unwrap();
        let response = paths.clone().answer(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
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
        let paths = Paths::admin(hall.clone(), router);
        let (status, body) = ask(&paths, http::Request::get("/broken")).await;
        assert_eq!(status, 500);
        assert!(
            body.contains("\"internal_error\"") && !body.contains("canary"),
            "{body}"
        );
        let healthy = ask(&paths, http::Request::get("/healthz")).await;
        assert_eq!(healthy, (200, "ok".to_owned()));
        assert_eq!(hall.ledger.metrics().panics.get(), 1);
    }

    #[tokio::test]
    async fn completions_are_found_by_path_and_method() {
        let paths = public_router(hall(), None);
        for path in [CHAT, MESSAGES, EMBEDDINGS] {
            let (status, body) = ask(&paths, http::Request::post(path)).await;
            assert_eq!(status, 400, "an empty body is no request: {path} {body}");
            let (status, body) = ask(&paths, http::Request::get(path)).await;
            assert_eq!(status, 405, "{path} {body}");
        }
        let admin = Paths::admin(paths.hall.clone(), Router::new());
        let (status, _) = ask(&admin, http::Request::post(CHAT)).await;
        assert_eq!(status, 404, "operators' listener completes nothing");
    }
}
