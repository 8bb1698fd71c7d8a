//! The closed lists every room speaks: how a try can fail, what may be done about it, why a target stands
//! where it stands in a plan.
//!
//! What a failure means is decided once, by the dialect that read the error or the hands that saw the wire,
//! and obeyed everywhere else. Wording of labels is part of the metrics contract: they are closed sets.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What went wrong with one try, in classes that decide what happens next.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The provider refused our credential.
    Auth,
    /// The credential is good but may not use this model.
    Permission,
    /// The provider has no such model or deployment.
    NotFound,
    /// The caller's request is wrong in itself; another target would say the same.
    InvalidRequest,
    /// The body is larger than the provider takes.
    TooLarge,
    /// The prompt is longer than the model's window.
    ContextLength,
    /// The provider's content policy refused prompt or answer.
    ContentPolicy,
    /// Money or a long-term allowance is used up; waiting a minute does not help.
    Quota,
    /// Too many requests or tokens for now.
    RateLimit,
    /// The provider says it is overloaded.
    Overloaded,
    /// A deadline passed: the provider's or ours.
    Timeout,
    /// The connection could not be made, so the provider never saw the request.
    Unreachable,
    /// The provider failed: 5xx, an answer that is not one, a cut or corrupt stream.
    ServerError,
    /// Found before any call: the target cannot do what the request needs.
    Unsupported,
    /// The answer came, and is none: empty, not the JSON that was asked for, or a call no tool on offer takes.
    InvalidAnswer,
    /// Our own cap on what the target does at once is reached, and so is the wait for a place. The provider
    /// was not asked and has not failed.
    Saturated,
    /// The client has left.
    Cancelled,
}

impl ErrorClass {
    /// The label in logs, metrics and explain records.
    pub fn label(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::InvalidRequest => "invalid_request",
            Self::TooLarge => "too_large",
            Self::ContextLength => "context_length",
            Self::ContentPolicy => "content_policy",
            Self::Quota => "quota",
            Self::RateLimit => "rate_limit",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::ServerError => "server_error",
            Self::Unsupported => "unsupported",
            Self::InvalidAnswer => "invalid_answer",
            Self::Saturated => "saturated",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether our key, or the model for it, was refused: no wait mends that, only somebody at the provider's console.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::Auth | Self::Permission | Self::NotFound)
    }

    /// What may be done after a failure of this class, before the first delta went out.
    ///
    /// The table of the providers' error classes: `invalid_request` and `content_policy` would fail anywhere;
    /// what is the credential's or the model's own fault is worth another target at once; only what passes by
    /// itself is worth the same target again.
    pub fn fate(self) -> Fate {
        match self {
            Self::InvalidRequest | Self::ContentPolicy | Self::Cancelled => Fate::Stop,
            Self::Auth
            | Self::Permission
            | Self::NotFound
            | Self::TooLarge
            | Self::ContextLength
            | Self::Quota
            | Self::Unsupported
            | Self::InvalidAnswer
            | Self::Saturated => Fate::TryElsewhere,
            Self::RateLimit
            | Self::Overloaded
            | Self::Timeout
            | Self::Unreachable
            | Self::ServerError => Fate::RetryHere,
        }
    }
}

/// What may happen after a failed try. Decided once; each step includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The caller gets the error.
    Stop,
    /// Another target may be tried.
    TryElsewhere,
    /// The same target may be tried again, and so may another.
    RetryHere,
}

/// One failed try: what happened, in the provider's words where it had any, and what may be done about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What went wrong.
    pub class: ErrorClass,
    /// The HTTP status the provider answered with, if it answered.
    pub status: Option<u16>,
    /// One sentence for the caller: the provider's own where there is one. Never a key, prompt or body.
    pub message: String,
    /// The parameter at fault, as a path in the caller's request.
    pub param: Option<String>,
    /// The time to wait the provider asked for; the dialect has clamped it.
    pub retry_after: Option<Duration>,
    /// What may be done next.
    pub fate: Fate,
    /// A word for machines that says more than the class does; the class's own when absent.
    pub code: Option<&'static str>,
}

