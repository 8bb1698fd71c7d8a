//! A request as it was made: by whom, in which revision, and how its client is reached until it has its answer.

#![expect(
    deprecated,
    reason = "log messages are deprecated in 2026-07-28, and part of both revisions"
)]

use rmcp::{
    ErrorData, RoleServer,
    model::{ClientCapabilities, LoggingLevel, RequestMetaObject},
    service::{Peer, RequestContext},
};
use tokio_util::sync::CancellationToken;

use super::{Guest, server::Server, stamp::is_modern};

/// What a request says beside its parameters.
pub(super) struct Incoming {
    /// Who sends it.
    pub(super) guest: Guest,
    /// What it says of itself.
    pub(super) meta: RequestMetaObject,
    /// Whether it is of the revision without sessions.
    pub(super) is_modern: bool,
    /// What its client can do.
    pub(super) declared: ClientCapabilities,
    /// From which level on it wants log messages.
    pub(super) log_level: Option<LoggingLevel>,
    /// Where notifications and questions go; none where its answer is all that can be sent.
    pub(super) peer: Option<Peer<RoleServer>>,
    /// Cancelled when nobody wants the answer any more.
    pub(super) called_off: CancellationToken,
}

impl Incoming {
    /// What came over a transport of rmcp's.
    pub(super) fn of(
        server: &Server,
        context: RequestContext<RoleServer>,
    ) -> Result<Self, ErrorData> {
        let guest = server.guest(&context)?;
        let is_modern = is_modern(&context);
        Ok(Self {
            log_level: server.log_level(&guest, is_modern, &context.meta),
            guest,
            is_modern,
            declared: context.client_capabilities().unwrap_or_default(),
            meta: context.meta,
            peer: Some(context.peer),
            called_off: context.ct,
        })
    }
}
