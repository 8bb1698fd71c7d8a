//! How a pool is ordered for one request: one file for each way.

mod balanced;
mod cheapest;
mod explore;
mod fastest;
mod least_busy;
mod priority;
mod sticky;
mod two;
mod weighted;

pub(super) use explore::explore;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Question, Verdict};
use crate::outcome::Reason;

/// How a pool is ordered for one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// As listed: the first that works.
    #[default]
    Priority,
    /// Drawn by weight: canaries and splits. The undrawn follow, drawn again among themselves.
    Weighted,
    /// By the expected cost of this request, cached input and invalid answers counted.
    Cheapest,
    /// By the expected time of this answer; among about equals the less busy of two drawn.
    Fastest,
    /// By a score over cost, time, validity and load, as `weights` says.
    Balanced,
    /// By requests in flight for the room there is; the less busy of two drawn first.
    LeastBusy,
    /// A conversation stays with the target that has its beginning in the prompt cache.
    Sticky,
    /// The cheapest of those that keep the limits of `within`, of which there must be one.
    CheapestWithin,
}

/// What a strategy may look at besides the candidates.
pub(super) struct View<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) weights: &'a Weights,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Priority,
        Self::Weighted,
        Self::Cheapest,
        Self::Fastest,
        Self::Balanced,
        Self::LeastBusy,
        Self::Sticky,
        Self::CheapestWithin,
    ];

    /// The name in config, logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Weighted => "weighted",
            Self::Cheapest => "cheapest",
            Self::Fastest => "fastest",
            Self::Balanced => "balanced",
            Self::LeastBusy => "least-busy",
            Self::Sticky => "sticky",
            Self::CheapestWithin => "cheapest-within",
        }
    }

    /// Whether it looks at the time estimates.
    pub(super) fn needs_times(self) -> bool {
        matches!(self, Self::Fastest | Self::Balanced)
    }

    /// Whether it gives targets that have just recovered their smaller share itself.
    pub(super) fn draws(self) -> bool {
        self == Self::Weighted
    }

    /// Orders a pool, all of it kept, and says why each stands where it stands.
    pub(super) fn order(self, pool: &mut [Verdict], view: &View<'_>) {
        match self {
            Self::Priority => priority::order(pool),
            Self::Weighted => weighted::order(pool, view),
            Self::Cheapest | Self::CheapestWithin => cheapest::order(pool, view),
            Self::Fastest => fastest::order(pool, view),
            Self::Balanced => balanced::order(pool, view),
            Self::LeastBusy => least_busy::order(pool, view),
            Self::Sticky => sticky::order(pool, view),
        }
    }
}

/// What `strategy: balanced` weighs against each other; only their ratios matter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// The expected cost, against that of the pool's dearest.
    pub cost: f64,
    /// The expected time, against that of the pool's slowest.
    pub latency: f64,
    /// The share of tries that end in no good answer.
    pub validity: f64,
    /// Requests in flight for the room there is, against the pool's busiest.
    pub load: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            cost: 1.0,
            latency: 1.0,
            validity: 1.0,
            load: 1.0,
        }
    }
}

/// Sorts by score, the lowest first and the unknown last; equals keep their order. Names the first and the rest.
fn by_score(pool: &mut [Verdict], first: Reason, rest: Reason) {
    let score = |verdict: &Verdict| verdict.score.unwrap_or(f64::INFINITY);
    pool.sort_by(|one, other| score(one).total_cmp(&score(other)));
    name(pool, first, rest);
}

/// Names the first and the rest.
fn name(pool: &mut [Verdict], first: Reason, rest: Reason) {
    for (at, verdict) in pool.iter_mut().enumerate() {
        verdict.reason = if at == 0 { first } else { rest };
    }
}
