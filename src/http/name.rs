//! Headers without a constant in the `http` crate, made once: a name made from text is checked each time.

use http::HeaderName;

pub(super) use crate::telemetry::REQUEST_ID;

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $constant:ident = $name:literal;)*) => {
        $($(#[doc = $doc])+ pub(super) static $constant: HeaderName = HeaderName::from_static($name);)*
    };
}

names! {
    /// How long the caller waits for bytes, in seconds; OpenAI's and Anthropic's Python.
    READ_TIMEOUT = "x-stainless-read-timeout";
    /// How long the caller waits for an answer, in seconds; OpenAI's and Anthropic's Node.
    TIMEOUT = "x-stainless-timeout";
    /// How long the caller waits in all, in milliseconds.
    REQUEST_TIMEOUT_MS = "x-request-timeout-ms";
    /// The route that answered.
    ROUTE = "x-waypost-route";
    /// The target that answered.
    TARGET = "x-waypost-target";
    /// What it cost, in dollars.
    COST = "x-waypost-cost-usd";
    /// Parameters the target had no word for.
    DROPPED = "x-waypost-dropped";
    /// Attempts made.
    ATTEMPTS = "x-waypost-attempts";
}
