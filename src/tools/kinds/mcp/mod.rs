//! Tools of other people's MCP servers, each a tool like any other: found, authorised, checked, limited, recorded.
//!
//! One entry of the configuration stands for a server, and for as many tools as were approved of it. They are named
//! by the entry, a dot and the server's own name. Policy is the operator's: what a server says of its tools' effects
//! is handed on to clients as its word, and nothing here relies on it.

mod lent;
mod sampling;
mod slots;

use std::sync::Arc;

pub use crate::federation::Settings;
use crate::{
    federation::Server,
    tools::{Common, Tool},
};
pub use lent::Lent;
pub use slots::Slots;

/// The tools a server offers now. `common` is what the entry says of all of them.
pub fn tools(_server: &Arc<Server>, _common: &Common) -> Vec<Tool> {
    Vec::new()
}
