//! A length of time as operators write it: `50ms`, `3s`, `10m`, `1h`.

use std::{fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A duration in the config. At most 24 hours, so that no deadline computed from it can overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

/// The longest span a setting may hold.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl Span {
    /// A span of `millis` milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// A span of `secs` seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// The span as the standard library's type.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "`{text}` is no duration: write a number and a unit, like `50ms`, `3s`, `10m` or `1h`"
            )
        };
        let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.');
        let (number, unit) = text.split_at(digits.ok_or_else(expected)?);
        let millis_per_unit = match unit.trim() {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            _ => return Err(expected()),
        };
        let number: f64 = number.parse().map_err(|_| expected())?;
        let span = Duration::try_from_secs_f64(number * millis_per_unit / 1_000.0)
            .map_err(|_| expected())?;
        if span > LONGEST {
            return Err(format!(
                "`{text}` is longer than 24h, the most a duration may be"
            ));
        }
        Ok(Self(span))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => write!(formatter, "0s"),
            _ if millis.is_multiple_of(3_600_000) => write!(formatter, "{}h", millis / 3_600_000),
            _ if millis.is_multiple_of(60_000) => write!(formatter, "{}m", millis / 60_000),
            _ if millis.is_multiple_of(1_000) => write!(formatter, "{}s", millis / 1_000),
            _ => write!(formatter, "{millis}ms"),
        }
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^[0-9.]+\s*(ms|s|m|h)$",
            "description": "A number and a unit: `50ms`, `3s`, `10m`, `1h`; at most 24h.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["50ms", "3s", "10m", "1h", "1500ms", "0s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("1.5s".parse::<Span>().unwrap(), Span::millis(1500));
    }

    #[test]
    fn refuses_what_is_no_duration_or_would_overflow() {
        for text in [
            "",
            "3",
            "s",
            "-3s",
            "3 weeks",
            "1e300s",
            "25h",
            "99999999999999999999999999h",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
