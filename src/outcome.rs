//! The closed lists every room speaks: how a try can fail, what may be done about it, why a target stands
//! where it stands in a plan.
//!
//! What a failure means is decided once, by the dialect that read the error or the hands that saw the wire,
//! and obeyed everywhere else. Wording of labels is part of the metrics contract: they are closed sets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What went wrong with one try, in classes that decide what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
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
            Self::Cancelled => "cancelled",
        }
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
            | Self::Unsupported => Fate::TryElsewhere,
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
    /// Another target after a failure.
    Fallback,
}

impl AttemptKind {
    /// The label in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Retry => "retry",
            Self::Fallback => "fallback",
        }
    }
}

/// Why a candidate stands where it stands in a plan, or why it was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its place in the route's list.
    ListOrder,
    /// Drawn by weight.
    WeightDrawn,
    /// Behind the drawn one: its turn in further draws.
    WeightLater,
    /// From the route's `fallback` list.
    Fallback,
    /// The caller named this one target.
    Direct,
    /// Dropped: the caller's key does not allow it.
    KeyForbids,
    /// Dropped: weight zero.
    WeightZero,
    /// Dropped: the same target stands earlier in the plan.
    Duplicate,
    /// Dropped when its turn came: it cannot do what the request needs.
    LacksAbility,
}

impl Reason {
    /// The label in explain records and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::ListOrder => "list_order",
            Self::WeightDrawn => "weight_drawn",
            Self::WeightLater => "weight_later",
            Self::Fallback => "fallback",
            Self::Direct => "direct",
            Self::KeyForbids => "key_forbids",
            Self::WeightZero => "weight_zero",
            Self::Duplicate => "duplicate",
            Self::LacksAbility => "lacks_ability",
        }
    }
}
