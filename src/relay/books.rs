//! The books of one request: its receipt, its hold on the caller's limits and its permit to try a target, closed
//! together and once.

use std::sync::Arc;

use http::HeaderMap;
use tokio::time::Instant;

use super::{Answered, Refused, Summary, chain::Step, changes, planning::Chosen, record_of};
use crate::{
    access::{Reserved, Spent},
    catalog::Target,
    chat::{Outline, Usage, estimate_tokens},
    dialect::{Tidy, fault},
    health::{Condition, Learned, Permit, Timing},
    limit::{self, Hold},
    outcome::{ErrorClass, Failure, Reason},
    route::{NoPlan, Plan, Strategy},
    telemetry::{Beginning, Cost, End, Metrics, Receipt},
};

/// The open books of one request. Dropped open, they are closed as abandoned: the client has left.
pub(super) struct Books {
    open: Option<Open>,
}

struct Open {
    receipt: Receipt,
    hold: Hold,
    /// What is set aside of a call's budget.
    reserved: Option<Reserved>,
    /// Estimated input tokens, for answers whose provider does not count.
    input: u64,
    stream: bool,
    /// The attempt under way.
    work: Option<Work>,
    /// The answer so far.
    answer_bytes: u64,
    usage: Option<Usage>,
    /// Tokens that failed attempts used up.
    wasted: u64,
    /// Where the length of the answer is learned from, for which tool.
    learned: Option<(Arc<Learned>, Option<String>)>,
    summary: Summary,
}

/// An attempt under way: a provider may be working, and billing.
struct Work {
    permit: Permit,
    condition: Arc<Condition>,
    target: Arc<Target>,
}

