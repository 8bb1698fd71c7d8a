//! One attempt: get leave, ask one target, and take its answer as far as the first delta.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::BytesMut;
use tokio::time::{Instant, timeout_at};

use super::{Books, Desk, chain::Step};
use crate::{
    catalog::Target,
    dialect::{Ask, Outgoing, Tidy, bridge, fault, of},
    health::{Condition, Leave, Permit, Shut},
    outcome::{AttemptKind, ErrorClass, Failure, Fate, Reason},
    route::Timeouts,
    telemetry::Beginning,
    upstream::{Answer, Body},
};

/// The most read of an error body, or held of a stream before its first delta.
const MAX_HELD: usize = 64 * 1024;

/// One attempt to be made.
pub(super) struct Attempt<'a> {
    pub(super) desk: &'a Desk,
    pub(super) ask: &'a Ask,
    pub(super) step: &'a Step,
    pub(super) condition: &'a Arc<Condition>,
    pub(super) timeouts: Timeouts,
    /// Until when there is time: for a plain answer, or for the first delta of a stream.
    pub(super) until: Instant,
    /// This attempt's chance.
    pub(super) chance: u64,
}

/// How far an attempt came.
pub(super) enum Reached {
    /// A whole answer.
    Whole(Tidy),
    /// A stream, up to its first delta.
    Stream(Opened),
}

/// Why an attempt came to nothing.
pub(super) struct Missed {
    pub(super) failure: Failure,
    /// Whether the provider was asked.
    pub(super) asked: bool,
}

/// A stream whose first delta is here.
pub(super) struct Opened {
    pub(super) target: Arc<Target>,
    pub(super) stream: bridge::Stream,
    pub(super) body: Body,
    /// What the caller gets first.
    pub(super) held: BytesMut,
    /// The provider's bytes ended already.
    pub(super) ended: bool,
}

