//! Tools of other people's MCP servers, each a tool like any other: found, authorised, checked, limited, recorded.
//!
//! One entry of the configuration stands for a server, and for as many tools as were approved of it. They are named
//! by the entry, a dot and the server's own name. Policy is the operator's: what a server says of its tools' effects
//! is handed on to clients as its word, and nothing here relies on it.

mod abandoned;
mod dialogue;
mod door;
#[cfg(test)]
pub(crate) mod double;
mod lent;
mod offer;
mod questions;
mod relay;
mod result;
mod rounds;
mod sampling;
mod slots;
mod task;
#[cfg(test)]
mod tests;
mod unanswered;

pub use crate::federation::Settings;
pub(crate) use dialogue::{Back, Step, rounds};
pub(crate) use door::{Door, Request};
pub use lent::Lent;
pub(crate) use offer::name;
pub use offer::{Entry, tools};
pub(crate) use relay::LineRelay;
pub(crate) use result::{handed_on, piece};
pub use slots::Slots;
pub(crate) use unanswered::Unanswered;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::tools::{Kind, Output, Run, Stop};

/// One tool of a server.
#[derive(Debug)]
struct OfServer {
    door: Door,
    /// The server's name for it.
    name: String,
    /// Whether the operator says that running it again does no harm.
    is_repeatable: bool,
}

impl Kind for OfServer {
    fn may_ask_first(&self) -> bool {
        true
    }

    fn server(&self) -> Option<&Arc<str>> {
        Some(&self.door.server.spec().name)
    }

    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(rounds::run(self, run))
    }
}
