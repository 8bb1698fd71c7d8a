//! The client that servers see: what it says it can do, and how it answers what they ask in the middle.
#![expect(
    deprecated,
    reason = "servers of 2025-11-25 ask for completions and folders this way"
)]

use std::sync::Arc;

use rmcp::{
    ClientHandler, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult,
        ElicitRequestParams, ElicitResult, ElicitationCapability, ErrorData, Implementation,
        ListRootsResult, ProtocolVersion,
    },
    service::{InboundStreamOrigin, RequestContext},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::asking::{Asked, Asking, Running, Unheard};

/// The client of one connection.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) running: Arc<Running>,
}

impl Answering {
    /// The request that a question belongs to: that on whose stream it came, else the only one there is.
    fn asking(&self, context: &RequestContext<RoleClient>) -> Option<Arc<Asking>> {
        match context.extensions.get::<InboundStreamOrigin>() {
            Some(InboundStreamOrigin::OutboundRequest(id)) => self.running.by_id(id),
            _ => self.running.only(),
        }
    }

    /// Has a question answered by the caller it belongs to.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
        context: RequestContext<RoleClient>,
    ) -> Result<T, ErrorData> {
        let asking = self.asking(&context).filter(|asking| asking.is_a_callers);
        let asking = asking.ok_or_else(|| {
            let message = "It cannot be told which request this belongs to: only one at a time may ask on this connection";
            ErrorData::invalid_request(message, None)
        })?;
        let unreadable =
            |error: serde_json::Error| ErrorData::invalid_params(error.to_string(), None);
        let params = serde_json::to_value(params).map_err(unreadable)?;
        let (answer, answered) = oneshot::channel();
        let asked = asking.ask(Asked {
            method,
            params,
            answer,
        });
        asked.map_err(|unheard| unanswered(&unheard.to_string()))?;
        let answered = tokio::select! {
            answered = answered => answered,
            () = context.ct.cancelled() => return Err(unanswered("The question was taken back")),
        };
        let answer = answered.map_err(|_| unanswered(&Unheard::Over.to_string()))?;
        let answer: Value = answer.map_err(|why| unanswered(&why))?;
        serde_json::from_value(answer).map_err(|error| {
            let message = format!("The answer is none that was asked for: {error}");
            ErrorData::internal_error(message, None)
        })
    }
}

fn unanswered(why: &str) -> ErrorData {
    ErrorData::invalid_request(why.to_owned(), None)
}

impl ClientHandler for Answering {
    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        self.ask("sampling/createMessage", params, context).await
    }

    async fn list_roots(
        &self,
        context: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        self.ask("roots/list", json!({}), context).await
    }

    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        self.ask("elicitation/create", params, context).await
    }

    fn get_info(&self) -> ClientConfig {
        client()
    }
}

/// What servers are told of the gateway. It can ask whatever its callers can be asked; who cannot be is told so then.
pub(super) fn client() -> ClientConfig {
    let mut able = ClientCapabilities::default();
    let ask = ElicitationCapability::new()
        .with_form(Default::default())
        .with_url(Default::default());
    able.elicitation = Some(ask);
    able.sampling = Some(Default::default());
    able.roots = Some(Default::default());
    let me = Implementation::new("waypost", env!("CARGO_PKG_VERSION"));
    let mut client = ClientConfig::new(able, me);
    client.protocol_version = ProtocolVersion::LATEST_WITH_INITIALIZE;
    client
}
