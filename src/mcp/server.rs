//! Messages to calls and back: one server for both eras and every transport.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use tokio::time::Instant;

use super::{Gate, Guest, convert, handle, line::ClientLine};
use crate::tools::{self, Call, Conversation, Outcome, Refusal};

/// The member of `_meta` that makes a call run once.
const IDEMPOTENCY_KEY: &str = "dev.waypost/idempotencyKey";

/// The member of `_meta` by which a result tells that a completion was made for it.
const ROUTE: &str = "dev.waypost/route";

/// The member of `_meta` that every request of 2026-07-28 has, and none of the revision with sessions.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// How long clients may keep lists, in milliseconds. Those that listen hear of changes at once.
const LIST_TTL: u64 = 60_000;

/// Answers messages. Over HTTP each request brings its guest; elsewhere the connection has one.
#[derive(Clone)]
pub(super) struct Server {
    gate: Arc<Gate>,
    guest: Option<Guest>,
}

impl Server {
    /// For a transport whose requests each bring their guest.
    pub(super) fn of_requests(gate: Arc<Gate>) -> Self {
        Self { gate, guest: None }
    }

    fn guest(&self, context: &RequestContext<RoleServer>) -> Result<Guest, ErrorData> {
        let parts = context.extensions.get::<http::request::Parts>();
        let brought = parts.and_then(|parts| parts.extensions.get::<Guest>());
        brought
            .or(self.guest.as_ref())
            .cloned()
            .ok_or_else(|| ErrorData::internal_error("The request has no caller", None))
    }

    /// What a call belongs to, and the handle by which later calls can go on with it where there are no sessions.
    fn conversation(
        &self,
        guest: &Guest,
        context: &RequestContext<RoleServer>,
    ) -> Result<(Arc<Conversation>, Option<String>), ErrorData> {
        let (meta, handles) = (&context.meta.0.0, &self.gate.handles);
        let caller = &guest.caller.name;
        if let Some(sent) = meta.get(handle::MEMBER) {
            let known = sent.as_str().and_then(|sent| handles.read(sent, caller));
            let known = known.ok_or_else(|| {
                let message = "The conversation is not known: send none to begin one";
                ErrorData::invalid_params(message, None)
            })?;
            let handle = handles.write(&known, caller);
            return Ok((Arc::new(known), Some(handle)));
        }
        let conversation = guest.conversation.clone();
        let handle = meta.contains_key(VERSION);
        let handle = handle.then(|| handles.write(&conversation, caller));
        Ok((conversation, handle))
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        let this = Implementation::new("waypost", env!("CARGO_PKG_VERSION"));
        let config = ServerConfig::new(capabilities).with_server_info(this);
        match &self.gate.offer().settings.instructions {
            Some(instructions) => config.with_instructions(instructions.clone()),
            None => config,
        }
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let offer = self.gate.offer();
        offer.toolbox.get(name).map(|tool| convert::tool(tool))
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let guest = self.guest(&context)?;
        let offer = self.gate.offer();
        let visible = offer.toolbox.visible(&guest.caller);
        let tools = visible.map(|tool| convert::tool(tool)).collect();
        let result = ListToolsResult::with_all_items(tools);
        Ok(result
            .with_ttl_ms(LIST_TTL)
            .with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arrived = Instant::now();
        let guest = self.guest(&context)?;
        let offer = self.gate.offer();
        let (conversation, handle) = self.conversation(&guest, &context)?;
        let in_meta = context.meta.0.0.get(IDEMPOTENCY_KEY);
        let in_meta = in_meta.and_then(|key| key.as_str()).map(str::to_owned);
        let call = Call {
            tool: request.name.into_owned(),
            arguments: request.arguments.unwrap_or_default(),
            limits: offer.limits.of(&guest.caller.name),
            caller: guest.caller,
            request: guest.request,
            idempotency_key: in_meta.or(guest.idempotency_key),
            conversation,
            arrived,
        };
        let line = Arc::new(ClientLine::of(&context));
        let called = tools::call(offer.toolbox.clone(), call, line);
        let outcome = tokio::select! {
            outcome = called => outcome,
            () = context.ct.cancelled() => {
                return Err(ErrorData::internal_error("The call was cancelled", None));
            }
        };
        match outcome {
            Ok(Outcome::Done(mut output)) => {
                // Only completions are kept together so far.
                if let Some(handle) = handle.filter(|_| output.meta.contains_key(ROUTE)) {
                    output.meta.insert(handle::MEMBER.to_owned(), handle.into());
                }
                Ok(convert::result(output).into())
            }
            Ok(Outcome::Asks(_)) => Err(ErrorData::internal_error("not built", None)),
            Err(Refusal::UnknownTool) => Err(ErrorData::invalid_params("Unknown tool", None)),
            Err(Refusal::KeyReused) => Err(ErrorData::invalid_params(
                "The idempotency key was used with other arguments",
                None,
            )),
            Err(Refusal::Fault(fault)) => Ok(convert::fault(fault).into()),
        }
    }
}
