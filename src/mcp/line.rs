//! The client's end of one running call, over rmcp's peer.

#![expect(
    deprecated,
    reason = "log messages are deprecated in 2026-07-28, and part of both revisions"
)]

use futures_util::future::BoxFuture;
use rmcp::{
    RoleServer,
    model::{
        ClientCapabilities, LoggingLevel, LoggingMessageNotificationParam,
        ProgressNotificationParam, ProgressToken,
    },
    service::{Peer, RequestContext},
};
use serde_json::Value;

use crate::tools::{Abilities, Answers, Level, Line, Question, Unanswered};

/// The client's end of one running call.
pub(super) struct ClientLine {
    peer: Peer<RoleServer>,
    progress_token: Option<ProgressToken>,
    capabilities: ClientCapabilities,
}

impl ClientLine {
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        Self {
            peer: context.peer.clone(),
            progress_token: context.meta.get_progress_token(),
            capabilities: context.client_capabilities().unwrap_or_default(),
        }
    }
}

impl Line for ClientLine {
    fn abilities(&self) -> Abilities {
        Abilities {
            elicitation: self.capabilities.elicitation.is_some(),
            sampling: self.capabilities.sampling.is_some(),
            roots: self.capabilities.roots.is_some(),
        }
    }

    fn wants_progress(&self) -> bool {
        self.progress_token.is_some()
    }

    fn progress<'a>(
        &'a self,
        progress: f64,
        total: Option<f64>,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Some(token) = &self.progress_token else {
                return;
            };
            let mut told = ProgressNotificationParam::new(token.clone(), progress);
            told.total = total;
            told.message = message.map(str::to_owned);
            // A client that left hears nothing, which ends nothing by itself.
            let _ = self.peer.notify_progress(told).await;
        })
    }

    fn log<'a>(&'a self, level: Level, logger: &'a str, data: Value) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let level = match level {
                Level::Debug => LoggingLevel::Debug,
                Level::Info => LoggingLevel::Info,
                Level::Warning => LoggingLevel::Warning,
                Level::Error => LoggingLevel::Error,
            };
            let message = LoggingMessageNotificationParam::new(level, data).with_logger(logger);
            let _ = self.peer.notify_logging_message(message).await;
        })
    }

    fn ask(
        &self,
        questions: Vec<(String, Question)>,
    ) -> BoxFuture<'_, Result<Answers, Unanswered>> {
        Box::pin(std::future::ready(Err(Unanswered::Later(questions))))
    }
}
