//! The receipt: a record under construction, closed exactly once.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Attempt, Cost, End, Identity, Ledger, Record, Serves, Surface, record::Candidate};
use crate::{
    catalog::Target,
    chat::Usage,
    outcome::{AttemptKind, Failure, Reason},
};

/// The open record of one request. Closing it hands it to the ledger; dropping it closes it as abandoned,
/// because a request's future is dropped only when its client has left.
#[derive(Debug)]
pub struct Receipt {
    open: Option<Box<Record>>,
    ledger: Arc<Ledger>,
    arrived: Instant,
    attempt_began: Instant,
    price: Option<Arc<crate::catalog::Model>>,
}

/// Who asks for what.
#[derive(Debug)]
pub struct Opening {
    /// The request's id.
    pub id: String,
    /// Where it came in.
    pub surface: Surface,
    /// The key's name.
    pub caller: Arc<str>,
    /// Whose token it came with.
    pub identity: Option<Identity>,
    /// The model the caller named.
    pub model: String,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The call of a tool it is made for, where the key was made for that.
    pub serves: Option<Serves>,
    /// When it came, on the wall.
    pub at: jiff::Timestamp,
    /// When it came.
    pub arrived: Instant,
}

/// How an attempt begins.
#[derive(Debug)]
pub struct Beginning {
    /// The target's name.
    pub name: Arc<str>,
    /// Why it is made.
    pub kind: AttemptKind,
    /// Which of the provider's keys is used.
    pub credential: Option<Arc<str>>,
    /// The wait before it.
    pub waited: Option<Duration>,
    /// The wait for a place at the target.
    pub queued: Option<Duration>,
}

impl Receipt {
    /// Opens the receipt of one request.
    pub fn open(ledger: Arc<Ledger>, opening: Opening) -> Self {
        ledger.metrics().in_flight.inc();
        let record = Record {
            id: opening.id,
            at: opening.at,
            surface: opening.surface,
            caller: opening.caller,
            identity: opening.identity,
            model: opening.model,
            stream: opening.stream,
            route: None,
            strategy: None,
            rule: None,
            tool: None,
            serves: opening.serves.map(Box::new),
            seed: 0,
            candidates: Vec::new(),
            attempts: Vec::new(),
            target: None,
            dropped: Vec::new(),
            usage: None,
            cost: Cost::Nothing,
            end: End::Open,
            first_token: None,
            total: None,
        };
        Self {
            open: Some(Box::new(record)),
            ledger,
            arrived: opening.arrived,
            attempt_began: opening.arrived,
            price: None,
        }
    }

    /// When the request came.
    pub fn arrived(&self) -> Instant {
        self.arrived
    }

    /// The metrics.
    pub fn metrics(&self) -> &super::Metrics {
        self.ledger.metrics()
    }

    /// The record so far.
    pub fn record(&self) -> Option<&Record> {
        self.open.as_deref()
    }

    /// Notes the plan.
    pub fn plan(
        &mut self,
        route: Option<Arc<str>>,
        strategy: Option<&'static str>,
        seed: u64,
        candidates: Vec<Candidate>,
    ) {
        if let Some(record) = &mut self.open {
            record.route = route;
            record.strategy = strategy;
            record.seed = seed;
            record.candidates = candidates;
        }
    }

    /// Notes that a candidate was passed over when its turn came, and why. One that had been asked keeps the reason
    /// it was asked for.
    pub fn pass_over(&mut self, name: &str, reason: Reason) {
        let Some(record) = &mut self.open else { return };
        if record
            .attempts
            .iter()
            .any(|attempt| *attempt.target == *name)
        {
            return;
        }
        let candidates = record.candidates.iter_mut();
        for candidate in candidates.filter(|candidate| candidate.kept && *candidate.target == *name)
        {
            candidate.kept = false;
            candidate.reason = reason;
        }
    }

    /// Notes what the rules chose, and the tool the completion is for.
    pub fn chosen(&mut self, rule: Option<Arc<str>>, tool: Option<String>) {
        if let Some(record) = &mut self.open {
            record.rule = rule;
            record.tool = tool;
        }
    }