impl Attempt<'_> {
    /// Makes the attempt. Its failure is on the books when this returns.
    pub(super) async fn run(&self, books: &mut Books) -> Result<Reached, Missed> {
        let outgoing =
            bridge::request(self.ask, &self.step.candidate.target).map_err(|failure| {
                if failure.class == ErrorClass::Unsupported {
                    books.pass_over(self.step, Reason::LacksAbility);
                }
                Missed {
                    failure,
                    asked: false,
                }
            })?;
        let (permit, queued) = self.admit().await.map_err(|(failure, reason)| {
            books.pass_over(self.step, reason);
            Missed {
                failure,
                asked: false,
            }
        })?;
        let result = self.ask(outgoing, permit, queued, books).await;
        result.map_err(|failure| {
            books.failed(&failure);
            Missed {
                failure,
                asked: true,
            }
        })
    }

    async fn ask(
        &self,
        mut outgoing: Outgoing,
        permit: Permit,
        queued: Option<Duration>,
        books: &mut Books,
    ) -> Result<Reached, Failure> {
        let target = &self.step.candidate.target;
        let credential = permit
            .credential()
            .and_then(|place| target.card.credentials.get(place));
        let beginning = Beginning {
            name: self.step.candidate.name.clone(),
            kind: if permit.is_probe() {
                AttemptKind::Probe
            } else {
                self.step.kind
            },
            credential: credential.map(|credential| credential.label.clone()),
            waited: (!self.step.wait.is_zero()).then_some(self.step.wait),
            queued,
        };
        let dropped = std::mem::take(&mut outgoing.dropped);
        books.begin(
            self.step,
            beginning,
            dropped,
            permit,
            self.condition.clone(),
        );
        let asked = async {
            let connect = self.timeouts.connect.get();
            let key = credential.map(|credential| &credential.secret);
            let answer = self
                .desk
                .upstream
                .send(target, key, &outgoing, connect)
                .await?;
            if let (Some(permit), Some(left)) = (books.permit(), fault::allowance(&answer.headers))
            {
                permit.note_allowance(left, Instant::now());
            }
            self.take(answer, books).await
        };
        let result = timeout_at(self.patience(), asked).await;
        result
            .unwrap_or_else(|_| Err(self.too_late()))
            .map_err(|failure| target.card.conceal(failure))
    }

    /// Leave to ask the target; where it has a cap, after a wait for a place that is as long as its card says.
    async fn admit(&self) -> Result<(Permit, Option<Duration>), (Failure, Reason)> {
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

    /// Until when this attempt may take to its answer, or to the first delta of a stream. While others are left to
    /// be asked it may take half of the time there is: who never answers must not use up theirs.
    fn patience(&self) -> Instant {
        let now = Instant::now();
        let left = self.until.saturating_duration_since(now);
        let share = if self.step.others { left / 2 } else { left };
        let own = if self.ask.outline.stream {
            share.min(self.timeouts.first_token.get())
        } else {
            share
        };
        now.checked_add(own).unwrap_or(self.until)
    }

    fn too_late(&self) -> Failure {
        let name = &self.step.candidate.name;
        let what = if self.ask.outline.stream {
            "the first piece of its answer"
        } else {
            "its answer"
        };
        // The provider may be at work all the same, so the same target is not asked again.
        Failure {
            fate: Fate::TryElsewhere,
            ..Failure::new(
                ErrorClass::Timeout,
                format!("{name} took too long to send {what}"),
            )
        }
    }
    async fn take(&self, answer: Answer, books: &mut Books) -> Result<Reached, Failure> {
        if !(200..300).contains(&answer.status) {
            return Err(self.error(answer).await);
        }
        if !self.ask.outline.stream {
            let body = answer.body.whole().await?;
            let tidy = bridge::reply(self.ask, &self.step.candidate.target, body, epoch_seconds())?;
            return Ok(Reached::Whole(tidy));
        }
        if !answer.is_event_stream() {
            return Err(self.no_stream(answer).await);
        }
        self.open(answer.body, books).await.map(Reached::Stream)
    }

    /// Reads a stream up to its first delta. Until then everything is held back, so that an error in the first
    /// events can still fall over to another target unseen.
    async fn open(&self, mut body: Body, books: &mut Books) -> Result<Opened, Failure> {
        let target = &self.step.candidate.target;
        let mut stream =
            bridge::Stream::new(self.ask, target, &books.request_id(), epoch_seconds());
        let mut held = BytesMut::new();
        let mut ended = false;
        while !stream.notes().meaningful && !stream.is_done() && !ended {
            match body.chunk().await? {
                Some(bytes) => stream.push(&bytes, &mut held)?,
                None => {
                    stream.end(&mut held)?;
                    ended = true;
                }
            }
            if held.len() > MAX_HELD && !stream.notes().meaningful {
                let message = format!(
                    "{} sent no answer in {MAX_HELD} bytes",
                    self.step.candidate.name
                );
                return Err(Failure::new(ErrorClass::ServerError, message));
            }
        }
        books.first_token();
        books.note(stream.notes().usage, stream.notes().answer_bytes);
        Ok(Opened {
            target: target.clone(),
            stream,
            body,
            held,
            ended,
        })
    }

    /// What an answer with an error status says.
    async fn error(&self, answer: Answer) -> Failure {
        let dialect = of(self.step.candidate.target.card.dialect);
        let body = beginning(answer.body).await;
        dialect.read_error(answer.status, &answer.headers, &body)
    }

    /// A success that is no stream, where one was asked for: an error in disguise, or somebody else's page.
    async fn no_stream(&self, answer: Answer) -> Failure {
        let is_json = answer.content_type().contains("json");
        let name = &self.step.candidate.name;
        let status = answer.status;
        if is_json {
            let body = beginning(answer.body).await;
            let reply = bridge::reply(self.ask, &self.step.candidate.target, body, epoch_seconds());
            if let Err(failure) = reply {
                return failure;
            }
        }
        let message = format!("{name} answered HTTP {status} with something that is no stream");
        Failure::new(ErrorClass::ServerError, message).with_status(status)
    }
}

/// The beginning of a body; what cannot be read is left out, because the status has said enough.
async fn beginning(mut body: Body) -> bytes::Bytes {
    let mut read = BytesMut::new();
    while read.len() < MAX_HELD {
        match body.chunk().await {
            Ok(Some(bytes)) => read.extend_from_slice(&bytes),
            Ok(None) | Err(_) => break,
        }
    }
    read.freeze()
}

fn epoch_seconds() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}
