//! The books of one request: its receipt and its hold on the caller's limits, closed together and once.

use tokio::time::Instant;

use super::{Answered, Refused, Summary, candidates, chain::Step};
use crate::{
    catalog::Target,
    chat::{Outline, Usage, estimate_tokens},
    dialect::Tidy,
    limit::{self, Hold},
    outcome::{ErrorClass, Failure, Reason},
    route::{NoPlan, Plan},
    telemetry::{Beginning, Cost, End, Receipt},
};

/// The open books of one request. Dropped open, they are closed as abandoned: the client has left.
pub(super) struct Books {
    open: Option<Open>,
}

struct Open {
    receipt: Receipt,
    hold: Hold,
    /// Estimated input tokens, for answers whose provider does not count.
    input: u64,
    /// Whether a provider has been asked and has not failed: it may be working, and billing.
    working: bool,
    /// The answer so far.
    answer_bytes: u64,
    usage: Option<Usage>,
    /// Tokens that failed attempts used up.
    wasted: u64,
    summary: Summary,
}

impl Books {
    pub(super) fn open(receipt: Receipt, outline: &Outline) -> Self {
        let open = Open {
            receipt,
            hold: Hold::none(),
            input: outline.input_tokens(),
            working: false,
            answer_bytes: 0,
            usage: None,
            wasted: 0,
            summary: Summary::default(),
        };
        Self { open: Some(open) }
    }

    pub(super) fn arrived(&self) -> Instant {
        self.open
            .as_ref()
            .map_or_else(Instant::now, |open| open.receipt.arrived())
    }

    /// The request's id: names an answer whose provider gave it no name.
    pub(super) fn request_id(&self) -> String {
        let record = self.open.as_ref().and_then(|open| open.receipt.record());
        record.map(|record| record.id.clone()).unwrap_or_default()
    }

    pub(super) fn plan(&mut self, plan: &Plan) {
        let Some(open) = &mut self.open else { return };
        open.summary.route = plan.route.clone();
        let strategy = Some(plan.strategy.label());
        open.receipt
            .plan(plan.route.clone(), strategy, plan.seed, candidates(plan));
    }

    pub(super) fn hold(&mut self, hold: Hold) {
        if let Some(open) = &mut self.open {
            open.hold = hold;
        }
    }

    /// A candidate's turn came, but it cannot do what the request needs.
    pub(super) fn pass_over(&mut self, step: &Step) {
        if let Some(open) = &mut self.open {
            open.receipt
                .pass_over(&step.candidate.name, Reason::LacksAbility);
        }
    }

    /// A provider is about to be asked.
    pub(super) fn begin(&mut self, target: &Target, step: &Step, dropped: Vec<String>) {
        let Some(open) = &mut self.open else { return };
        open.working = true;
        open.usage = None;
        open.answer_bytes = 0;
        open.summary.attempts += 1;
        open.summary.target = Some(step.candidate.name.clone());
        open.summary.dropped = dropped.clone();
        open.receipt.dropped(dropped);
        let beginning = Beginning {
            name: step.candidate.name.clone(),
            kind: step.kind,
            credential: None,
            waited: (!step.wait.is_zero()).then_some(step.wait),
            queued: None,
        };
        open.receipt.begin(target, beginning, Instant::now());
    }

    /// The first delta is here.
    pub(super) fn first_token(&mut self) {
        if let Some(open) = &mut self.open {
            open.receipt.first_token(Instant::now());
        }
    }

    /// How the answer stands.
    pub(super) fn note(&mut self, usage: Option<Usage>, answer_bytes: u64) {
        if let Some(open) = &mut self.open {
            open.usage = usage;
            open.answer_bytes = answer_bytes;
        }
    }

    /// The attempt failed. What it had produced by then is wasted, and on the books.
    pub(super) fn failed(&mut self, failure: &Failure) {
        let Some(open) = &mut self.open else { return };
        let produced = open.answer_bytes > 0 || open.usage.is_some();
        let usage = (open.working && produced).then(|| open.usage());
        open.wasted = open
            .wasted
            .saturating_add(usage.map_or(0, |usage| usage.total()));
        open.working = false;
        open.receipt.failed(failure, usage, Instant::now());
    }

    /// The answer is whole and was given to the caller.
    pub(super) fn deliver(&mut self) -> Summary {
        let Some(mut open) = self.open.take() else {
            return Summary::default();
        };
        let now = Instant::now();
        let usage = open.usage();
        open.summary.cost = open.receipt.delivered(usage, now);
        open.hold.settle(usage.total().saturating_add(open.wasted));
        open.receipt.close(End::Delivered, now);
        open.summary
    }

    pub(super) fn deliver_whole(mut self, tidy: Tidy) -> Answered {
        self.note(tidy.usage, tidy.answer_bytes);
        Answered::Whole(tidy.body, self.deliver())
    }

    /// The request ends with this failure.
    pub(super) fn close_failed(&mut self, class: ErrorClass) -> Summary {
        let Some(open) = self.open.take() else {
            return Summary::default();
        };
        open.hold.settle(open.wasted);
        open.receipt.close(End::Failed(class), Instant::now());
        open.summary
    }

    pub(super) fn exhausted(mut self, failure: Failure) -> Refused {
        let summary = self.close_failed(failure.class);
        Refused::Exhausted(failure, summary)
    }

    pub(super) fn no_plan(mut self, reason: NoPlan) -> Refused {
        let class = match &reason {
            NoPlan::UnknownModel(_) => ErrorClass::NotFound,
            other => other.class().unwrap_or(ErrorClass::Permission),
        };
        self.close_failed(class);
        Refused::NoPlan(reason)
    }

    pub(super) fn limited(mut self, refused: limit::Refused) -> Refused {
        self.close_failed(ErrorClass::RateLimit);
        Refused::Limited(refused)
    }

    /// What is known of the answer for its headers, while it still flows.
    pub(super) fn summary(&self) -> Summary {
        let open = self.open.as_ref();
        open.map(|open| open.summary.clone()).unwrap_or_default()
    }
}

impl Open {
    /// The provider's count, or ours where it gave none.
    fn usage(&self) -> Usage {
        self.usage.unwrap_or_else(|| Usage {
            input: self.input,
            output: estimate_tokens(self.answer_bytes),
            estimated: true,
            ..Usage::default()
        })
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        let now = Instant::now();
        let usage = open.working.then(|| open.usage());
        open.receipt.abandoned(usage, now);
        let used = usage.map_or(0, |usage| usage.total());
        open.hold.settle(used.saturating_add(open.wasted));
        open.receipt.close(End::Abandoned, now);
    }
}

impl Summary {
    /// The cost in dollars, where known already.
    pub fn dollars(&self) -> Option<String> {
        match self.cost {
            Cost::Known(_) => self.cost.dollars(),
            Cost::Nothing | Cost::Unknown => None,
        }
    }
}
