//! A streamed answer behind its first delta: from here on there is no other attempt.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Answered, Books, Summary, attempt::Opened, check::Check};
use crate::{
    catalog::Target,
    dialect::{Ask, bridge},
    outcome::{ErrorClass, Failure},
    upstream::Body,
};

/// How long a provider gets to end its body behind its terminator, so that the connection can be used again.
const PARTING: Duration = Duration::from_millis(100);

/// The rest of a stream. Dropping it cancels the attempt and closes the books as abandoned.
pub struct Flow {
    target: Arc<Target>,
    stream: bridge::Stream,
    body: Body,
    books: Books,
    /// How the answer came about, as far as is known by now.
    summary: Summary,
    ask: Ask,
    /// What is checked of the answer; what of it is held back is checked at its end.
    check: Option<Check>,
    ready: BytesMut,
    state: State,
    /// How long the provider may be silent while we wait for it. Comments are silence.
    idle: Duration,
    silent_since: Instant,
    /// The caller had bytes to take since we last waited: what passed until it came back is no silence.
    delivered: bool,
    deadline: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Flowing,
    /// Everything was said; the provider has not ended its body yet.
    Parting,
    Over,
}

/// The gateway must close before an answer is complete.
pub fn shutting_down() -> Failure {
    let message = "The gateway is shutting down before the answer is complete";
    Failure::new(ErrorClass::Overloaded, message)
}

impl Flow {
    pub(super) fn begin(
        opened: Opened,
        books: Books,
        ask: Ask,
        check: Option<Check>,
        idle: Duration,
        deadline: Instant,
    ) -> Answered {
        let summary = books.summary();
        let mut flow = Self {
            target: opened.target,
            stream: opened.stream,
            body: opened.body,
            books,
            summary: summary.clone(),
            ask,
            check,
            ready: opened.held,
            state: State::Flowing,
            idle,
            silent_since: Instant::now(),
            delivered: false,
            deadline,
        };
        if opened.whole {
            flow.summary = flow.books.deliver();
            flow.state = if opened.ended {
                State::Over
            } else {
                State::Parting
            };
        } else if flow.stream.is_done() {
            flow.settle(Ok(true));
        }
        Answered::Stream(Box::new(flow), summary)
    }

    /// The next bytes for the caller; `None` at the end. After a failure the last bytes are an error event.
    pub async fn next(&mut self) -> Option<Bytes> {
        if std::mem::take(&mut self.delivered) {
            self.silent_since = Instant::now();
        }
        loop {
            if !self.ready.is_empty() {
                self.delivered = true;
                return Some(self.ready.split().freeze());
            }
            match self.state {
                State::Over => return None,
                State::Parting => {
                    // Whether the body ends in time or not, the caller has everything.
                    let _ = timeout(PARTING, self.body.chunk()).await;
                    self.state = State::Over;
                }
                State::Flowing => {
                    let step = self.step().await;
                    self.settle(step);
                }
            }
        }
    }

    /// How the answer came about; its usage and cost are known at its end.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Ends the stream because the gateway must close: an error event, unless everything was said already.
    pub fn interrupt(&mut self) -> Option<Bytes> {
        if self.state == State::Flowing {
            self.settle(Err(shutting_down()));
        }
        self.state = State::Over;
        (!self.ready.is_empty()).then(|| self.ready.split().freeze())
    }

    /// Takes the provider's next bytes. Tells whether the reply is whole.
    async fn step(&mut self) -> Result<bool, Failure> {
        let silent_until = self.silent_since + self.idle;
        let until = silent_until.min(self.deadline);
        let chunk = timeout_at(until, self.body.chunk()).await;
        match chunk.map_err(|_| self.too_late(until))?? {
            Some(bytes) => {
                self.stream.push(&bytes, &mut self.ready)?;
                Ok(self.stream.is_done())
            }
            None => {
                self.state = State::Over;
                Ok(true)
            }
        }
    }

    /// Brings the books up to date, and closes them when the stream is over.
    fn settle(&mut self, step: Result<bool, Failure>) {
        let whole = step.and_then(|whole| {
            if whole {
                self.stream.end(&mut self.ready)?;
                self.check()?;
            }
            Ok(whole)
        });
        let notes = self.stream.notes();
        self.books.note(notes.usage, notes.answer_bytes);
        match whole {
            Ok(false) => {}
            Ok(true) => {
                self.summary = self.books.deliver();
                if self.state == State::Flowing {
                    self.state = State::Parting;
                }
            }
            Err(failure) => {
                let failure = self.target.card.conceal(failure);
                self.stream.fail(&failure, &mut self.ready);
                self.books.failed(&failure);
                self.books.close_failed(failure.class);
                self.state = State::Over;
            }
        }
    }

    /// Checks what was held back, and lets it go. What has gone out before cannot be taken back, so an answer that
    /// is none ends as a failure.
    fn check(&mut self) -> Result<(), Failure> {
        let Some(check) = &self.check else {
            return Ok(());
        };
        let checked = check.stream(
            &self.ask,
            &mut self.stream,
            &mut self.ready,
            &mut self.books,
        );
        checked.map_err(|bad| bad.failure)
    }

    fn too_late(&self, until: Instant) -> Failure {
        let message = if until == self.deadline {
            "The answer took longer than the request's deadline allows"
        } else {
            "The provider went silent in the middle of its answer"
        };
        Failure::new(ErrorClass::Timeout, message)
    }
}
