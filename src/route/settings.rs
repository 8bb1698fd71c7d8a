//! A route as written.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{Dollars, Retry, Strategy, Timeouts, Weights, Within};
use crate::{
    outcome::ErrorClass,
    policy::{Answers, Breaker},
};

/// One route: which targets answer for a name, in which order, and how patiently.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The targets, as `provider/model` or `{target: provider/model, weight: 3, max_price: 0.05}`.
    pub targets: Vec<Entry>,
    /// How the targets are ordered for one request.
    pub strategy: Strategy,
    /// Limits a target must keep, whatever the strategy.
    pub within: Within,
    /// What `strategy: balanced` weighs.
    pub weights: Weights,
    /// The share of requests that may go to a target whose speed is unknown, or was not measured of late, to learn
    /// it; 0 to 0.5. Counts where the strategy or a limit looks at times.
    pub explore: f64,
    /// The tags a target's provider must have.
    pub tags: BTreeSet<String>,
    /// Targets and routes tried in order when the targets are exhausted.
    pub fallback: Vec<String>,
    /// Targets and routes tried first after a failure of a class; an empty list means that nothing is tried then.
    #[schemars(schema_with = "by_class")]
    pub fallback_on: BTreeMap<ErrorClass, Vec<String>>,
    /// What is done with answers that are none.
    pub answers: Answers,
    /// When a target counts as broken, and how it comes back.
    pub breaker: Breaker,
    /// How often to try.
    pub retry: Retry,
    /// How long to wait.
    pub timeout: Timeouts,
}

/// A list for each class of failure. The derived schema would take any key.
fn by_class(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = BTreeMap::<String, Vec<String>>::json_schema(generator);
    let classes = generator.subschema_for::<ErrorClass>();
    schema.insert("propertyNames".to_owned(), classes.into());
    schema
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            strategy: Strategy::default(),
            within: Within::default(),
            weights: Weights::default(),
            // One in thirty-three: at one request a second a recovered target is found again within a minute, and
            // nineteen of twenty requests never notice, so the tail that people watch stays where it was.
            explore: 0.03,
            tags: BTreeSet::new(),
            fallback: Vec::new(),
            fallback_on: BTreeMap::new(),
            answers: Answers::default(),
            breaker: Breaker::default(),
            retry: Retry::default(),
            timeout: Timeouts::default(),
        }
    }
}

/// One target of a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Entry {
    /// `provider/model`.
    Name(String),
    /// A target with more to say.
    Listed(Listed),
}

/// One target with its weight and its cap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// `provider/model`.
    pub target: String,
    /// Its share under the strategies that draw, against the other weights; 0 takes it out.
    #[serde(default = "one")]
    pub weight: u32,
    /// The most one request may cost here at worst, in US dollars; no limit when absent.
    #[serde(default)]
    pub max_price: Option<Dollars>,
}

fn one() -> u32 {
    1
}

impl Entry {
    /// The target's name.
    pub fn target(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Listed(listed) => &listed.target,
        }
    }

    /// The target's weight.
    pub fn weight(&self) -> u32 {
        match self {
            Self::Name(_) => 1,
            Self::Listed(listed) => listed.weight,
        }
    }

    /// The target's cap on the price of one request.
    pub fn max_price(&self) -> Option<Dollars> {
        match self {
            Self::Name(_) => None,
            Self::Listed(listed) => listed.max_price,
        }
    }
}
