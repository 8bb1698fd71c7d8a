//! Why a message did not reach a server.

use std::time::Duration;

use super::quoted::words;
use crate::upstream::guarded::{Refused, Unopened};

/// Why a message did not reach a server, or was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Cut {
    /// The session is over.
    #[error("its session is over")]
    Expired,
    /// It wants other credentials; what it says of them.
    #[error("it answered with status 401: it wants a sign-in{}", in_brackets(.0.as_deref()))]
    Unauthorized(Option<String>),
    /// The credentials are good, and do not suffice; what it says of that.
    #[error("it answered with status 403: its sign-in does not suffice{}", in_brackets(.0.as_deref()))]
    Forbidden(Option<String>),
    /// There was no answer of HTTP.
    #[error("{0}")]
    Refused(Unopened),
    /// It takes nothing now.
    #[error("it answered with status {status}")]
    Busy {
        status: u16,
        retry_after: Option<Duration>,
    },
    /// It answered with something else than the protocol has.
    #[error("{0}")]
    Unfit(String),
    /// What it reads is closed.
    #[error("it does not read any more")]
    Closed,
}

impl Cut {
    /// Whether it is sure that nothing came of the message.
    pub(super) fn is_unsent(&self) -> bool {
        match self {
            // A line without its end, or a session that is none, is nothing to a server.
            Self::Expired | Self::Unauthorized(_) | Self::Forbidden(_) | Self::Closed => true,
            Self::Refused(Unopened { refused, .. }) => refused.is_unsent(),
            Self::Busy { status, .. } => *status == 429,
            Self::Unfit(_) => false,
        }
    }

    /// Whether there is no use in sending more on this connection.
    pub(super) fn is_the_end(&self) -> bool {
        match self {
            Self::Expired | Self::Closed => true,
            Self::Refused(Unopened { refused, .. }) => {
                refused.is_unsent() || *refused == Refused::Broken
            }
            Self::Unauthorized(_) | Self::Forbidden(_) | Self::Busy { .. } | Self::Unfit(_) => {
                false
            }
        }
    }
}

/// What a server says of the credentials it wants, behind our own words.
fn in_brackets(challenge: Option<&str>) -> String {
    challenge.map_or_else(String::new, |said| format!(" ({})", words(said)))
}
