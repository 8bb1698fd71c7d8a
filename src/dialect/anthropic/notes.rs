//! What is kept in mind while one request is written: what was left out, how many cache marks are left, which
//! tool ids were rewritten.

use super::{ids::Ids, wire::CacheControl};
use crate::{
    chat::{CacheMark, Request},
    outcome::Failure,
};

/// The most cache marks the API takes in one request.
const MOST_MARKS: usize = 4;

/// The notes of one request.
pub(super) struct Notes<'a> {
    /// Parameters left out, as JSON paths in the caller's request.
    pub(super) dropped: Vec<String>,
    /// The ids of tool calls.
    pub(super) ids: Ids<'a>,
    marks: usize,
}

impl<'a> Notes<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        Self {
            dropped: Vec::new(),
            ids: Ids::of(request),
            marks: 0,
        }
    }

    /// Reports a parameter that was left out or weakened. Once is enough.
    pub(super) fn drop(&mut self, path: impl Into<String>) {
        let path = path.into();
        if !self.dropped.contains(&path) {
            self.dropped.push(path);
        }
    }

    /// Writes a cache mark; marks beyond the most the API takes are left out and reported.
    pub(super) fn mark(&mut self, mark: Option<&CacheMark>, path: &str) -> Option<CacheControl> {
        let mark = mark?;
        if self.marks == MOST_MARKS {
            self.drop(format!("{path}cache_control"));
            return None;
        }
        self.marks += 1;
        // The API knows five minutes, its default, and one hour.
        let long = matches!(mark.ttl.as_deref(), Some("1h" | "12h" | "24h"));
        Some(CacheControl {
            kind: "ephemeral",
            ttl: long.then_some("1h"),
        })
    }
}

/// The model lacks what a piece of the request needs.
pub(super) fn lacks(what: &str, path: impl Into<String>) -> Failure {
    Failure::unsupported(format!("{what} is not supported by this model"), path)
}
