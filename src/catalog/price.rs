//! What tokens cost, in integers.
//!
//! Prices are written as US dollars per million tokens and kept as nano-dollars per million tokens, so a price
//! of $0.0375 is exact and sums need no floats. One division at the end rounds to the nearest nano-dollar.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chat::Usage;

/// An amount of money: billionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct NanoDollars(pub u64);

impl NanoDollars {
    /// The amount in dollars, with as many decimals as it needs (`0.000123`), for headers and logs.
    pub fn dollars(self) -> String {
        let mut text = format!("{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let trimmed = text.trim_end_matches('0').trim_end_matches('.');
        text.truncate(trimmed.len());
        text
    }

    /// Both amounts together, saturating.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// US dollars per million tokens as written; nano-dollars per million tokens as kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(u64);

impl TryFrom<f64> for Rate {
    type Error = String;

    fn try_from(dollars: f64) -> Result<Self, String> {
        // $1,000,000 per million tokens: far above any price, far below overflow.
        if !(0.0..=1_000_000.0).contains(&dollars) {
            return Err(format!(
                "{dollars} is no price: expected dollars per million tokens, 0 to 1,000,000"
            ));
        }
        Ok(Self((dollars * 1e9).round() as u64))
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0 as f64 / 1e9
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "number", "minimum": 0, "maximum": 1_000_000,
            "description": "US dollars per million tokens.",
        })
    }
}

/// What a model's tokens cost, in US dollars per million.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input tokens.
    pub input: Rate,
    /// Output tokens, reasoning included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Rate>,
    /// Input tokens read from the prompt cache; default: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Rate>,
    /// Input tokens written to the prompt cache; default: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Rate>,
    /// Input tokens written to the prompt cache for one hour; default: as `cache_write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Rate>,
    /// Reasoning tokens; default: as output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_reasoning: Option<Rate>,
    /// Sound in; default: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_audio: Option<Rate>,
    /// Sound out; default: as output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_audio: Option<Rate>,
    /// Prices by input length. The last tier whose `above` is less than the input's length prices the whole request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<Tier>,
}

/// Other prices for long inputs. What a tier leaves out costs as in the base price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Input tokens above which the tier prices the whole request.
    pub above: u64,
    /// Input tokens.
    pub input: Rate,
    /// Output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Rate>,
    /// Input tokens read from the prompt cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Rate>,
    /// Input tokens written to the prompt cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Rate>,
    /// Reasoning tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_reasoning: Option<Rate>,
}

impl Price {
    /// What an answer of this usage costs. Counts are a provider's word, so every step saturates, and parts
    /// that claim more than their total are cut to it.
    pub fn cost(&self, usage: &Usage) -> NanoDollars {
        let tier = self
            .tiers
            .iter()
            .filter(|tier| usage.input > tier.above)
            .max_by_key(|tier| tier.above);
        let input_rate = tier.map_or(self.input, |tier| tier.input);
        let output_rate = tier
            .and_then(|tier| tier.output)
            .or(self.output)
            .unwrap_or(Rate(0));
        let read_rate = tier
            .and_then(|tier| tier.cache_read)
            .or(self.cache_read)
            .unwrap_or(input_rate);
        let write_rate = tier
            .and_then(|tier| tier.cache_write)
            .or(self.cache_write)
            .unwrap_or(input_rate);
        let long_write_rate = self.cache_write_1h.unwrap_or(write_rate).max(write_rate);
        let reasoning_rate = tier
            .and_then(|tier| tier.output_reasoning)
            .or(self.output_reasoning)
            .unwrap_or(output_rate);

        let mut input = Share::of(usage.input);
        let mut written = Share::of(input.take(usage.cache_write));
        let mut output = Share::of(usage.output);
        let total = [
            (written.take(usage.cache_write_1h), long_write_rate),
            (written.rest(), write_rate),
            (input.take(usage.cached), read_rate),
            (
                input.take(usage.input_audio),
                self.input_audio.unwrap_or(input_rate),
            ),
            (input.rest(), input_rate),
            (output.take(usage.reasoning), reasoning_rate),
            (
                output.take(usage.output_audio),
                self.output_audio.unwrap_or(output_rate),
            ),
            (output.rest(), output_rate),
        ]
        .into_iter()
        .map(|(tokens, rate)| u128::from(tokens) * u128::from(rate.0))
        .fold(0u128, u128::saturating_add);
        let rounded = total.saturating_add(500_000) / 1_000_000;
        NanoDollars(u64::try_from(rounded).unwrap_or(u64::MAX))
    }
}

/// A total that its parts are taken out of, so that no token is paid twice.
struct Share(u64);

impl Share {
    fn of(total: u64) -> Self {
        Self(total)
    }

    fn take(&mut self, part: Option<u64>) -> u64 {
        let taken = part.unwrap_or(0).min(self.0);
        self.0 -= taken;
        taken
    }

    fn rest(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(yaml: &str) -> Price {
        serde_saphyr::from_str(yaml).unwrap()
    }

    fn check(price: &Price, usage: Usage, dollars: &str) {
        assert_eq!(price.cost(&usage).dollars(), dollars, "{usage:?}");
    }

    #[test]
    fn each_kind_of_token_has_its_own_price_and_is_paid_once() {
        let price =
            price("{input: 3, output: 15, cache_read: 0.3, cache_write: 3.75, cache_write_1h: 6}");
        let usage = Usage {
            input: 1_000_000,
            output: 100_000,
            cached: Some(500_000),
            cache_write: Some(200_000),
            cache_write_1h: Some(100_000),
            ..Usage::default()
        };
        // 300k plain 0.90, 500k read 0.15, 100k written 0.375, 100k written for 1 h 0.60, 100k out 1.50
        check(&price, usage, "3.525");
    }

    #[test]
    fn a_tier_prices_the_whole_request() {
        let price =
            price("{input: 0.1, output: 0.5, tiers: [{above: 100000, input: 0.5, output: 2.5}]}");
        let at = |input| Usage {
            input,
            output: 1_000,
            ..Usage::default()
        };
        check(&price, at(100_000), "0.0105");
        check(&price, at(100_001), "0.0525005");
    }

    #[test]
    fn a_providers_lies_neither_overflow_nor_pay_twice() {
        let price = price("{input: 1000000, output: 1000000}");
        let lie = Usage {
            input: u64::MAX,
            output: u64::MAX,
            cached: Some(u64::MAX),
            ..Usage::default()
        };
        assert_eq!(price.cost(&lie), NanoDollars(u64::MAX));
        let cached_more_than_input = Usage {
            input: 1,
            cached: Some(1_000),
            ..Usage::default()
        };
        check(&price, cached_more_than_input, "1");
    }

    #[test]
    fn rates_are_exact_and_bounded() {
        let tiny = price("{input: 0.0375}");
        check(
            &tiny,
            Usage {
                input: 1_000_000,
                ..Usage::default()
            },
            "0.0375",
        );
        assert!(serde_saphyr::from_str::<Price>("{input: -1}").is_err());
        assert!(serde_saphyr::from_str::<Price>("{input: .nan}").is_err());
    }
}
