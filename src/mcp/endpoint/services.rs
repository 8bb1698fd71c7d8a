//! rmcp's two services, and which of them a request is for.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::{Full, combinators::BoxBody};
use rmcp::transport::{
    StreamableHttpServerConfig, StreamableHttpService,
    streamable_http_server::session::never::NeverSessionManager,
};

use super::Refused;
use crate::{
    access::Caller,
    mcp::{
        Gate,
        server::{CALLER, Server},
        sessions::Sessions,
    },
};

/// The first revision without sessions. Dates compare as text.
const STATELESS: &str = "2026-07-28";

static PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// Which lifecycle a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    /// 2025-11-25 and before: sessions.
    Sessions,
    /// 2026-07-28: each request is complete.
    Stateless,
}

impl Era {
    /// The era of a request with this head. Without a version it is of the older one, as that revision demands.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refused> {
        let mut versions = headers.get_all(&PROTOCOL_VERSION).iter();
        match (versions.next(), versions.next()) {
            (_, Some(_)) => Err(Refused::invalid("MCP-Protocol-Version was sent twice")),
            (Some(version), None) if version.as_bytes() >= STATELESS.as_bytes() => {
                Ok(Self::Stateless)
            }
            _ => Ok(Self::Sessions),
        }
    }
}

/// rmcp's two services.
pub(super) struct Services {
    sessions: StreamableHttpService<Server, Sessions>,
    stateless: StreamableHttpService<Server, NeverSessionManager>,
}

impl Services {
    pub(super) fn new(gate: &Arc<Gate>, sessions: &Arc<Sessions>) -> Self {
        // Hosts, origins and sizes were judged before, by the present configuration: rmcp would keep its first.
        let config = StreamableHttpServerConfig::default()
            .with_cancellation_token(gate.closing.clone())
            .with_max_request_body_bytes(usize::MAX)
            .disable_allowed_hosts()
            .disable_allowed_origins();
        let server = {
            let gate = gate.clone();
            move || Ok(Server::of_requests(gate.clone()))
        };
        let mut with_sessions = config.clone();
        with_sessions.session_store = Some(sessions.clone());
        Self {
            sessions: StreamableHttpService::new(server.clone(), sessions.clone(), with_sessions),
            stateless: StreamableHttpService::new(
                server,
                Arc::new(NeverSessionManager::default()),
                config
                    .with_legacy_session_mode(false)
                    .with_json_response(true)
                    .with_stateless_protocol_metadata_required(true),
            ),
        }
    }

    /// Answers a request of the era with sessions.
    pub(super) async fn sessions(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Response<BoxBody<Bytes, Infallible>> {
        self.sessions.handle(request).await
    }

    /// Answers a caller's request of the era without.
    pub(super) async fn stateless(
        &self,
        caller: Arc<Caller>,
        request: Request<Full<Bytes>>,
    ) -> Response<BoxBody<Bytes, Infallible>> {
        let answering = self.stateless.handle(request);
        CALLER.scope(caller, answering).await
    }
}
