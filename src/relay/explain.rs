//! A plan as people and machines read it: `waypost explain` and the admin listener show the same.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    access::Caller,
    chat::Outline,
    outcome::Reason,
    route::{Router, Verdict},
};

/// A plan, or why there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explained {
    /// The model that was named.
    pub model: String,
    /// The route that planned; none where the model is one target.
    pub route: Option<Arc<str>>,
    /// How the pool was ordered.
    pub strategy: Option<String>,
    /// The chance it was drawn with.
    pub seed: u64,
    /// Attempts the plan allows over the whole chain.
    pub attempts: Option<u32>,
    /// Every candidate, kept ones in order.
    pub candidates: Vec<Shown>,
    /// Why nobody would be asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// One candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// `provider/model`.
    pub target: Arc<str>,
    /// Whether it may be tried.
    pub kept: bool,
    /// Why.
    pub reason: Reason,
    /// What it is known for.
    pub facts: Facts,
}

/// What a plan knows of a candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// Its weight in its route.
    pub weight: u32,
    /// Whether its card lists the model.
    pub listed: bool,
    /// The most input tokens it takes, if known.
    pub context: Option<u64>,
    /// Dollars per million input tokens, if known.
    pub input_price: Option<f64>,
    /// Dollars per million output tokens, if known.
    pub output_price: Option<f64>,
}

impl From<&Verdict> for Shown {
    fn from(verdict: &Verdict) -> Self {
        let candidate = &verdict.candidate;
        let model = candidate.target.facts.as_deref();
        let price = model.and_then(|model| model.price.as_ref());
        Self {
            target: candidate.name.clone(),
            kept: verdict.kept,
            reason: verdict.reason,
            facts: Facts {
                weight: candidate.weight,
                listed: model.is_some(),
                context: model.and_then(|model| model.context),
                input_price: price.map(|price| price.input.into()),
                output_price: price.and_then(|price| price.output).map(Into::into),
            },
        }
    }
}

/// Explains where a request for `model` would go. Asks nobody.
pub fn explain(router: &Router, model: &str, caller: &Caller, seed: u64) -> Explained {
    let shown = |verdicts: &[Verdict]| verdicts.iter().map(Shown::from).collect();
    let model = model.to_owned();
    let outline = Outline {
        model: model.clone(),
        ..Outline::default()
    };
    match super::plan(router, &outline, caller, seed) {
        Ok(plan) => Explained {
            model,
            route: plan.route.clone(),
            strategy: Some(plan.strategy.label().to_owned()),
            seed,
            attempts: Some(plan.retry.attempts),
            candidates: shown(plan.verdicts()),
            error: None,
        },
        Err(reason) => Explained {
            model,
            route: None,
            strategy: None,
            seed,
            attempts: None,
            candidates: shown(reason.verdicts()),
            error: Some(reason.to_string()),
        },
    }
}