impl Failure {
    /// A failure with the usual fate of its class.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            status: None,
            message: message.into(),
            param: None,
            retry_after: None,
            fate: class.fate(),
            code: None,
        }
    }

    /// The target cannot do what the request needs; `param` is the path of what it lacks.
    pub fn unsupported(message: impl Into<String>, param: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            ..Self::new(ErrorClass::Unsupported, message)
        }
    }

    /// The same failure with the status the provider answered.
    pub fn with_status(self, status: u16) -> Self {
        Self {
            status: Some(status),
            ..self
        }
    }

    /// The same failure with a word of its own for machines.
    pub fn with_code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// The same failure, naming the parameter at fault.
    pub fn with_param(self, param: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            ..self
        }
    }
}

/// Why an attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptKind {
    /// The first attempt of a request.
    Primary,
    /// The same target again.
    Retry,
    /// Another target, or another key for the same one, after a failure.
    Fallback,
    /// The first request through a half-open circuit.
    Probe,
}

impl AttemptKind {
    /// The label in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Retry => "retry",
            Self::Fallback => "fallback",
            Self::Probe => "probe",
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $label:literal,)*) => {
        /// Why a candidate stands where it stands in a plan, or why it was dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $($(#[doc = $doc])+ #[serde(rename = $label)] $name,)*
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The label in explain records and metrics.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)*
                }
            }
        }
    };
}

reasons! {
    // ---- its place
    /// Its place in the route's list.
    ListOrder = "list_order",
    /// Drawn by weight.
    WeightDrawn = "weight_drawn",
    /// Behind the drawn one: its turn in further draws.
    WeightLater = "weight_later",
    /// The lowest expected cost of this request.
    Cheapest = "cheapest",
    /// By expected cost, behind the cheapest.
    Dearer = "dearer",
    /// The least predicted time.
    Fastest = "fastest",
    /// By predicted time, behind the fastest.
    Slower = "slower",
    /// About as good as the first, and less busy of the two drawn.
    DrawnAmongEquals = "drawn_among_equals",
    /// Put first to learn how it does now.
    Explored = "explored",
    /// The best score over the route's weights.
    BestScore = "best_score",
    /// By score, behind the best.
    LowerScore = "lower_score",
    /// The fewest requests in flight for its room.
    LeastBusy = "least_busy",
    /// By requests in flight, behind the least busy.
    Busier = "busier",
    /// It has seen the beginning of this conversation, so its prompt cache is warm.
    Sticky = "sticky",
    /// Next in line for this conversation.
    StickyLater = "sticky_later",
    /// It breaks a limit that the route allows to be relaxed, because no target keeps them all.
    Relaxed = "relaxed",
    /// It lacks what was asked for, so that is left out and reported: its turn comes behind those that have it.
    Adapted = "adapted",
    /// Its turn comes late because it has just recovered.
    SlowStart = "slow_start",
    /// Its turn comes late because it is at its cap of requests at once.
    Busy = "busy",
    /// Its circuit is half open, and this request may be the probe.
    Probe = "probe",
    /// Its circuit is open, but so are those of more than half the pool, and somebody must answer.
    PanicMode = "panic_mode",
    /// Our key for it was refused of late, but nobody else is left, and only asking shows whether it is good again.
    LastResort = "last_resort",
    /// The caller asked for it by name, in this place.
    CallerOrder = "caller_order",
    /// From the route's `fallback` list.
    Fallback = "fallback",
    /// From the route's `fallback_on` list: tried after a failure of that class.
    FallbackOn = "fallback_on",
    /// The caller named this one target.
    Direct = "direct",

    // ---- dropped
    /// The caller's key does not allow it.
    KeyForbids = "key_forbids",
    /// The caller's own hints leave it out.
    CallerExcludes = "caller_excludes",
    /// Its weight is zero.
    WeightZero = "weight_zero",
    /// The same target stands earlier in the plan.
    Duplicate = "duplicate",
    /// It cannot do what the request needs.
    LacksAbility = "lacks_ability",
    /// The request is longer than its context window.
    ContextTooSmall = "context_too_small",
    /// It has not the tags the route asks for.
    TagMissing = "tag_missing",
    /// Its circuit is open.
    CircuitOpen = "circuit_open",
    /// It, or every key for it, is put aside for a while after what the provider said.
    CoolingDown = "cooling_down",
    /// The provider's rate limit has nothing left until it resets.
    RateLimited = "rate_limited",
    /// Its predicted time is over the limit.
    TooSlow = "too_slow",
    /// Its worst price of this request is over the limit.
    TooDear = "too_dear",
    /// Its price is unknown, so no limit on the price can be kept.
    PriceUnknown = "price_unknown",
    /// Too many of its answers are invalid.
    TooOftenInvalid = "too_often_invalid",
}
