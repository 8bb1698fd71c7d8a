//! One attempt against one target: bytes out, bytes back. The only room that knows connections.
//!
//! It sees the wire, so it says what a broken one means: what never left is [`ErrorClass::Unreachable`] and
//! safe to repeat; what broke later is ambiguous, because the provider may have done (and billed) the work, so
//! it is tried elsewhere but not at the same target again. Redirects are not followed (a key must not travel
//! to another host), the environment's proxies are off unless asked for, and reqwest's own retries are off,
//! because attempts are counted here.
//!
//! [`guarded`] is for everything that is no provider: tools, and whatever else names an address.

mod bell;
mod body;
mod client;
pub mod guarded;
mod line;
mod origin;
mod pool;
pub mod simulated;
mod way;

pub use body::{Body, MAX_ANSWER};
pub use client::Upstream;
pub use pool::Settings;

use http::HeaderMap;

/// What came back from a provider: the head, and a body still on its way.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

impl Answer {
    /// Whether the body is an event stream, by its content type.
    pub fn is_event_stream(&self) -> bool {
        self.content_type().starts_with("text/event-stream")
    }

    /// The content type; empty when there is none.
    pub fn content_type(&self) -> &str {
        self.headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }
}
