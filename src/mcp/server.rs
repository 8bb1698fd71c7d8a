//! Messages to calls and back: one server for both eras and every transport.

use std::sync::{Arc, OnceLock};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
        Extensions, GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
        SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    },
    service::{NotificationContext, Peer, RequestContext, SubscriptionContext},
};
use tokio::time::Instant;

use super::{
    Gate, Guest, LIST_TTL,
    attention::{self, Attention},
    convert,
    library::Got,
    line::ClientLine,
};
use crate::tools::{self, Call, Outcome, Refusal};

/// The member of `_meta` that makes a call run once.
const IDEMPOTENCY_KEY: &str = "dev.waypost/idempotencyKey";

/// Answers messages. Over HTTP each request brings its guest; elsewhere the connection has one.
#[derive(Clone)]
pub(super) struct Server {
    gate: Arc<Gate>,
    guest: Option<Guest>,
    /// For sessions and connections of 2025-11-25, once they have begun.
    attention: Arc<OnceLock<Attention>>,
}

impl Server {
    /// For a transport whose requests each bring their guest.
    pub(super) fn of_requests(gate: Arc<Gate>) -> Self {
        Self {
            gate,
            guest: None,
            attention: Arc::default(),
        }
    }

    /// For a connection that has one guest.
    pub(super) fn of_connection(gate: Arc<Gate>, guest: Guest) -> Self {
        Self {
            guest: Some(guest),
            ..Self::of_requests(gate)
        }
    }

    fn guest(&self, context: &RequestContext<RoleServer>) -> Result<Guest, ErrorData> {
        self.guest_of(&context.extensions)
    }

    fn guest_of(&self, extensions: &Extensions) -> Result<Guest, ErrorData> {
        let parts = extensions.get::<http::request::Parts>();
        if let Some(brought) = parts.and_then(|parts| parts.extensions.get::<Guest>()) {
            return Ok(brought.clone());
        }
        let guest = self.guest.as_ref();
        let guest =
            guest.ok_or_else(|| ErrorData::internal_error("The request has no caller", None))?;
        // A connection outlives configurations: what its key may use is looked up anew.
        let caller = self.gate.offer().access.renew(&guest.caller);
        let caller =
            caller.ok_or_else(|| ErrorData::invalid_request("The key is no longer valid", None))?;
        Ok(guest.again(caller))
    }

    /// Begins to tell a session or connection of changes, once.
    fn attend(&self, guest: Guest, peer: &Peer<RoleServer>) -> Option<&Attention> {
        if self.attention.get().is_none() {
            let attention = Attention::of(&self.gate, guest.caller, peer.clone())?;
            // Another one that was quicker is as good.
            let _ = self.attention.set(attention);
        }
        self.attention.get()
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .enable_completions()
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
        let in_meta = context.meta.0.0.get(IDEMPOTENCY_KEY);
        let in_meta = in_meta.and_then(|key| key.as_str()).map(str::to_owned);
        let call = Call {
            tool: request.name.into_owned(),
            arguments: request.arguments.unwrap_or_default(),
            limits: offer.limits.of(&guest.caller.name),
            caller: guest.caller,
            request: guest.request,
            idempotency_key: in_meta.or(guest.idempotency_key),
            conversation: guest.conversation,
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
            Ok(Outcome::Done(output)) => Ok(convert::result(output).into()),
            Ok(Outcome::Asks(_)) => Err(ErrorData::internal_error("not built", None)),
            Err(Refusal::UnknownTool) => Err(ErrorData::invalid_params("Unknown tool", None)),
            Err(Refusal::KeyReused) => Err(ErrorData::invalid_params(
                "The idempotency key was used with other arguments",
                None,
            )),
            Err(Refusal::Fault(fault)) => Ok(convert::fault(fault).into()),
        }
    }

    async fn list_prompts(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let caller = self.guest(&context)?.caller;
        self.gate.offer().library.list_prompts(&caller, page)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let caller = self.guest(&context)?.caller;
        let line = ClientLine::of(&context);
        let offer = self.gate.offer();
        let arguments = request.arguments.unwrap_or_default();
        let got = offer
            .library
            .prompt(&caller, &request.name, arguments, &line);
        match got.await? {
            Got::Prompt(prompt) => Ok(prompt.into()),
            Got::Asks(questions) => {
                let message = format!("{} questions wait for an answer", questions.len());
                Err(ErrorData::internal_error(message, None))
            }
        }
    }

    async fn list_resources(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let caller = self.guest(&context)?.caller;
        self.gate.offer().library.list_resources(&caller, page)
    }

    async fn list_resource_templates(
        &self,
        page: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let caller = self.guest(&context)?.caller;
        self.gate.offer().library.list_templates(&caller, page)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let caller = self.guest(&context)?.caller;
        let read = self.gate.offer().library.read(&caller, &request.uri)?;
        Ok(read.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let caller = self.guest(&context)?.caller;
        self.gate.offer().library.complete(&caller, &request)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if let Ok(guest) = self.guest_of(&context.extensions) {
            self.attend(guest, &context.peer);
        }
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let guest = self.guest(&context)?;
        let most = self.gate.offer().settings.listeners.resources;
        match self.attend(guest, &context.peer) {
            Some(attention) => attention.subscribe(request.uri, most),
            None => Ok(()),
        }
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.guest(&context)?;
        if let Some(attention) = self.attention.get() {
            attention.unsubscribe(&request.uri);
        }
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let most = self.gate.offer().settings.listeners.resources;
        Some(attention::accepted(requested, most))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let guest = self.guest(context.request_context())?;
        attention::listen(&self.gate, guest.caller, context).await
    }
}
