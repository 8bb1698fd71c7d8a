//! How many calls of one tool run at once, and how long others wait for their turn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::{Fault, FaultClass, after};
use crate::{problem::Problem, span::Span};

/// How many calls run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// Calls that run at once, over all callers.
    pub limit: u32,
    /// How long a call waits for its turn before it is refused as busy.
    #[serde(default = "no_wait")]
    pub queue: Span,
}

fn no_wait() -> Span {
    Span::secs(0)
}

/// The most that run at once. Beyond it there are neither connections nor memory for them.
const MOST: u32 = 100_000;

/// The most that wait: each holds its arguments, up to megabytes of them.
const MOST_WAITING: usize = 1_000;

impl Concurrency {
    /// What is wrong with it; paths start at its keys.
    pub(super) fn problems(self) -> Option<Problem> {
        let fine = (1..=MOST).contains(&self.limit);
        (!fine).then(|| {
            let message = format!("{} calls at once", self.limit);
            Problem::new(["limit"], message).expected(format!("1 to {MOST}"))
        })
    }
}

/// The places of one tool.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
    settings: Concurrency,
}

/// A place. Given back when it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

impl Places {
    pub(super) fn new(settings: Concurrency) -> Self {
        Self {
            free: Arc::new(Semaphore::new(settings.limit as usize)),
            waiting: AtomicUsize::new(0),
            settings,
        }
    }

    /// Takes a place, and says how long it was waited for.
    pub(super) async fn take(&self, deadline: Instant) -> Result<(Place, Duration), Fault> {
        if let Ok(place) = self.free.clone().try_acquire_owned() {
            return Ok((place, Duration::ZERO));
        }
        let Some(_waiting) = self.wait() else {
            return Err(self.busy());
        };
        let came = Instant::now();
        let until = after(came, self.settings.queue.get()).min(deadline);
        match timeout_at(until, self.free.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok((place, came.elapsed())),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(self.busy()),
        }
    }

    fn wait(&self) -> Option<Waiting<'_>> {
        if self.settings.queue.get().is_zero() {
            return None;
        }
        let waiting = Waiting(&self.waiting);
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        (before < MOST_WAITING).then_some(waiting)
    }

    fn busy(&self) -> Fault {
        let run = match self.settings.limit {
            1 => "a call of it runs".to_owned(),
            many => format!("{many} calls of it run"),
        };
        let message = format!("The tool is busy: {run} already. Try again a little later");
        Fault::new(FaultClass::Busy, message)
    }
}

/// One who waits, for as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
