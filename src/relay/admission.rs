//! Leave to make an attempt: from the target's circuit and keys, and a place where it has a cap.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::attempt::Attempt;
use crate::{
    health::{Leave, Permit, Shut},
    outcome::{ErrorClass, Failure, Reason},
};

impl Attempt<'_> {
    /// Leave to ask the target; where it has a cap, after a wait for a place that is as long as its card says.
    pub(super) async fn admit(&self) -> Result<(Permit, Option<Duration>), (Failure, Reason)> {
        let leave = if self.step.panic {
            Leave::Panic
        } else {
            Leave::Normal
        };
        let now = Instant::now();
        match self.condition.admit(leave, self.chance, now) {
            Ok(permit) => return Ok((permit, None)),
            Err(Shut::Saturated) => {}
            Err(shut) => return Err(self.shut(shut)),
        }
        let cap = self.step.candidate.target.card.concurrency;
        let queue = cap.map_or(Duration::ZERO, |cap| cap.queue.get());
        let until = now.checked_add(queue).unwrap_or(now).min(self.until);
        let Ok(place) = timeout_at(until, self.condition.place()).await else {
            return Err(self.shut(Shut::Saturated));
        };
        let granted = Instant::now();
        let permit = self.condition.admit_at(place, leave, self.chance, granted);
        permit
            .map(|permit| (permit, Some(granted.saturating_duration_since(now))))
            .map_err(|shut| self.shut(shut))
    }

    /// A target that may not be asked any more, though the plan thought so.
    fn shut(&self, shut: Shut) -> (Failure, Reason) {
        let name = &self.step.candidate.name;
        let (class, reason, wait) = match shut {
            Shut::Open { remaining } => {
                (ErrorClass::Overloaded, Reason::CircuitOpen, Some(remaining))
            }
            Shut::CoolingDown { remaining } => {
                (ErrorClass::RateLimit, Reason::CoolingDown, Some(remaining))
            }
            Shut::Saturated => (ErrorClass::Saturated, Reason::Busy, None),
        };
        let failure = Failure {
            retry_after: wait.filter(|wait| !wait.is_zero()),
            ..Failure::new(class, format!("{name} was not asked: {shut}"))
        };
        (failure, reason)
    }
}
