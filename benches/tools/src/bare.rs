//! What rmcp costs by itself: two tools, both revisions, no keys, no limits, no schemas that are checked, no records.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router, body::Body, extract::Request, response::Response, routing::any, serve::ListenerExt,
};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::{
        StreamableHttpServerConfig, StreamableHttpService,
        streamable_http_server::session::{local::LocalSessionManager, never::NeverSessionManager},
    },
};
use serde_json::{Map, Value, json};

/// Options of the bare server.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to listen
    #[arg(long)]
    listen: String,
}

/// Serves until it is killed.
pub(crate) async fn run(args: Args) -> io::Result<()> {
    let tools: Arc<[Tool]> = tools().into();
    let server = {
        let tools = tools.clone();
        move || Ok(Bare(tools.clone()))
    };
    let sessions = StreamableHttpService::new(
        server.clone(),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let stateless = StreamableHttpService::new(
        server,
        Arc::new(NeverSessionManager::default()),
        StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true),
    );
    let answer = move |request: Request| {
        let (sessions, stateless) = (sessions.clone(), stateless.clone());
        async move {
            let version = request.headers().get("mcp-protocol-version");
            let is_stateless =
                version.is_some_and(|version| version.as_bytes() >= &b"2026-07-28"[..]);
            let response = if is_stateless {
                stateless.handle(request).await
            } else {
                sessions.handle(request).await
            };
            Response::map(response, Body::new)
        }
    };
    let listener = tokio::net::TcpListener::bind(&args.listen).await?;
    let listener = listener.tap_io(|socket| {
        // A socket that cannot be told is a little slower, no more.
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, Router::new().route("/mcp", any(answer))).await
}

fn tools() -> Vec<Tool> {
    let schema = |properties: Value| {
        let schema = json!({ "type": "object", "properties": properties });
        schema.as_object().cloned().unwrap_or_default()
    };
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer" }));
    let output: Map<String, Value> = schema(json!({ "text": text, "who": text }));
    let echo = Tool::new(
        "echo",
        "Gives back its text.",
        schema(json!({ "text": text })),
    );
    let count = schema(json!({ "n": number, "ms": number }));
    vec![
        echo.with_raw_output_schema(Arc::new(output)),
        Tool::new("count", "Counts.", count),
    ]
}

#[derive(Clone)]
struct Bare(Arc<[Tool]>);

impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.0.iter().find(|tool| tool.name == name).cloned()
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.0.to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let number = |key: &str| arguments.get(key).and_then(Value::as_u64).unwrap_or(1);
        if request.name == "count" {
            tokio::time::sleep(Duration::from_millis(number("n") * number("ms"))).await;
            return Ok(CallToolResult::success(vec![ContentBlock::text("done")]).into());
        }
        let text = arguments.get("text").cloned().unwrap_or_default();
        Ok(CallToolResult::structured(json!({ "text": text, "who": "nobody" })).into())
    }
}
