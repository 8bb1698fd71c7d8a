//! Messages to calls and back: one server for both eras and every transport.

#![expect(
    deprecated,
    reason = "log messages are deprecated in 2026-07-28, and part of both revisions"
)]

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams,
        CompleteRequestParams, CompleteResult, CustomRequest, CustomResult, Extensions,
        GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult,
        InitializeRequestParams, InitializeResult, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, LoggingLevel, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, RequestMetaObject, ServerCapabilities,
        ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
        UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};

use super::{
    Gate, Guest, LIST_TTL, calls, convert,
    incoming::Incoming,
    library::page,
    methods,
    notify::{self, Notices, gone},
    prompts,
    stamp::{self, stamped, stamped_in},
    tasks, visits,
};
use crate::{access::Caller, tools::TaskSupport};

tokio::task_local! {
    /// Who sends the request that rmcp is about to read.
    pub(super) static CALLER: Arc<Caller>;
}

/// Answers messages. Over HTTP each request brings its guest; elsewhere the connection has one.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) gate: Arc<Gate>,
    guest: Option<Guest>,
    /// From which level on a session of 2025-11-25 wants log messages.
    log_level: Arc<Mutex<LoggingLevel>>,
    /// For sessions and connections of 2025-11-25.
    notices: Notices,
}

impl Server {
    /// For a transport whose requests each bring their guest.
    pub(super) fn of_requests(gate: Arc<Gate>) -> Self {
        Self {
            gate,
            guest: None,
            // What a server sends to those that asked for no level is its own choice.
            log_level: Arc::new(Mutex::new(LoggingLevel::Info)),
            notices: Notices::default(),
        }
    }

    /// For a connection that has one guest.
    pub(super) fn of_connection(gate: Arc<Gate>, guest: Guest) -> Self {
        Self {
            guest: Some(guest),
            ..Self::of_requests(gate)
        }
    }

    /// Who sends this request.
    pub(super) fn guest(&self, context: &RequestContext<RoleServer>) -> Result<Guest, ErrorData> {
        self.guest_of(&context.extensions)
    }

    fn guest_of(&self, extensions: &Extensions) -> Result<Guest, ErrorData> {
        let parts = extensions.get::<http::request::Parts>();
        if let Some(brought) = parts.and_then(|parts| parts.extensions.get::<Guest>()) {
            self.notices.go_on_for(&brought.caller);
            return Ok(brought.clone());
        }
        let guest = self.guest.as_ref();
        let guest =
            guest.ok_or_else(|| ErrorData::internal_error("The request has no caller", None))?;
        // A connection outlives configurations: what its key may use is looked up anew.
        let caller = self.gate.offer().access.renew(&guest.caller);
        let caller = caller.ok_or_else(|| gone(&guest.caller))?;
        Ok(guest.again(caller))
    }

    /// From which level on a request wants log messages: in 2026-07-28 it says so itself, or wants none.
    pub(super) fn log_level(
        &self,
        guest: &Guest,
        is_modern: bool,
        meta: &RequestMetaObject,
    ) -> Option<LoggingLevel> {
        if is_modern {
            return meta.log_level();
        }
        // A session outlives the service that answers it.
        let session = guest.session.as_ref();
        if let Some(level) = session.and_then(|session| session.log_level()) {
            return Some(level.into());
        }
        let level = self
            .log_level
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Some(*level)
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
            .enable_logging()
            .enable_tasks()
            .build();
        let config = ServerConfig::new(capabilities).with_server_info(stamp::this());
        match &self.gate.offer().settings.instructions {
            Some(instructions) => config.with_instructions(instructions.clone()),
            None => config,
        }
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut answer = self.negotiate_initialize(&request)?;
        // Tasks are an extension of the other revision.
        answer.capabilities.extensions = None;
        Ok(answer)
    }

