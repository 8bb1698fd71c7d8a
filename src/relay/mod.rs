//! The life of one completion: plan, then for each candidate attempt, until one answers.
//!
//! *Take limits, plan; for each candidate: send, take the first delta, check; hand over the stream; settle;
//! close the receipt.* Until the first delta everything can still go to another target; after it, the commit
//! point, nothing can. Whoever drops the future or the flow (a client that left) cancels the attempt, and the
//! books are closed as abandoned with what was used until then.

mod admission;
mod attempt;
mod books;
mod chain;
mod changes;
mod check;
mod desk;
mod explain;
mod flow;
mod gauges;
mod planning;
mod record_of;
mod tries;
pub mod validate;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    access::{Caller, Spent},
    chat::Usage,
    dialect::Ask,
    limit::{self, Limits},
    outcome::Failure,
    route::{Hints, NoPlan, Plan, Subject},
    telemetry::{self, Receipt},
};

use attempt::Reached;
use books::Books;
use check::Check;
use planning::Chosen;
use tries::Tries;

pub use desk::Desk;
pub use explain::{Explained, Shown, ShownFacts, explain, explain_inquiry};
pub use flow::{Flow, shutting_down};
pub use gauges::{gauges, targets};
pub use planning::{Inquiry, Rights, would_ask};

/// One completion to be had.
pub struct Errand {
    /// What is asked.
    pub ask: Ask,
    /// Who asks.
    pub caller: Arc<Caller>,
    /// What they ask for beyond naming a model.
    pub hints: Hints,
    /// The tool on whose behalf they ask, if they name one in the head.
    pub tool: Option<String>,
    /// Whose rights decide what may be asked.
    pub rights: Rights,
    /// A digest of what the completion belongs to, for routes that keep conversations: it stands in the place of how
    /// the prompt begins. 0 where there is none.
    pub affinity: u64,
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
    pub cost: telemetry::Cost,
    /// What the answer cost in tokens, where known already.
    pub usage: Option<Usage>,
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
    /// The call of a tool that it is for has used up what it may ask of models.
    Spent(Spent),
    /// Everybody was asked who could be; this is the last failure.
    Exhausted(Failure, Box<Summary>),
}

/// Has one completion done.
pub async fn complete(desk: Arc<Desk>, errand: Errand) -> Result<Answered, Refused> {
    let Errand {
        ask,
        caller,
        limits,
        hints,
        tool,
        rights,
        affinity,
        patience,
        total,
        seed,
        receipt,
    } = errand;
    let mut books = Books::open(receipt, &ask.outline);
    let inquiry = Inquiry {
        subject: Subject {
            ask: &ask,
            surface: books.surface(),
            caller: &caller.name,
            tool: tool.as_deref(),
        },
        caller: &caller,
        hints: &hints,
        rights,
        affinity,
        seed,
    };
    let chosen = Chosen::by(&desk, &inquiry);
    books.chosen(&chosen);
    let priced = chosen.plan(Instant::now(), |question, plan| {
        let priced = |plan: Plan| match &caller.serves {
            Some(_) => (plan.worst_price(question), plan),
            // Only completions for a call of a tool have a budget.
            None => (None, plan),
        };
        plan.map(priced)
    });
    let (worst, plan) = match priced {
        Ok(priced) => priced,
        Err(reason) => return Err(books.no_plan(&chosen, reason)),
    };
    let lasting = chosen.lasting;
    books.plan(&plan, lasting.learned.clone(), chosen.tool);
    if let Some(serving) = &caller.serves {
        match serving.reserve(worst) {
            Ok(reserved) => books.reserve(reserved),
            Err(spent) => return Err(books.spent(spent)),
        }
    }
    match limits.admit(ask.outline.reserved_tokens(), Instant::now()) {
        Ok(hold) => books.hold(hold),
        Err(refused) => return Err(books.limited(refused)),
    }

    let arrived = books.arrived();
    let allowed = plan.timeouts.total.get();
    let deadline = after(arrived, total.map_or(allowed, |total| total.min(allowed)));
    // Nothing that is done here outlasts the caller's patience: it ends with the answer, or a stream's first delta.
    let until = patience.map_or(deadline, |patience| after(arrived, patience).min(deadline));
    let check = Check::of(&ask, plan.policy.answers, &desk.schemas);
    let tries = Tries {
        desk: &desk,
        lasting,
        plan: &plan,
        ask: &ask,
        check: check.as_ref(),
        until,
    };
    match tries.make(&mut books).await {
        Ok(Reached::Whole(tidy)) => Ok(books.deliver_whole(tidy)),
        Ok(Reached::Stream(opened)) => {
            let idle = plan.timeouts.idle.get();
            Ok(Flow::begin(opened, books, ask, check, idle, deadline))
        }
        Err(failure) => Err(books.exhausted(failure)),
    }
}

/// The end of a span. Whoever makes spans keeps them short; one whose end no clock can tell is over at once,
/// which is better than a panic.
fn after(start: Instant, span: Duration) -> Instant {
    start.checked_add(span).unwrap_or(start)
}
