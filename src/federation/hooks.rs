//! What higher rooms give the fleet: it neither makes keys nor gets tokens.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use futures_util::future::BoxFuture;

use crate::secret::Secret;

/// A process of a server: no two starts have the same, be it of the same seat in the same server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcessId(u64);

impl ProcessId {
    /// That of a process that is about to be started.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        static STARTED: AtomicU64 = AtomicU64::new(0);
        Self(STARTED.fetch_add(1, Ordering::Relaxed))
    }
}

/// More of the environment of a server's processes than is configured: a process's own key for completions.
pub trait Extra: fmt::Debug + Send + Sync {
    /// What is added for a process that is about to be started.
    fn environment(&self, server: &str, process: ProcessId) -> Vec<(String, Secret)>;

    /// The process is over, or was never started.
    fn ended(&self, process: ProcessId);
}

/// The gateway's own tokens for servers. Connections are made and lists are read with them, for neither is on behalf of
/// a caller.
pub trait OwnTokens: fmt::Debug + Send + Sync {
    /// A bearer token for this server; none where it wants none. An error is why none is to be had, in words for
    /// operators.
    fn token<'a>(&'a self, server: &'a str) -> BoxFuture<'a, Result<Option<Secret>, String>>;
}

/// Nothing more.
#[derive(Debug)]
pub(super) struct Nothing;

impl Extra for Nothing {
    fn environment(&self, _server: &str, _process: ProcessId) -> Vec<(String, Secret)> {
        Vec::new()
    }

    fn ended(&self, _process: ProcessId) {}
}

impl OwnTokens for Nothing {
    fn token<'a>(&'a self, _server: &'a str) -> BoxFuture<'a, Result<Option<Secret>, String>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
