//! The tries of one request: attempt after attempt along its plan, until one answers or nothing more may be tried.

use tokio::time::Instant;

use super::{
    Books, Desk,
    attempt::{Attempt, Missed, Reached},
    chain::{Chain, Failed, Means, Next, Why},
    check::Check,
    desk::Lasting,
};
use crate::{
    dialect::Ask,
    health::{Condition, Cost},
    outcome::{ErrorClass, Failure},
    route::Plan,
};

/// The tries of one request.
pub(super) struct Tries<'a> {
    pub(super) desk: &'a Desk,
    pub(super) lasting: &'a Lasting,
    pub(super) plan: &'a Plan,
    pub(super) ask: &'a Ask,
    /// What is checked of its answers.
    pub(super) check: Option<&'a Check>,
    /// Until when there is time: for a plain answer, or for the first delta of a stream.
    pub(super) until: Instant,
}

impl Tries<'_> {
    /// Makes them. A failure is what a provider said last: it tells the caller more than why nobody else was asked.
    pub(super) async fn make(&self, books: &mut Books) -> Result<Reached, Failure> {
        self.lasting.budget.deposit(Instant::now());
        let mut chain = Chain::new(self.plan);
        let mut step = chain.first();
        let mut again = None;
        let mut told = None;
        loop {
            if !step.wait.is_zero() {
                tokio::time::sleep(step.wait).await;
            }
            let condition = self.desk.condition(self.lasting, step.candidate);
            let attempt = Attempt {
                desk: self.desk,
                ask: self.ask,
                step: &step,
                again: again.as_deref().filter(|_| step.reask),
                check: self.check,
                condition: &condition,
                timeouts: self.plan.timeouts,
                until: self.until,
                chance: rand::random(),
            };
            let missed = match attempt.run(books).await {
                Ok(reached) => return Ok(reached),
                Err(missed) => missed,
            };
            if missed.asked {
                told = Some(missed.failure.clone());
            }
            match self.next(&mut chain, &missed, &condition) {
                Next::Try(next) => step = next,
                Next::Stop(why) => {
                    if why == Why::Budget {
                        let route = self.plan.route.as_deref().unwrap_or("direct");
                        books.count(|metrics| {
                            metrics.budget_exhausted.with_label_values(&[route]).inc();
                        });
                    }
                    return Err(told.unwrap_or(missed.failure));
                }
            }
            again = missed.again;
        }
    }

    fn next<'p>(
        &'p self,
        chain: &mut Chain<'p>,
        missed: &Missed,
        condition: &Condition,
    ) -> Next<'p> {
        let now = Instant::now();
        let failed = Failed {
            failure: &missed.failure,
            asked: missed.asked,
            other_key: missed.asked && by_key(&missed.failure) && condition.has_other_key(now),
            reask: missed.again.is_some(),
        };
        let means = Means {
            remaining: self.until.saturating_duration_since(now),
            budget: &mut |class| self.lasting.budget.withdraw(Cost::after(class), now),
            chance: rand::random(),
        };
        chain.after(failed, means)
    }
}

/// Whether another key for the same target may do better.
fn by_key(failure: &Failure) -> bool {
    matches!(
        failure.class,
        ErrorClass::Auth | ErrorClass::Permission | ErrorClass::Quota | ErrorClass::RateLimit
    )
}
