//! An amount of money as operators and callers write it: US dollars.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalog::NanoDollars;

/// US dollars as written, nano-dollars as kept; at most a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Dollars(NanoDollars);

impl Dollars {
    /// So many billionths of a dollar.
    pub const fn nanos(amount: u64) -> Self {
        Self(NanoDollars(amount))
    }

    /// The amount as the catalogue counts it.
    pub fn get(self) -> NanoDollars {
        self.0
    }
}

impl TryFrom<f64> for Dollars {
    type Error = String;

    fn try_from(dollars: f64) -> Result<Self, String> {
        if !(0.0..=1_000_000.0).contains(&dollars) {
            return Err(format!(
                "{dollars} is no price: expected dollars, 0 to 1,000,000"
            ));
        }
        Ok(Self(NanoDollars((dollars * 1e9).round() as u64)))
    }
}

impl From<Dollars> for f64 {
    fn from(dollars: Dollars) -> Self {
        dollars.0.0 as f64 / 1e9
    }
}

impl JsonSchema for Dollars {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Dollars".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "number", "minimum": 0, "maximum": 1_000_000,
            "description": "US dollars.",
        })
    }
}
