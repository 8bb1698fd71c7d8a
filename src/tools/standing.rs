//! What is remembered of one tool across its calls and across reloads: its limits, its places, its circuit.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::time::Instant;

use super::{
    Common, Concurrency, Fault, FaultClass,
    places::{Place, Places},
};
use crate::{health::Circuit, limit::Limits, policy};

/// What is remembered of one tool. What a reload leaves as it was keeps its memory.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    limits: (Option<u32>, Arc<Limits>),
    places: Option<(Concurrency, Arc<Places>)>,
    circuit: (policy::Breaker, Arc<Circuit>),
    calls: Arc<AtomicU64>,
}

impl Standing {
    /// A tool nobody has called.
    pub(super) fn new(common: &Common) -> Self {
        let limits = Limits::new(common.rpm, None, Instant::now());
        let places = common.concurrency;
        Self {
            limits: (common.rpm, Arc::new(limits)),
            places: places.map(|settings| (settings, Arc::new(Places::new(settings)))),
            circuit: (common.breaker, Arc::new(Circuit::new(common.breaker))),
            calls: Arc::default(),
        }
    }

    /// The same tool under other settings.
    pub(super) fn under(&self, common: &Common) -> Self {
        let mut standing = Self::new(common);
        if self.limits.0 == common.rpm {
            standing.limits = self.limits.clone();
        }
        if self.places.as_ref().map(|(settings, _)| *settings) == common.concurrency {
            standing.places = self.places.clone();
        }
        if self.circuit.0 == common.breaker {
            standing.circuit = self.circuit.clone();
        }
        standing.calls = self.calls.clone();
        standing
    }

    /// Counts a call.
    pub(super) fn count(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Takes one call from what the tool has for all callers.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Fault> {
        // A hold on no tokens has nothing to settle.
        let admitted = self.limits.1.admit(0, now).map(drop);
        admitted.map_err(|refused| {
            let message = format!(
                "Rate limit reached: {} calls of this tool per minute",
                refused.per_minute
            );
            Fault::new(FaultClass::RateLimited, message).after(refused.retry_after)
        })
    }

    /// Takes a place, where they are counted.
    pub(super) async fn place(
        &self,
        deadline: Instant,
    ) -> Result<Option<(Place, std::time::Duration)>, Fault> {
        match &self.places {
            Some((_, places)) => places.take(deadline).await.map(Some),
            None => Ok(None),
        }
    }

    /// The circuit.
    pub(super) fn circuit(&self) -> &Arc<Circuit> {
        &self.circuit.1
    }
}
