//! A plan: candidates in order, each with its reason.

use std::sync::Arc;

use super::{Retry, Strategy, Timeouts};
use crate::{catalog::Target, outcome::Reason};

/// A target that may be tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The target.
    pub target: Arc<Target>,
    /// Its name, `provider/model`.
    pub name: Arc<str>,
    /// Its weight in its route.
    pub weight: u32,
}

impl Candidate {
    /// A candidate with weight 1.
    pub fn new(target: Target) -> Self {
        Self {
            name: target.to_string().into(),
            target: Arc::new(target),
            weight: 1,
        }
    }

    /// The same candidate with another weight.
    pub fn weighing(self, weight: u32) -> Self {
        Self { weight, ..self }
    }
}

/// What became of one candidate, and why.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The candidate.
    pub candidate: Candidate,
    /// Whether it may be tried.
    pub kept: bool,
    /// Why it stands here, or why it was dropped.
    pub reason: Reason,
}

impl Verdict {
    pub(super) fn keep(candidate: Candidate, reason: Reason) -> Self {
        Self {
            candidate,
            kept: true,
            reason,
        }
    }

    pub(super) fn drop(candidate: Candidate, reason: Reason) -> Self {
        Self {
            candidate,
            kept: false,
            reason,
        }
    }
}

/// The order in which targets are tried for one request.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The route that planned; `None` where the caller named one target directly.
    pub route: Option<Arc<str>>,
    /// How the pool was ordered.
    pub strategy: Strategy,
    /// The chance the order was drawn with.
    pub seed: u64,
    /// Attempt budget and backoff.
    pub retry: Retry,
    /// Deadlines.
    pub timeouts: Timeouts,
    verdicts: Vec<Verdict>,
}

impl Plan {
    /// A plan over these verdicts, if at least one is kept. A target that comes twice is kept once.
    pub(super) fn new(
        route: Option<Arc<str>>,
        strategy: Strategy,
        seed: u64,
        retry: Retry,
        timeouts: Timeouts,
        mut verdicts: Vec<Verdict>,
    ) -> Result<Self, NoPlan> {
        let mut seen: Vec<Arc<str>> = Vec::with_capacity(verdicts.len());
        for verdict in verdicts.iter_mut().filter(|verdict| verdict.kept) {
            if seen.contains(&verdict.candidate.name) {
                *verdict = Verdict::drop(verdict.candidate.clone(), Reason::Duplicate);
            } else {
                seen.push(verdict.candidate.name.clone());
            }
        }
        if seen.is_empty() {
            return Err(NoPlan::NothingLeft(verdicts));
        }
        Ok(Self {
            route,
            strategy,
            seed,
            retry,
            timeouts,
            verdicts,
        })
    }

    /// Those that may be tried, in order; at least one.
    pub fn order(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| verdict.kept)
    }

    /// Every candidate with its reason, kept ones in order.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }
}

/// Why there is no plan.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoPlan {
    /// The name is neither a route nor a target.
    #[error("the model `{0}` does not exist")]
    UnknownModel(String),
    /// The caller's key does not allow this name.
    #[error("this key may not use the model `{0}`")]
    Forbidden(String),
    /// Every candidate was dropped.
    #[error("this key may use none of the targets of this model")]
    NothingLeft(Vec<Verdict>),
}
