//! Runs that serve several calls: who asks for what is under way joins it, and who asks later gets what came of it.
//!
//! A run is a future that all who wait for it hold together and any of them drives: it outlives the first of them
//! and is dropped with the last. Nothing is spawned, so nothing is left over.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::time::Instant;

use super::{
    Fault, Outcome,
    digest::Digest,
    shelf::{Bounds, Shelf},
    size,
};

/// What came of a run.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) outcome: Result<Outcome, Fault>,
    /// Whether it was made of what its caller answered.
    pub(super) asked: bool,
}

/// What came of a run, for all who wait for it.
pub(super) type Ran = Arc<Made>;

/// A run under way.
type Run = Shared<BoxFuture<'static, Ran>>;

/// How a call came to its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It ran.
    Ran,
    /// Another ran, and it waited with it.
    Joined,
    /// Another had run.
    Kept,
}

/// What a call is the same as.
#[derive(Debug)]
pub(super) struct Same {
    /// Calls with one key are the same.
    pub(super) key: Digest,
    /// If they have these arguments.
    pub(super) arguments: Digest,
    /// Whose share of what is kept it takes.
    pub(super) owner: Arc<str>,
    /// For how long the outcome is kept; not at all for `None`.
    pub(super) keep: Option<Duration>,
    /// Which outcomes are.
    pub(super) sticks: fn(&Made) -> bool,
}

/// The key is in use with other arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reused;

/// Runs under way, and outcomes kept.
pub(super) struct Once {
    under_way: Mutex<HashMap<Digest, UnderWay>>,
    kept: Shelf<(Digest, Ran)>,
}

struct UnderWay {
    arguments: Digest,
    run: WeakShared<BoxFuture<'static, Ran>>,
    /// Whose end this entry goes with.
    token: Arc<()>,
}

impl Once {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            under_way: Mutex::default(),
            kept: Shelf::new(bounds),
        }
    }

    /// The outcome of a call: kept, joined, or made.
    pub(super) async fn outcome(
        self: &Arc<Self>,
        same: Same,
        make: impl FnOnce() -> BoxFuture<'static, Made>,
    ) -> Result<(Ran, Way), Reused> {
        match self.enter(same, make)? {
            Entered::Kept(ran) => Ok((ran, Way::Kept)),
            Entered::UnderWay(run, way) => Ok((run.await, way)),
        }
    }

    /// One look under one lock: between the looks for what is kept and for what is under way nothing may end.
    fn enter(
        self: &Arc<Self>,
        same: Same,
        make: impl FnOnce() -> BoxFuture<'static, Made>,
    ) -> Result<Entered, Reused> {
        let mut under_way = self.under_way();
        let found = under_way.get(&same.key);
        if let Some((arguments, run)) = found.and_then(UnderWay::alive) {
            // Given back before it is looked at: what is dropped as the last of its kind takes the lock.
            drop(under_way);
            let fits = arguments == same.arguments;
            return fits
                .then_some(Entered::UnderWay(run, Way::Joined))
                .ok_or(Reused);
        }
        if let Some((arguments, ran)) = self.kept.get(&same.key, Instant::now()) {
            let fits = arguments == same.arguments;
            return fits.then_some(Entered::Kept(ran)).ok_or(Reused);
        }
        let (key, arguments) = (same.key, same.arguments);
        let landing = Landing {
            once: self.clone(),
            key,
            token: Arc::default(),
        };
        let token = landing.token.clone();
        let run = landing.guard(same, make()).boxed().shared();
        // It has not been polled, so it is there to be downgraded.
        if let Some(weak) = run.downgrade() {
            let entry = UnderWay {
                arguments,
                run: weak,
                token,
            };
            under_way.insert(key, entry);
        }
        Ok(Entered::UnderWay(run, Way::Ran))
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Digest, UnderWay>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entered {
    Kept(Ran),
    UnderWay(Run, Way),
}

impl UnderWay {
    fn alive(&self) -> Option<(Digest, Run)> {
        Some((self.arguments, self.run.upgrade()?))
    }
}

/// Takes a run out of those under way, when it ends and when everybody has left.
struct Landing {
    once: Arc<Once>,
    key: Digest,
    token: Arc<()>,
}

impl Landing {
    async fn guard(self, same: Same, run: BoxFuture<'static, Made>) -> Ran {
        let ran = Arc::new(run.await);
        if let Some(keep) = same.keep.filter(|_| (same.sticks)(&ran)) {
            let until = super::after(Instant::now(), keep);
            let kept = (
                (same.arguments, ran.clone()),
                size::of_outcome(&ran.outcome),
            );
            self.once.kept.put(same.key, &same.owner, kept, until);
        }
        ran
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut under_way = self.once.under_way();
        // Another may have begun since everybody left this one.
        if under_way
            .get(&self.key)
            .is_some_and(|entry| Arc::ptr_eq(&entry.token, &self.token))
        {
            under_way.remove(&self.key);
        }
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Once").finish_non_exhaustive()
    }
}