    /// For the headers that repeat arguments, which rmcp checks before there is a request: a tool its sender may not
    /// use has none.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        let caller = CALLER.try_with(Arc::clone).ok()?;
        let offer = self.gate.offer();
        let tool = offer.toolbox.find(name, &caller)?;
        Some(convert::tool(tool))
    }

    async fn list_tools(
        &self,
        from: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let guest = self.guest(&context)?;
        let offer = self.gate.offer();
        let visible = offer.toolbox.visible(&guest.caller);
        // A tool that only runs as a task cannot be called in the revision that has none.
        let modern = stamp::is_modern(&context);
        let visible = visible.filter(|tool| modern || tool.common.task != TaskSupport::Required);
        let visible = visible.map(|tool| (tool.wire.as_str(), tool));
        let (tools, next) = page(visible, from, offer.settings.page_size.get())?;
        let tools = tools.into_iter().map(|tool| convert::tool(tool));
        let mut result = ListToolsResult::with_all_items(tools.collect());
        result.next_cursor = next;
        let result = result
            .with_ttl_ms(LIST_TTL)
            .with_cache_scope(CacheScope::Private);
        Ok(stamped(&context, result))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        // In a box, because rmcp moves the future it is part of from task to task.
        let incoming = Incoming::of(self, context)?;
        Box::pin(calls::call(&self.gate, request, incoming)).await
    }

    async fn list_prompts(
        &self,
        from: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let caller = self.guest(&context)?.caller;
        let offer = self.gate.offer();
        let size = offer.settings.page_size.get();
        let list = offer.library.list_prompts(&caller, from, size)?;
        Ok(stamped(&context, list))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        Box::pin(prompts::get(self, request, context)).await
    }

    async fn list_resources(
        &self,
        from: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let caller = self.guest(&context)?.caller;
        let offer = self.gate.offer();
        let size = offer.settings.page_size.get();
        let list = offer.library.list_resources(&caller, from, size)?;
        Ok(stamped(&context, list))
    }

    async fn list_resource_templates(
        &self,
        from: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let caller = self.guest(&context)?.caller;
        let offer = self.gate.offer();
        let size = offer.settings.page_size.get();
        let list = offer.library.list_templates(&caller, from, size)?;
        Ok(stamped(&context, list))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let incoming = Incoming::of(self, context)?;
        Box::pin(visits::read(&self.gate, &incoming, request)).await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let incoming = Incoming::of(self, context)?;
        let complete = visits::complete(&self.gate, &incoming, &request).await?;
        Ok(stamped_in(incoming.is_modern, complete))
    }

    /// What rmcp could not read as a request it knows: its method is none, or its parameters are not the method's.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(methods::unread(&request.method, stamp::is_modern(&context)))
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if let Ok(guest) = self.guest_of(&context.extensions) {
            self.notices.begin(&self.gate, guest, &context.peer);
        }
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let guest = self.guest(&context)?;
        let (gate, peer) = (&self.gate, &context.peer);
        let library = gate.offer().library.clone();
        library.must_have(&request.uri, &guest.caller)?;
        self.notices.subscribe(gate, guest, peer, request.uri)
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let guest = self.guest(&context)?;
        self.notices.unsubscribe(&guest, &request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let most = self.gate.offer().settings.listeners.resources;
        Some(notify::accepted(requested, most))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let guest = self.guest(context.request_context())?;
        notify::listen(&self.gate, guest.caller, context).await
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if let Some(session) = self.guest(&context)?.session {
            session.set_log_level(request.level.into());
            return Ok(());
        }
        let mut level = self
            .log_level
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *level = request.level;
        Ok(())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let guest = self.guest(&context)?;
        let task = tasks::get(&self.gate, &guest, &context.meta, &request.task_id)?;
        Ok(stamped(&context, GetTaskResult::new(task)))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let guest = self.guest(&context)?;
        tasks::update(&self.gate, &guest, request)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let guest = self.guest(&context)?;
        tasks::cancel(&self.gate, &guest, &request.task_id)
    }
}
