//! What every result of 2026-07-28 says beside itself: who answered.
//!
//! Requests stand alone in that revision, so a result names its server, which a session did once at its beginning.

use rmcp::{
    RoleServer,
    model::{
        CallToolResult, CompleteResult, CreateTaskResult, GetPromptResult, GetTaskResult,
        Implementation, InputRequiredResult, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, MetaObject, ProtocolVersion, ReadResourceResult,
    },
    service::RequestContext,
};
use serde_json::json;

/// Where a result names its server.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// This server.
pub(super) fn this() -> Implementation {
    Implementation::new("waypost", env!("CARGO_PKG_VERSION"))
}

/// Whether a request is of the revision without sessions.
pub(super) fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    let version = context.protocol_version();
    // Dates compare as text.
    version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

/// A result, with our name on it where the revision has a place for it.
pub(super) fn stamped<T: Stamped>(context: &RequestContext<RoleServer>, mut result: T) -> T {
    if is_modern(context) {
        let meta = result.meta().get_or_insert_default();
        meta.insert(SERVER_INFO.to_owned(), json!(this()));
    }
    result
}

/// A result that has room for it.
pub(super) trait Stamped {
    fn meta(&mut self) -> &mut Option<MetaObject>;
}

macro_rules! stamped {
    ($($result:ty),* $(,)?) => {
        $(impl Stamped for $result {
            fn meta(&mut self) -> &mut Option<MetaObject> {
                &mut self.meta
            }
        })*
    };
}

stamped!(
    CallToolResult,
    CompleteResult,
    CreateTaskResult,
    GetPromptResult,
    GetTaskResult,
    InputRequiredResult,
    ListPromptsResult,
    ListResourceTemplatesResult,
    ListResourcesResult,
    ListToolsResult,
    ReadResourceResult,
);
