//! What higher rooms give the fleet: it neither makes keys nor gets tokens.

use std::fmt;

use crate::secret::Secret;

/// More of the environment of a server's processes than is configured: a process's own key for completions.
pub trait Extra: fmt::Debug + Send + Sync {
    /// What is added for a process, which is numbered from 0 and asked for each time it is started.
    fn environment(&self, server: &str, process: usize) -> Vec<(String, Secret)>;
}

/// Nothing more.
#[derive(Debug)]
pub(super) struct Nothing;

impl Extra for Nothing {
    fn environment(&self, _server: &str, _process: usize) -> Vec<(String, Secret)> {
        Vec::new()
    }
}
