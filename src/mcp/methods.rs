//! The methods there are, by revision: what rmcp could not read is told apart by them.

use rmcp::{ErrorData, model::ErrorCode};

use crate::schema::shown_text;

/// The methods that both revisions have.
const COMMON: &[&str] = &[
    "completion/complete",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "tools/call",
    "tools/list",
];

/// Those of 2025-11-25 alone.
const OF_SESSIONS: &[&str] = &[
    "initialize",
    "logging/setLevel",
    "ping",
    "resources/subscribe",
    "resources/unsubscribe",
];

/// Those of 2026-07-28 alone.
const STATELESS: &[&str] = &[
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/update",
];

/// How much of an unknown method errors repeat, in characters.
const SHOWN: usize = 100;

/// What is wrong with a request that could not be read: its method is none, or its parameters are not the method's.
pub(super) fn unread(method: &str, is_modern: bool) -> ErrorData {
    let own = match is_modern {
        true => STATELESS,
        false => OF_SESSIONS,
    };
    if COMMON.iter().chain(own).any(|known| *known == method) {
        let message = format!("The parameters are not those of {method}");
        return ErrorData::invalid_params(message, None);
    }
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, shown_text(method, SHOWN), None)
}