impl Books {
    pub(super) fn open(receipt: Receipt, outline: &Outline) -> Self {
        let open = Open {
            receipt,
            hold: Hold::none(),
            reserved: None,
            input: outline.input_tokens(),
            stream: outline.stream,
            work: None,
            answer_bytes: 0,
            usage: None,
            wasted: 0,
            learned: None,
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

    /// Counts what has no place on the record.
    pub(super) fn count(&self, with: impl FnOnce(&Metrics)) {
        if let Some(open) = &self.open {
            with(open.receipt.metrics());
        }
    }

    /// Where the request came in.
    pub(super) fn surface(&self) -> &'static str {
        let record = self.open.as_ref().and_then(|open| open.receipt.record());
        record.map_or("", |record| record.surface.label())
    }

    /// What the rules chose, and the tool the completion is for.
    pub(super) fn chosen(&mut self, chosen: &Chosen<'_>) {
        let Some(open) = &mut self.open else { return };
        let metrics = open.receipt.metrics();
        for erring in &chosen.erring {
            let rule = &*erring.rule;
            metrics.rule_errors.with_label_values(&[rule]).inc();
            tracing::debug!(rule, error = %erring.error, "the rule {rule} could not be tested");
        }
        let rule = chosen.rule.map(|rule| rule.name.clone());
        if let Some(rule) = &rule {
            metrics.rule_matches.with_label_values(&[&**rule]).inc();
        }
        open.receipt.chosen(rule, chosen.tool.clone());
    }

    /// The plan, and where the length of its answer is learned from: for all of them, or for those of a tool.
    pub(super) fn plan(&mut self, plan: &Plan, learned: Arc<Learned>, tool: Option<String>) {
        let Some(open) = &mut self.open else { return };
        open.summary.route = plan.route.clone();
        open.learned = Some((learned, tool));
        let strategy = Some(plan.strategy.label());
        open.receipt.plan(
            plan.route.clone(),
            strategy,
            plan.seed,
            record_of::plan(plan),
        );
    }

    pub(super) fn hold(&mut self, hold: Hold) {
        if let Some(open) = &mut self.open {
            open.hold = hold;
        }
    }

    /// What the completion may cost is set aside of the budget of the call it is for.
    pub(super) fn reserve(&mut self, reserved: Reserved) {
        if let Some(open) = &mut self.open {
            open.reserved = Some(reserved);
        }
    }

    /// A candidate's turn came, but it cannot do what the request needs, or may not be asked any more.
    pub(super) fn pass_over(&mut self, step: &Step<'_>, reason: Reason) {
        let Some(open) = &mut self.open else { return };
        open.receipt.pass_over(&step.candidate.name, reason);
        if reason == Reason::Busy {
            changes::saturated(&step.candidate.target, open.receipt.metrics());
        }
    }

    /// A provider is about to be asked.
    pub(super) fn begin(
        &mut self,
        step: &Step<'_>,
        beginning: Beginning,
        dropped: Vec<String>,
        permit: Permit,
        condition: Arc<Condition>,
    ) {
        let Some(open) = &mut self.open else { return };
        let target = step.candidate.target.clone();
        open.usage = None;
        open.answer_bytes = 0;
        open.summary.attempts += 1;
        open.summary.target = Some(step.candidate.name.clone());
        open.summary.dropped = dropped.clone();
        open.receipt.dropped(dropped);
        open.receipt.begin(&target, beginning, Instant::now());
        changes::tell(permit.change(), &target, open.receipt.metrics());
        open.work = Some(Work {
            permit,
            condition,
            target,
        });
    }

    /// The head of an answer is here: it may say what is left of the provider's limits.
    pub(super) fn allowance(&self, headers: &HeaderMap) {
        let Some(open) = &self.open else { return };
        let (Some(work), Some(left)) = (&open.work, fault::allowance(headers)) else {
            return;
        };
        let change = work.permit.note_allowance(left, Instant::now());
        changes::tell(change, &work.target, open.receipt.metrics());
    }

    /// The first delta is here.
    pub(super) fn first_token(&mut self) {
        let Some(open) = &mut self.open else { return };
        let now = Instant::now();
        open.receipt.first_token(now);
        if let Some(work) = &mut open.work {
            let change = work.permit.first_token(open.input, now);
            changes::tell(change, &work.target, open.receipt.metrics());
        }
    }

    /// How the answer stands.
    pub(super) fn note(&mut self, usage: Option<Usage>, answer_bytes: u64) {
        if let Some(open) = &mut self.open {
            open.usage = usage;
            open.answer_bytes = answer_bytes;
        }
    }

    /// The answer was checked; `found` is what was found, by its label.
    pub(super) fn judged(&mut self, valid: bool, found: &'static str) {
        let Some(open) = &mut self.open else { return };
        open.receipt.judged(found);
        if let Some(work) = &open.work {
            work.condition.judged(valid, Instant::now());
        }
    }

    /// The attempt failed. What it had produced by then is wasted, and on the books.
    pub(super) fn failed(&mut self, failure: &Failure) {
        let Some(open) = &mut self.open else { return };
        let Some(work) = open.work.take() else { return };
        let now = Instant::now();
        let produced = open.answer_bytes > 0 || open.usage.is_some();
        let usage = produced.then(|| open.usage());
        let tokens = usage.map_or(0, |usage| usage.total());
        open.wasted = open.wasted.saturating_add(tokens);
        open.receipt.failed(failure, usage, now);
        let changed = work.permit.failure(failure.class, failure.retry_after, now);
        changes::tell(changed, &work.target, open.receipt.metrics());
    }

    /// The answer is whole and was given to the caller.
    pub(super) fn deliver(&mut self) -> Summary {
        let Some(mut open) = self.open.take() else {
            return Summary::default();
        };
        let now = Instant::now();
        let usage = open.usage();
        if let Some(work) = open.work.take() {
            let timing = Timing {
                stream: open.stream,
                input_tokens: usage.input,
                output_tokens: usage.output,
                cached_tokens: usage.cached.unwrap_or(0),
            };
            let changed = work.permit.success(timing, now);
            changes::tell(changed, &work.target, open.receipt.metrics());
        }
        if let Some((learned, tool)) = &open.learned {
            learned.answered(tool.as_deref(), usage.output);
        }
        open.summary.usage = Some(usage);
        open.summary.cost = open.receipt.delivered(usage, now);
        open.pay();
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
        let Some(mut open) = self.open.take() else {
            return Summary::default();
        };
        open.pay();
        open.hold.settle(open.wasted);
        open.receipt.close(End::Failed(class), Instant::now());
        open.summary
    }

    pub(super) fn exhausted(mut self, failure: Failure) -> Refused {
        let summary = self.close_failed(failure.class);
        Refused::Exhausted(failure, summary.into())
    }

    /// Nobody can be asked: the record shows whom the route considered, and why not.
    pub(super) fn no_plan(mut self, chosen: &Chosen<'_>, reason: NoPlan) -> Refused {
        if let Some(open) = &mut self.open {
            let (route, strategy) = chosen.heading().unzip();
            let strategy = strategy.map(Strategy::label);
            let candidates = record_of::refused(&reason);
            open.receipt
                .plan(route, strategy, chosen.seed(), candidates);
        }
        self.close_failed(match &reason {
            NoPlan::UnknownModel(_) => ErrorClass::NotFound,
            reason => reason.class().unwrap_or(ErrorClass::Permission),
        });
        Refused::NoPlan(reason)
    }

    pub(super) fn limited(mut self, refused: limit::Refused) -> Refused {
        self.close_failed(ErrorClass::RateLimit);
        Refused::Limited(refused)
    }

    pub(super) fn spent(mut self, spent: Spent) -> Refused {
        self.close_failed(ErrorClass::Quota);
        Refused::Spent(spent)
    }

    /// What is known of the answer for its headers, while it still flows.
    pub(super) fn summary(&self) -> Summary {
        let open = self.open.as_ref();
        open.map(|open| open.summary.clone()).unwrap_or_default()
    }
}

impl Open {
    /// Takes what was spent from the budget of the call it was for.
    fn pay(&mut self) {
        let Some(reserved) = self.reserved.take() else {
            return;
        };
        match self.receipt.record() {
            Some(record) if !record.attempts.is_empty() => reserved.settle(record.spent()),
            _ => reserved.release(),
        }
    }

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
        // The permit is dropped with the attempt: a caller who leaves says nothing about the target.
        let usage = open.work.take().map(|_| open.usage());
        open.receipt.abandoned(usage, now);
        open.pay();
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
