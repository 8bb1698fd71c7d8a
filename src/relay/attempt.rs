//! One attempt: get leave, ask one target, and take its answer as far as the first delta.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};

use super::{
    Books, Desk,
    chain::Step,
    check::{Bad, Check},
};
use crate::{
    catalog::Target,
    chat::Request,
    dialect::{Ask, Outgoing, Tidy, bridge, of},
    health::{Condition, Permit},
    outcome::{AttemptKind, ErrorClass, Failure, Fate, Reason},
    route::Timeouts,
    telemetry::Beginning,
    upstream::{Answer, Body},
};

/// The most read of an error body, or held of a stream before its first delta.
const MAX_HELD: usize = 64 * 1024;

/// How an answer begins.
enum Begun {
    Whole(Tidy),
    Stream(Opened),
}

/// One attempt to be made.
pub(super) struct Attempt<'a> {
    pub(super) desk: &'a Desk,
    pub(super) ask: &'a Ask,
    pub(super) step: &'a Step<'a>,
    /// The request that asks once more for an answer that was none.
    pub(super) again: Option<&'a Request>,
    /// What is checked of its answer.
    pub(super) check: Option<&'a Check>,
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
    /// The request with what was wrong with its answer, where the model may be asked once more.
    pub(super) again: Option<Box<Request>>,
}

impl Missed {
    fn unasked(failure: Failure) -> Self {
        Self {
            failure,
            asked: false,
            again: None,
        }
    }
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
    /// Everything was said already, and checked.
    pub(super) whole: bool,
}

impl Attempt<'_> {
    /// Makes the attempt. Its failure is on the books when this returns.
    pub(super) async fn run(&self, books: &mut Books) -> Result<Reached, Missed> {
        let outgoing = self.outgoing().map_err(|failure| {
            if failure.class == ErrorClass::Unsupported {
                books.pass_over(self.step, Reason::LacksAbility);
            }
            Missed::unasked(failure)
        })?;
        let (permit, queued) = self.admit().await.map_err(|(failure, reason)| {
            books.pass_over(self.step, reason);
            Missed::unasked(failure)
        })?;
        let result = self.ask(outgoing, permit, queued, books).await;
        result.map_err(|bad| {
            let failure = self.step.candidate.target.card.conceal(bad.failure);
            books.failed(&failure);
            Missed {
                failure,
                asked: true,
                again: bad.again,
            }
        })
    }

    /// The request as it leaves: the caller's, or the one that asks again.
    fn outgoing(&self) -> Result<Outgoing, Failure> {
        let target = &self.step.candidate.target;
        match self.again {
            Some(request) => of(target.card.dialect).write_request(request, target),
            None => bridge::request(self.ask, target),
        }
    }

    async fn ask(
        &self,
        mut outgoing: Outgoing,
        permit: Permit,
        queued: Option<Duration>,
        books: &mut Books,
    ) -> Result<Reached, Bad> {
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
        let begun = async {
            let connect = self.timeouts.connect.get();
            let key = credential.map(|credential| &credential.secret);
            let sent = self.desk.upstream.send(target, key, &outgoing, connect);
            let answer = sent.await?;
            books.allowance(&answer.headers);
            self.take(answer, books).await
        };
        let begun = timeout_at(self.patience(), begun).await;
        match begun.unwrap_or_else(|_| Err(self.too_late().into()))? {
            Begun::Whole(tidy) => Ok(Reached::Whole(tidy)),
            Begun::Stream(opened) => self.hold_back(opened, books).await.map(Reached::Stream),
        }
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
    async fn take(&self, answer: Answer, books: &mut Books) -> Result<Begun, Bad> {
        if !(200..300).contains(&answer.status) {
            return Err(self.error(answer).await.into());
        }
        if !self.ask.outline.stream {
            let body = answer.body.whole().await?;
            return self.whole(body, books).map(Begun::Whole);
        }
        if !answer.is_event_stream() {
            return Err(self.no_stream(answer).await.into());
        }
        let opened = self.open(answer.body, books).await?;
        Ok(Begun::Stream(opened))
    }

    fn whole(&self, body: Bytes, books: &mut Books) -> Result<Tidy, Bad> {
        let target = &self.step.candidate.target;
        match self.check {
            Some(check) => check.whole(self.ask, target, body, epoch_seconds(), books),
            None => Ok(bridge::reply(self.ask, target, body, epoch_seconds())?),
        }
    }

    /// Reads a stream up to its first delta. Until then everything is held back, so that an error in the first
    /// events can still fall over to another target unseen.
    async fn open(&self, mut body: Body, books: &mut Books) -> Result<Opened, Failure> {
        let target = &self.step.candidate.target;
        let mut stream =
            bridge::Stream::new(self.ask, target, &books.request_id(), epoch_seconds());
        if let Some(check) = self.check {
            stream = stream.with_check(check.watch());
        }
        let mut held = BytesMut::new();
        let mut ended = false;
        let mut read = 0_usize;
        while !stream.notes().begun && !stream.is_done() && !ended {
            match body.chunk().await? {
                Some(bytes) => {
                    read = read.saturating_add(bytes.len());
                    stream.push(&bytes, &mut held)?;
                }
                None => {
                    stream.end(&mut held)?;
                    ended = true;
                }
            }
            if read > MAX_HELD && !stream.notes().begun {
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
            whole: false,
        })
    }

    /// Reads on while nothing of the answer may go out before it is checked. What is whole by then is checked here,
    /// where another target can still be asked.
    async fn hold_back(&self, mut opened: Opened, books: &mut Books) -> Result<Opened, Bad> {
        let idle = self.timeouts.idle.get();
        while !opened.stream.notes().meaningful && !opened.stream.is_done() && !opened.ended {
            let silent_until = Instant::now().checked_add(idle).unwrap_or(self.until);
            let until = silent_until.min(self.until);
            let chunk = timeout_at(until, opened.body.chunk()).await;
            match chunk.map_err(|_| self.too_late())?? {
                Some(bytes) => opened.stream.push(&bytes, &mut opened.held)?,
                None => {
                    opened.stream.end(&mut opened.held)?;
                    opened.ended = true;
                }
            }
            let notes = opened.stream.notes();
            books.note(notes.usage, notes.answer_bytes);
        }
        if opened.stream.notes().meaningful {
            return Ok(opened);
        }
        if !opened.ended {
            opened.stream.end(&mut opened.held)?;
        }
        if let Some(check) = self.check {
            check.stream(self.ask, &mut opened.stream, &mut opened.held, books)?;
        }
        let notes = opened.stream.notes();
        books.note(notes.usage, notes.answer_bytes);
        opened.whole = true;
        Ok(opened)
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
