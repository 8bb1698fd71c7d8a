//! `/mcp` over HTTP: who may come in, and which era answers.
//!
//! Two services of rmcp stand behind one path. With one, an event store for the sessions of 2025-11-25 would make
//! streams of 2026-07-28 resumable, and then a disconnect would no longer cancel, which that revision demands.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderName, StatusCode};
use rmcp::transport::{
    StreamableHttpServerConfig, StreamableHttpService,
    streamable_http_server::session::{local::LocalSessionManager, never::NeverSessionManager},
};

use super::{Gate, Guest, server::Server, websocket};

/// The first revision without sessions. Dates compare as text.
const STATELESS: &str = "2026-07-28";

static PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// `/mcp`.
pub struct Endpoint {
    gate: Arc<Gate>,
    sessions: StreamableHttpService<Server, LocalSessionManager>,
    stateless: StreamableHttpService<Server, NeverSessionManager>,
}

impl Endpoint {
    /// The endpoint of a gate.
    pub fn new(gate: Arc<Gate>) -> Self {
        let settings = gate.offer().settings.clone();
        let config = StreamableHttpServerConfig::default()
            .with_cancellation_token(gate.closing.clone())
            .with_max_request_body_bytes(settings.max_body)
            .with_allowed_origins(settings.allowed_origins)
            .enforce_origin_validation();
        let server = {
            let gate = gate.clone();
            move || Ok(Server::of_requests(gate.clone()))
        };
        let sessions = StreamableHttpService::new(
            server.clone(),
            Arc::new(LocalSessionManager::default()),
            config.clone(),
        );
        let stateless = StreamableHttpService::new(
            server,
            Arc::new(NeverSessionManager::default()),
            config
                .with_legacy_session_mode(false)
                .with_json_response(true)
                .with_stateless_protocol_metadata_required(true),
        );
        Self {
            gate,
            sessions,
            stateless,
        }
    }

    /// Answers one request.
    pub async fn answer(&self, mut request: Request) -> Response {
        let offer = self.gate.offer();
        let guest = match Guest::of(&offer, request.headers()) {
            Ok(guest) => guest,
            Err(unwelcome) => {
                return (StatusCode::UNAUTHORIZED, unwelcome.to_string()).into_response();
            }
        };
        if websocket::is_upgrade(request.headers()) {
            return websocket::upgrade(self.gate.clone(), guest, request).await;
        }
        request.extensions_mut().insert(guest);
        let version = request.headers().get(&PROTOCOL_VERSION);
        let stateless = version.is_some_and(|version| version.as_bytes() >= STATELESS.as_bytes());
        let response = if stateless {
            self.stateless.handle(request).await
        } else {
            self.sessions.handle(request).await
        };
        response.map(Body::new)
    }
}
