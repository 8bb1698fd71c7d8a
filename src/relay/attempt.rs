//! One attempt: ask one target, and take its answer as far as the first delta.

use std::{sync::Arc, time::SystemTime};

use bytes::BytesMut;
use tokio::time::{Instant, timeout_at};

use super::{Books, Desk, chain::Step};
use crate::{
    catalog::Target,
    dialect::{Ask, Tidy, bridge, of},
    outcome::{ErrorClass, Failure, Fate},
    route::Timeouts,
    upstream::{Answer, Body},
};

/// The most read of an error body, or held of a stream before its first delta.
const MAX_HELD: usize = 64 * 1024;

/// One attempt to be made.
pub(super) struct Attempt<'a> {
    pub(super) desk: &'a Desk,
    pub(super) ask: &'a Ask,
    pub(super) step: &'a Step,
    pub(super) timeouts: Timeouts,
    /// Until when there is time: for a plain answer, or for the first delta of a stream.
    pub(super) until: Instant,
}

/// How far an attempt came.
pub(super) enum Reached {
    /// A whole answer.
    Whole(Tidy),
    /// A stream, up to its first delta.
    Stream(Opened),
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
    pub(super) async fn run(&self, books: &mut Books) -> Result<Reached, Failure> {
        let target = &self.step.candidate.target;
        let written = bridge::request(self.ask, target).inspect_err(|failure| {
            if failure.class == ErrorClass::Unsupported {
                books.pass_over(self.step);
            }
        });
        let mut outgoing = written?;
        books.begin(target, self.step, std::mem::take(&mut outgoing.dropped));
        let asked = async {
            let connect = self.timeouts.connect.get();
            let key = target.card.credentials.first().map(|key| &key.secret);
            let answer = self
                .desk
                .upstream
                .send(target, key, &outgoing, connect)
                .await?;
            self.take(answer, books).await
        };
        let result = timeout_at(self.patience(), asked).await;
        let result = result.unwrap_or_else(|_| Err(self.too_late()));
        result.map_err(|failure| {
            let failure = target.card.conceal(failure);
            books.failed(&failure);
            failure
        })
    }

    /// Until when this attempt may take to its answer, or to the first delta of a stream.
    fn patience(&self) -> Instant {
        if !self.ask.outline.stream {
            return self.until;
        }
        let own = Instant::now() + self.timeouts.first_token.get();
        own.min(self.until)
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
