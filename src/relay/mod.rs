//! The life of one completion: plan, then for each candidate attempt, until one answers.
//!
//! *Take limits, plan; for each candidate: send, take the first delta, check; hand over the stream; settle;
//! close the receipt.* Until the first delta everything can still go to another target; after it, the commit
//! point, nothing can. Whoever drops the future or the flow (a client that left) cancels the attempt, and the
//! books are closed as abandoned with what was used until then.

mod attempt;
mod books;
mod chain;
mod explain;
mod flow;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    access::Caller,
    chat::Outline,
    dialect::Ask,
    facts::Facts,
    limit::{self, Limits},
    outcome::Failure,
    route::{NoPlan, Plan, Question, Rights, Router},
    telemetry::{Cost, Receipt, record},
    upstream::Upstream,
};

use attempt::Attempt;
use books::Books;
use chain::{Chain, Next};

pub use explain::{Explained, Shown, explain};
pub use flow::{Flow, shutting_down};

/// What completions need, wired for one configuration.
#[derive(Debug)]
pub struct Desk {
    /// The routes and providers.
    pub router: Router,
    /// The connections.
    pub upstream: Arc<Upstream>,
}

/// One completion to be had.
pub struct Errand {
    /// What is asked.
    pub ask: Ask,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// How much they may use.
    pub limits: Arc<Limits>,
    /// How long they will wait: for a plain answer, or for the first byte of a stream.
    pub patience: Option<Duration>,
    /// How long they will wait for the end.
    pub total: Option<Duration>,
    /// The chance of this request.
    pub seed: u64,
    /// Its open record.
    pub receipt: Receipt,
}

/// An answer.
pub enum Answered {
    /// All of it, as JSON in the caller's dialect.
    Whole(bytes::Bytes, Summary),
    /// Its beginning; the rest flows.
    Stream(Box<Flow>, Summary),
}

/// What response headers tell of how an answer came about.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The route; none where the caller named a target.
    pub route: Option<Arc<str>>,
    /// The target that answered.
    pub target: Option<Arc<str>>,
    /// Attempts made.
    pub attempts: u32,
    /// What it cost, where known already.
    pub cost: Cost,
    /// Parameters the target had no word for.
    pub dropped: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Refused {
    /// There is nobody to ask.
    NoPlan(NoPlan),
    /// The caller has used up a limit.
    Limited(limit::Refused),
    /// Everybody was asked who could be; this is the last failure.
    Exhausted(Failure, Summary),
}

/// Plans within a caller's rights, without asking anybody.
fn plan(router: &Router, outline: &Outline, caller: &Caller, seed: u64) -> Result<Plan, NoPlan> {
    let rights = Of(caller);
    let question = Question {
        input_tokens: outline.input_tokens(),
        max_output: outline.max_output(),
        expected_output: outline.expected_output(),
        stream: outline.stream,
        seed,
        ..Question::of(&rights)
    };
    router.plan(&outline.model, &question, &|_, _| Facts::default())
}

/// Whether a caller who names `model` would get a plan.
pub fn would_ask(router: &Router, model: &str, caller: &Caller) -> bool {
    router
        .plan(model, &Question::of(&Of(caller)), &|_, _| Facts::default())
        .is_ok()
}

/// Has one completion done.
pub async fn complete(desk: Arc<Desk>, errand: Errand) -> Result<Answered, Refused> {
    let Errand {
        ask,
        caller,
        limits,
        patience,
        total,
        seed,
        receipt,
    } = errand;
    let mut books = Books::open(receipt, &ask.outline);
    let plan = match plan(&desk.router, &ask.outline, &caller, seed) {
        Ok(plan) => plan,
        Err(reason) => return Err(books.no_plan(reason)),
    };
    books.plan(&plan);
    match limits.admit(ask.outline.reserved_tokens(), Instant::now()) {
        Ok(hold) => books.hold(hold),
        Err(refused) => return Err(books.limited(refused)),
    }

    let arrived = books.arrived();
    let allowed = plan.timeouts.total.get();
    let deadline = after(arrived, total.map_or(allowed, |total| total.min(allowed)));
    // Nothing that is done here outlasts the caller's patience: it ends with the answer, or a stream's first delta.
    let until = patience.map_or(deadline, |patience| after(arrived, patience).min(deadline));
    let mut chain = Chain::new(&plan);
    let mut step = chain.first();
    loop {
        if !step.wait.is_zero() {
            tokio::time::sleep(step.wait).await;
        }
        let attempt = Attempt {
            desk: &desk,
            ask: &ask,
            step: &step,
            timeouts: plan.timeouts,
            until,
        };
        let failure = match attempt.run(&mut books).await {
            Ok(attempt::Reached::Whole(tidy)) => return Ok(books.deliver_whole(tidy)),
            Ok(attempt::Reached::Stream(opened)) => {
                return Ok(Flow::begin(
                    opened,
                    books,
                    plan.timeouts.idle.get(),
                    deadline,
                ));
            }
            Err(failure) => failure,
        };
        let remaining = until.saturating_duration_since(Instant::now());
        match chain.after(&failure, rand::random(), remaining) {
            Next::Try(next) => step = *next,
            Next::Stop => return Err(books.exhausted(failure)),
        }
    }
}

/// The end of a span. Whoever makes spans keeps them short; one whose end no clock can tell is over at once,
/// which is better than a panic.
fn after(start: Instant, span: Duration) -> Instant {
    start.checked_add(span).unwrap_or(start)
}

/// A caller's rights, as `route` asks for them.
struct Of<'a>(&'a Caller);

impl Rights for Of<'_> {
    fn allows_route(&self, route: &str) -> bool {
        self.0.may_use_route(route)
    }

    fn allows_direct(&self, target: &str) -> bool {
        self.0.may_name_target(target)
    }

    fn allows_target(&self, target: &str) -> bool {
        self.0.may_use_target(target)
    }
}

/// A plan's candidates as the record keeps them.
fn candidates(plan: &Plan) -> Vec<record::Candidate> {
    plan.verdicts().iter().map(candidate).collect()
}

fn candidate(verdict: &crate::route::Verdict) -> record::Candidate {
    record::Candidate {
        target: verdict.candidate.name.clone(),
        kept: verdict.kept,
        reason: verdict.reason,
        on: None,
        facts: Facts::default(),
        expected: None,
    }
}
