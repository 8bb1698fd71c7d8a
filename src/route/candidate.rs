//! A target in a plan, with its facts of today and its price of one request.

use std::{sync::Arc, time::Duration};

use super::{Dollars, Question, chance};
use crate::{
    catalog::{Ability, Model, NanoDollars, Price, Target},
    chat::Usage,
    facts::Facts,
    outcome::Reason,
};

/// Output at worst, where neither the caller nor the model's card sets a limit: what Anthropic's and many other
/// APIs give by default.
const UNSTATED_OUTPUT: u64 = 4096;

/// After this long without a request, what was measured of a target may be over. One request in ten seconds is
/// little to pay for noticing that it has recovered.
const LONG_IDLE: Duration = Duration::from_secs(10);

/// The most that bad answers and failures count: a target that never succeeds is twenty times its price.
const LEAST_SUCCESS: f64 = 0.05;

/// A target that may be tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The target.
    pub target: Arc<Target>,
    /// Its name, `provider/model`.
    pub name: Arc<str>,
    /// Its weight in its route.
    pub weight: u32,
    /// The most one request may cost here at worst.
    pub max_price: Option<Dollars>,
    /// What is known of it today; the default in a route's own list, and where it was dropped before that mattered.
    pub facts: Facts,
    /// A digest of the name: the same in every process, so that conversations stay where they are.
    pub(super) digest: u64,
}

impl Candidate {
    /// A candidate with weight 1.
    pub fn new(target: Target) -> Self {
        let name = target.to_string();
        Self {
            digest: chance::digest(name.as_bytes()),
            name: name.into(),
            target: Arc::new(target),
            weight: 1,
            max_price: None,
            facts: Facts::default(),
        }
    }

    /// The same candidate with another weight.
    pub fn weighing(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    /// The same candidate with a cap on its price.
    pub fn costing_at_most(self, max_price: Option<Dollars>) -> Self {
        Self { max_price, ..self }
    }

    /// What its card says of the model.
    pub(super) fn model(&self) -> Option<&Model> {
        self.target.facts.as_deref()
    }

    /// Whether its card says that it cannot do this. What is unknown is tried.
    pub(super) fn cannot(&self, ability: Ability) -> bool {
        self.model().and_then(|model| model.can(ability)) == Some(false)
    }

    /// The most input tokens it takes, if known.
    pub fn window(&self) -> Option<u64> {
        self.model()?.context
    }

    /// Whether it may take a prompt that was too long for `failed`: unless its window is known to be no larger.
    pub fn may_take_more_than(&self, failed: &Self) -> bool {
        match (self.window(), failed.window()) {
            (Some(mine), Some(theirs)) => mine > theirs,
            _ => true,
        }
    }

    /// Its list price, if known.
    pub(super) fn price(&self) -> Option<&Price> {
        self.model()?.price.as_ref()
    }

    /// What the request costs at most: without cache, and with all the output that is allowed.
    pub fn worst_price(&self, question: &Question<'_>) -> Option<NanoDollars> {
        let model_limit = self.model().and_then(|model| model.max_output);
        let output = match (question.max_output, model_limit) {
            (Some(asked), Some(most)) => asked.min(most),
            (asked, most) => asked.or(most).unwrap_or(UNSTATED_OUTPUT),
        };
        let usage = Usage {
            input: question.input_tokens,
            output: output.max(question.expected_output),
            ..Usage::default()
        };
        Some(self.price()?.cost(&usage))
    }

    /// Why its worst price is over a limit: too dear, or not known.
    pub(super) fn dearer_than(&self, limit: Dollars, question: &Question<'_>) -> Option<Reason> {
        match self.worst_price(question) {
            None => Some(Reason::PriceUnknown),
            Some(price) => (price > limit.get()).then_some(Reason::TooDear),
        }
    }

    /// What one answer of the expected length costs, cached input at its share.
    pub fn expected_price(&self, question: &Question<'_>) -> Option<NanoDollars> {
        let cached = question.input_tokens as f64 * self.facts.cached_share.clamp(0.0, 1.0);
        let usage = Usage {
            input: question.input_tokens,
            output: question.expected_output,
            cached: Some(cached as u64),
            ..Usage::default()
        };
        Some(self.price()?.cost(&usage))
    }

    /// What one good answer costs in dollars, by expectation: its price, and the price again for each try that gives
    /// no good answer. Failed tries count as paid, because providers bill what they read before they fail or we hang
    /// up.
    pub fn expected_cost(&self, question: &Question<'_>) -> Option<f64> {
        let price = self.expected_price(question)?;
        Some(price.0 as f64 / 1e9 / self.success())
    }

    /// The share of tries that end in a good answer; never nothing, so that it can be divided by.
    pub(super) fn success(&self) -> f64 {
        let facts = &self.facts;
        let share = (1.0 - facts.failure_rate) * facts.validity;
        share.clamp(LEAST_SUCCESS, 1.0)
    }

    /// Whether what was measured of it may be over: it was not asked of late, or its newest answers say otherwise.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.facts.promising || self.is_long_idle()
    }

    /// Whether it was asked before, but not of late.
    pub(super) fn is_long_idle(&self) -> bool {
        self.facts.idle.is_some_and(|idle| idle > LONG_IDLE)
    }

    /// Whether it has as many requests as it may have.
    pub(super) fn is_full(&self) -> bool {
        let facts = &self.facts;
        facts.capacity.is_some_and(|most| facts.in_flight >= most)
    }
}
