//! What a caller or a rule asks for beyond naming a model. Hints narrow and order what the route and the key allow;
//! they widen nothing.
//!
//! The spelling is that of OpenRouter's `models` and `provider`, so clients written for it keep working.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Dollars, Strategy, Within};
use crate::{
    catalog::{Price, Rate},
    outcome::Reason,
};

/// What is asked for. The default asks for nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hints {
    /// The strategy to order pools with, instead of the route's.
    pub strategy: Option<Strategy>,
    /// Models to try after the one named, before the route's own fallbacks: routes, or `provider/model`.
    pub models: Vec<String>,
    /// Providers to try first, in this order: `provider`, or `provider/model`.
    pub order: Vec<String>,
    /// The only providers to use; all when empty.
    pub only: Vec<String>,
    /// Providers not to use.
    pub ignore: Vec<String>,
    /// What to sort by; a strategy in OpenRouter's words.
    pub sort: Option<Sort>,
    /// Prices not to exceed.
    pub max_price: MaxPrice,
    /// Whether others may be tried: those not in `order` (without `order`, all but the first), and the route's
    /// fallbacks.
    pub allow_fallbacks: bool,
    /// Tags a target must have, besides those the route asks for.
    pub tags: BTreeSet<String>,
    /// Limits, besides those of the route; the stricter counts.
    pub within: Within,
}

static NONE: Hints = Hints {
    strategy: None,
    models: Vec::new(),
    order: Vec::new(),
    only: Vec::new(),
    ignore: Vec::new(),
    sort: None,
    max_price: MaxPrice {
        prompt: None,
        completion: None,
        request: None,
    },
    allow_fallbacks: true,
    tags: BTreeSet::new(),
    within: Within::NONE,
};

impl Default for Hints {
    fn default() -> Self {
        NONE.clone()
    }
}

impl Hints {
    /// Nothing asked for.
    pub fn none() -> &'static Self {
        &NONE
    }

    /// The strategy asked for, if any: by name before by sort.
    pub(super) fn strategy(&self) -> Option<Strategy> {
        self.strategy.or(self.sort.map(|sort| match sort {
            Sort::Price => Strategy::Cheapest,
            Sort::Throughput | Sort::Latency => Strategy::Fastest,
        }))
    }

    /// The place of a target in `order`; the last where it is not in it.
    pub(super) fn place(&self, provider: &str, target: &str) -> usize {
        let named = |name: &String| name == provider || name == target;
        let place = self.order.iter().position(named);
        place.unwrap_or(self.order.len())
    }

    /// Whether a target is left out.
    pub(super) fn exclude(&self, provider: &str, target: &str) -> bool {
        let named = |name: &String| name == provider || name == target;
        let outside = !self.only.is_empty() && !self.only.iter().any(named);
        let beyond = !self.allow_fallbacks
            && !self.order.is_empty()
            && self.place(provider, target) == self.order.len();
        outside || beyond || self.ignore.iter().any(named)
    }
}

/// What to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The expected cost: `cheapest`.
    Price,
    /// The predicted end of the answer: `fastest`.
    Throughput,
    /// The predicted first token: `fastest`, by first tokens.
    Latency,
}

/// Prices not to exceed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MaxPrice {
    /// Dollars per million input tokens.
    pub prompt: Option<Rate>,
    /// Dollars per million output tokens.
    pub completion: Option<Rate>,
    /// Dollars for this request at worst.
    pub request: Option<Dollars>,
}

impl MaxPrice {
    /// Why a target of this list price is over it. The price of the whole request is judged elsewhere.
    pub(super) fn exceeded(&self, price: Option<&Price>) -> Option<Reason> {
        if self.prompt.is_none() && self.completion.is_none() {
            return None;
        }
        let Some(price) = price else {
            return Some(Reason::PriceUnknown);
        };
        let over = |limit: Option<Rate>, rate: Option<Rate>| {
            limit.is_some_and(|limit| rate.is_some_and(|rate| rate > limit))
        };
        let dear = over(self.prompt, Some(price.input)) || over(self.completion, price.output);
        dear.then_some(Reason::TooDear)
    }
}
