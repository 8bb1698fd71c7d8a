//! What is known of a target today: how it has behaved, whether it may be asked, how long it will take.
//!
//! A word between two rooms that do not see each other: `health` measures, `route` judges, and `relay` carries
//! the facts from one to the other, so that a plan is a pure function of them and can be replayed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::outcome::ErrorClass;

/// One target today. The default is a target nobody has asked yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Whether it may be asked.
    pub circuit: Circuit,
    /// How much longer it, or every key for it, is put aside because of what the provider said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Duration>,
    /// What the provider had said that put it aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<ErrorClass>,
    /// What is left of the provider's own rate limit, as a share from 0 to 1; unknown when it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headroom: Option<f64>,
    /// Requests at it now.
    pub in_flight: u32,
    /// The most requests it may have at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// Time to the first piece of an answer, for requests of this size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token: Option<Estimate>,
    /// Time to the end of an answer of the expected length, for requests of this size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Estimate>,
    /// Whether its newest answers were far quicker than these times say, and too few to believe yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub promising: bool,
    /// Share of tries that failed, 0 to 1, of late.
    pub failure_rate: f64,
    /// Share of checked answers that were valid, 0 to 1, of late; 1 for a target whose answers were never checked.
    pub validity: f64,
    /// Share of input tokens read from the provider's prompt cache, 0 to 1, of late.
    pub cached_share: f64,
    /// How long ago it was last asked; unknown when it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            circuit: Circuit::Closed,
            cooldown: None,
            because: None,
            headroom: None,
            in_flight: 0,
            capacity: None,
            first_token: None,
            total: None,
            promising: false,
            failure_rate: 0.0,
            validity: 1.0,
            cached_share: 0.0,
            idle: None,
        }
    }
}

impl Facts {
    /// Whether it is put aside because our key, or the model, was refused. Nobody knows how long that holds: it is
    /// mended at the provider's console.
    pub fn is_refused(&self) -> bool {
        let refusal = |class| {
            matches!(
                class,
                ErrorClass::Auth | ErrorClass::Permission | ErrorClass::NotFound
            )
        };
        self.cooldown.is_some() && self.because.is_some_and(refusal)
    }
}

/// Whether a target may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Circuit {
    /// It may.
    #[default]
    Closed,
    /// It may, and has just recovered: it should get only this share of its traffic, 0 to 1.
    Warming {
        /// The share.
        share: f64,
    },
    /// One request may probe it.
    HalfOpen,
    /// It may not.
    Open {
        /// For how much longer; zero while a probe is under way.
        remaining: Duration,
        /// The share of tries that had failed when it opened, 0 to 1.
        failure_rate: f64,
    },
}

impl Circuit {
    /// The label in metrics and on the demo's table.
    pub fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Warming { .. } => "warming",
            Self::HalfOpen => "half_open",
            Self::Open { .. } => "open",
        }
    }
}

/// A predicted time, from what was measured of late.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Half of the requests take no longer.
    pub p50: Duration,
    /// Nineteen of twenty requests take no longer.
    pub p95: Duration,
    /// How many requests it rests on, older ones counting less.
    pub samples: f64,
}

/// What is left of a provider's rate limit, by the headers of one answer: of its tightest limit, where it has
/// several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// What remains, as a share of the limit from 0 to 1.
    pub share: f64,
    /// How long until the limit is whole again, if the provider says so.
    pub reset: Option<Duration>,
}