    /// Notes that an attempt begins.
    pub fn begin(&mut self, target: &Target, beginning: Beginning, now: Instant) {
        self.attempt_began = now;
        self.price = target.facts.clone();
        let Some(record) = &mut self.open else { return };
        record.attempts.push(Attempt {
            target: beginning.name,
            provider: target.card.name.clone(),
            model_label: model_label(target),
            kind: beginning.kind,
            credential: beginning.credential,
            verdict: None,
            end: End::Open,
            status: None,
            waited: beginning.waited,
            queued: beginning.queued,
            first_token: None,
            total: None,
            usage: None,
            cost: Cost::Nothing,
        });
        if let Some(serves) = &record.serves {
            serves.begin(record);
        }
    }

    /// Notes what was found when the answer of the running attempt was checked.
    pub fn judged(&mut self, verdict: &'static str) {
        let record = self.open.as_mut();
        if let Some(attempt) = record.and_then(|record| record.attempts.last_mut()) {
            attempt.verdict = Some(verdict);
        }
    }

    /// Notes the first delta of the running attempt.
    pub fn first_token(&mut self, now: Instant) {
        let began = self.attempt_began;
        let arrived = self.arrived;
        let Some(record) = &mut self.open else { return };
        record.first_token = Some(now.saturating_duration_since(arrived));
        if let Some(attempt) = record.attempts.last_mut() {
            attempt.first_token = Some(now.saturating_duration_since(began));
        }
    }

    /// Notes what the target had no word for.
    pub fn dropped(&mut self, dropped: Vec<String>) {
        if let Some(record) = &mut self.open {
            record.dropped = dropped;
        }
    }

    /// Notes that the running attempt failed, and what it used up all the same.
    pub fn failed(&mut self, failure: &Failure, usage: Option<Usage>, now: Instant) {
        let cost = self.cost(usage.as_ref());
        self.end_attempt(End::Failed(failure.class), failure.status, usage, cost, now);
    }

    /// Notes that the running attempt gave the answer, and its cost, which it returns.
    pub fn delivered(&mut self, usage: Usage, now: Instant) -> Cost {
        let cost = self.cost(Some(&usage));
        self.end_attempt(End::Delivered, None, Some(usage), cost, now);
        if let Some(record) = &mut self.open {
            record.target = record.attempts.last().map(|attempt| attempt.target.clone());
            record.usage = Some(usage);
            record.cost = cost;
        }
        cost
    }

    /// Notes that the client left while the attempt ran, and what it used up until then.
    pub fn abandoned(&mut self, usage: Option<Usage>, now: Instant) {
        let cost = self.cost(usage.as_ref());
        self.end_attempt(End::Abandoned, None, usage, cost, now);
    }

    /// Closes the receipt.
    pub fn close(mut self, end: End, now: Instant) {
        self.shut(end, now);
    }

    fn end_attempt(
        &mut self,
        end: End,
        status: Option<u16>,
        usage: Option<Usage>,
        cost: Cost,
        now: Instant,
    ) {
        let total = now.saturating_duration_since(self.attempt_began);
        let attempt = self
            .open
            .as_mut()
            .and_then(|record| record.attempts.last_mut());
        let Some(attempt) = attempt.filter(|attempt| attempt.end == End::Open) else {
            return;
        };
        attempt.end = end;
        attempt.status = status;
        attempt.total = Some(total);
        attempt.usage = usage;
        attempt.cost = cost;
    }

    fn cost(&self, usage: Option<&Usage>) -> Cost {
        let Some(usage) = usage else {
            return Cost::Nothing;
        };
        let price = self.price.as_ref().and_then(|model| model.price.as_ref());
        price.map_or(Cost::Unknown, |price| Cost::Known(price.cost(usage)))
    }

    fn shut(&mut self, end: End, now: Instant) {
        let arrived = self.arrived;
        self.end_attempt(end, None, None, Cost::Nothing, now);
        let Some(mut record) = self.open.take() else {
            return;
        };
        record.end = end;
        record.total = Some(now.saturating_duration_since(arrived));
        if let Some(serves) = &record.serves {
            serves.end(&record);
        }
        self.ledger.metrics().in_flight.dec();
        self.ledger.take(*record);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.shut(End::Abandoned, Instant::now());
    }
}

/// Metrics name only models of the card: a caller may invent any other.
fn model_label(target: &Target) -> Arc<str> {
    if target.facts.is_some() {
        target.model.clone()
    } else {
        "other".into()
    }
}
