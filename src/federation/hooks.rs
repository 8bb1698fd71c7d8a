//! What higher rooms give the fleet: it neither makes keys nor gets tokens.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::secret::Secret;

/// More of the environment of a server's processes than is configured: a process's own key for completions.
pub trait Extra: fmt::Debug + Send + Sync {
    /// What is added for a process, which is numbered from 0 and asked for each time it is started.
    fn environment(&self, server: &str, process: usize) -> Vec<(String, Secret)>;
}

/// The gateway's own tokens for servers. Connections are made and lists are read with them, for neither is on behalf of
/// a caller.
pub trait OwnTokens: fmt::Debug + Send + Sync {
    /// A bearer token for this server; none where it wants none, or none is to be had.
    fn token<'a>(&'a self, server: &'a str) -> BoxFuture<'a, Option<Secret>>;
}

/// Nothing more.
#[derive(Debug)]
pub(super) struct Nothing;

impl Extra for Nothing {
    fn environment(&self, _server: &str, _process: usize) -> Vec<(String, Secret)> {
        Vec::new()
    }
}

impl OwnTokens for Nothing {
    fn token<'a>(&'a self, _server: &'a str) -> BoxFuture<'a, Option<Secret>> {
        Box::pin(std::future::ready(None))
    }
}
