//! What every result of 2026-07-28 says beside itself: who answered.
//!
//! Requests stand alone in that revision, so a result names its server, which a session did once at its beginning.

use std::sync::LazyLock;

use rmcp::{
    RoleServer,
    model::{
        CallToolResult, CompleteResult, CreateTaskResult, GetPromptResult, GetTaskResult,
        Implementation, InputRequiredResult, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, MetaObject, ProtocolVersion, ReadResourceResult,
    },
    service::RequestContext,
};
use serde_json::{Value, json};

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

/// A result, with our name on it where the revision has a place for it, and without what it has no word for.
pub(super) fn stamped<T: Stamped>(context: &RequestContext<RoleServer>, result: T) -> T {
    stamped_in(is_modern(context), result)
}

/// The same, of the revision without sessions or of the one with them.
pub(super) fn stamped_in<T: Stamped>(is_modern: bool, mut result: T) -> T {
    if is_modern {
        let meta = result.meta().get_or_insert_default();
        meta.insert(SERVER_INFO.to_owned(), OURS.clone());
    } else {
        result.forget_hints();
    }
    result
}

/// Our name, as each result has it.
static OURS: LazyLock<Value> = LazyLock::new(|| json!(this()));

/// A result that has room for it.
pub(super) trait Stamped {
    fn meta(&mut self) -> &mut Option<MetaObject>;

    /// Leaves out how long it may be kept, of which 2025-11-25 knows nothing.
    fn forget_hints(&mut self) {}
}

macro_rules! stamped {
    ($($result:ty $({ $($hint:ident),* })?),* $(,)?) => {
        $(impl Stamped for $result {
            fn meta(&mut self) -> &mut Option<MetaObject> {
                &mut self.meta
            }

            $(fn forget_hints(&mut self) {
                $(self.$hint = None;)*
            })?
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
    ListPromptsResult {
        ttl_ms,
        cache_scope
    },
    ListResourceTemplatesResult {
        ttl_ms,
        cache_scope
    },
    ListResourcesResult {
        ttl_ms,
        cache_scope
    },
    ListToolsResult {
        ttl_ms,
        cache_scope
    },
    ReadResourceResult {
        ttl_ms,
        cache_scope
    },
);
