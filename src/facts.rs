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
    #[serde(
        rename = "cooldown_ms",
        with = "millis::maybe",
        skip_serializing_if = "Option::is_none"
    )]
    pub cooldown: Option<Duration>,
    /// What the provider had answered when it, or its last key, was put aside.
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
    #[serde(
        rename = "idle_ms",
        with = "millis::maybe",
        skip_serializing_if = "Option::is_none"
    )]
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
        self.cooldown.is_some() && self.because.is_some_and(ErrorClass::is_refusal)
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
        #[serde(rename = "remaining_ms", with = "millis")]
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
    #[serde(rename = "p50_ms", with = "millis")]
    pub p50: Duration,
    /// Nineteen of twenty requests take no longer.
    #[serde(rename = "p95_ms", with = "millis")]
    pub p95: Duration,
    /// How many requests it rests on, older ones counting less.
    pub samples: f64,
}

/// Spans as records and operators have them: milliseconds, with nanoseconds behind the point.
pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes a span.
    pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(span.as_nanos() as f64 / 1e6)
    }

    /// Reads a span.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let millis = f64::deserialize(from)?;
        Duration::try_from_secs_f64(millis / 1e3).map_err(D::Error::custom)
    }

    /// The same, of a span that may be unknown.
    pub(crate) mod maybe {
        use std::time::Duration;

        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        #[derive(Serialize, Deserialize)]
        struct Span(#[serde(with = "super")] Duration);

        /// Writes a span, if it is known.
        pub(crate) fn serialize<S: Serializer>(
            span: &Option<Duration>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            span.map(Span).serialize(to)
        }

        /// Reads a span, if it is there.
        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<Span>::deserialize(from)?.map(|span| span.0))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_written_in_milliseconds_and_read_again() {
        let facts = Facts {
            circuit: Circuit::Open {
                remaining: Duration::from_millis(1_500),
                failure_rate: 1.0,
            },
            cooldown: Some(Duration::from_secs(300)),
            because: Some(ErrorClass::Auth),
            total: Some(Estimate {
                p50: Duration::from_micros(1_234_567),
                p95: Duration::from_secs(2),
                samples: 7.5,
            }),
            idle: Some(Duration::from_nanos(54_292_257)),
            ..Facts::default()
        };
        let written = serde_json::to_value(facts).unwrap();
        assert_eq!(written["circuit"]["remaining_ms"], 1_500.0);
        assert_eq!(written["cooldown_ms"], 300_000.0);
        assert_eq!(written["total"]["p50_ms"], 1_234.567);
        assert_eq!(written["idle_ms"], 54.292257);
        assert_eq!(serde_json::from_value::<Facts>(written).unwrap(), facts);
        assert_eq!(
            serde_json::from_str::<Facts>("{}").unwrap(),
            Facts::default()
        );
    }
}
