//! Messages to calls and back: one server for both eras and every transport.

#![expect(
    deprecated,
    reason = "log messages are deprecated in 2026-07-28, and part of both revisions"
)]

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, GetTaskParams,
        GetTaskResult, ListToolsResult, LoggingLevel, PaginatedRequestParams, ServerCapabilities,
        ServerConfig, SetLevelRequestParams, Tool, UpdateTaskParams,
    },
    service::RequestContext,
};

use super::{
    Gate, Guest, calls, convert,
    pages::page,
    stamp::{self, stamped},
};

/// How long clients may keep lists, in milliseconds. Those that listen hear of changes at once.
const LIST_TTL: u64 = 60_000;

/// Answers messages. Over HTTP each request brings its guest; elsewhere the connection has one.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) gate: Arc<Gate>,
    guest: Option<Guest>,
    /// From which level on a session of 2025-11-25 wants log messages.
    log_level: Arc<Mutex<LoggingLevel>>,
}

impl Server {
    /// For a transport whose requests each bring their guest.
    pub(super) fn of_requests(gate: Arc<Gate>) -> Self {
        Self {
            gate,
            guest: None,
            log_level: Arc::new(Mutex::new(LoggingLevel::Info)),
        }
    }

    /// Who sends this request.
    pub(super) fn guest(&self, context: &RequestContext<RoleServer>) -> Result<Guest, ErrorData> {
        let parts = context.extensions.get::<http::request::Parts>();
        let brought = parts.and_then(|parts| parts.extensions.get::<Guest>());
        brought
            .or(self.guest.as_ref())
            .cloned()
            .ok_or_else(|| ErrorData::internal_error("The request has no caller", None))
    }

    /// From which level on this request wants log messages: in 2026-07-28 it says so itself, or wants none.
    pub(super) fn log_level(&self, context: &RequestContext<RoleServer>) -> Option<LoggingLevel> {
        if stamp::is_modern(context) {
            return context.meta.log_level();
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
            .enable_logging()
            .enable_tasks()
            .build();
        let config = ServerConfig::new(capabilities).with_server_info(stamp::this());
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
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let guest = self.guest(&context)?;
        let offer = self.gate.offer();
        let visible = offer.toolbox.visible(&guest.caller);
        let visible = visible.map(|tool| (tool.wire.as_str(), tool));
        let page = page(visible, request.as_ref(), offer.settings.page_size.get())?;
        let tools = page.items.into_iter().map(|tool| convert::tool(tool));
        let mut result = ListToolsResult::with_all_items(tools.collect());
        result.next_cursor = page.next;
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
        calls::call(self, request, context).await
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
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
        let task = self.gate.tasks.look(&guest.caller.name, &request.task_id);
        let task = task.ok_or_else(unknown_task)?;
        Ok(stamped(&context, GetTaskResult::new(task)))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let owner = self.guest(&context)?.caller.name.clone();
        let tasks = &self.gate.tasks;
        let told = tasks.answer(&owner, &request.task_id, request.input_responses);
        told.ok_or_else(unknown_task)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let owner = self.guest(&context)?.caller.name.clone();
        let told = self.gate.tasks.cancel(&owner, &request.task_id);
        told.ok_or_else(unknown_task)
    }
}

/// Another's task and none at all are told alike.
fn unknown_task() -> ErrorData {
    ErrorData::invalid_params("Unknown task", None)
}
