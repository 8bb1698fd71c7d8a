//! What the caller named: a route, or one target.

use super::{Candidate, Route};

/// What the caller named.
pub(super) enum Head<'a> {
    Route(&'a Route),
    Target(Box<Candidate>),
}

impl<'a> Head<'a> {
    pub(super) fn route(&self) -> Option<&'a Route> {
        match self {
            Self::Route(route) => Some(route),
            Self::Target(_) => None,
        }
    }
}
