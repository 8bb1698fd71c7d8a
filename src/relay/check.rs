//! The check of one request's answers: what it must keep, and what is done with an answer that does not.
//!
//! Whole answers are checked before the caller gets them. Of streams only what needs it is held back; if something
//! else has gone out already, an answer that is none ends with an error event.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::{
    Books,
    validate::{self, Expected, Fault, Verdict},
};
use crate::{
    catalog::Target,
    chat::{Answer, Request, Shape},
    dialect::{
        Ask, Tidy, Work,
        bridge::{self, Watch},
    },
    outcome::Failure,
    policy::Answers,
    schema::Schemas,
};

/// What is checked of the answers to one request.
#[derive(Debug)]
pub(super) struct Check {
    expected: Expected,
    policy: Answers,
}

/// An answer that is none.
pub(super) struct Bad {
    pub(super) failure: Failure,
    /// The request with what was wrong, where the model may be asked once more.
    pub(super) again: Option<Box<Request>>,
}

impl From<Failure> for Bad {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            again: None,
        }
    }
}

impl Check {
    /// What is checked of the answers to `ask`; nothing where the route says so, and of vectors.
    pub(super) fn of(ask: &Ask, policy: Answers, schemas: &Arc<Schemas>) -> Option<Self> {
        if !policy.check || ask.work == Work::Embeddings {
            return None;
        }
        let outline = &ask.outline;
        let more = outline.needs.tools || outline.shape != Shape::Text;
        // A conversation that cannot be read is the provider's to refuse.
        let conversation = more.then(|| ask.conversation().ok()).flatten();
        let expected = conversation
            .and_then(|conversation| Expected::of(conversation, schemas, policy))
            .unwrap_or_else(|| Expected::something(schemas));
        Some(Self { expected, policy })
    }

    /// How much of a stream is held back for it.
    pub(super) fn watch(&self) -> Watch {
        self.expected.watch()
    }

    /// Reads a whole answer of `target` and checks it.
    pub(super) fn whole(
        &self,
        ask: &Ask,
        target: &Target,
        body: Bytes,
        now: u64,
        books: &mut Books,
    ) -> Result<Tidy, Bad> {
        let mut whole = bridge::Whole::read(ask, target, body, now)?;
        if !whole.is_silent() && !self.expected.wants_more() {
            return Ok(whole.into_tidy());
        }
        let answers = whole.answers()?;
        match self.judge(ask, &answers, books) {
            Ok(None) => {}
            Ok(Some(fixes)) => whole.fix(&fixes)?,
            Err(bad) => {
                // It is paid for, and wasted.
                let tidy = whole.into_tidy();
                books.note(tidy.usage, tidy.answer_bytes);
                return Err(bad);
            }
        }
        Ok(whole.into_tidy())
    }

    /// Checks a stream that has ended, and writes what was held back of it.
    pub(super) fn stream(
        &self,
        ask: &Ask,
        stream: &mut bridge::Stream,
        out: &mut BytesMut,
        books: &mut Books,
    ) -> Result<(), Bad> {
        let spoke = stream.notes().begun && !self.expected.wants_more();
        if spoke {
            return Ok(());
        }
        match self.judge(ask, stream.collected(), books)? {
            None => stream.release(out),
            Some(fixes) => stream.rewrite(&fixes, out),
        }
        Ok(())
    }

    /// The fixes an answer needs, if any; the verdict is on the books.
    fn judge(
        &self,
        ask: &Ask,
        answers: &[Answer],
        books: &mut Books,
    ) -> Result<Option<Vec<crate::chat::Fix>>, Bad> {
        match validate::check(&self.expected, answers) {
            Verdict::Pass => {
                books.judged(true, "pass");
                Ok(None)
            }
            Verdict::Repaired(fixes) => {
                books.judged(true, "repaired");
                Ok(Some(fixes))
            }
            Verdict::Invalid(fault) => {
                books.judged(false, fault.kind.label());
                Err(Bad {
                    failure: fault.failure(),
                    again: self.again(ask, answers, &fault),
                })
            }
        }
    }

    fn again(&self, ask: &Ask, answers: &[Answer], fault: &Fault) -> Option<Box<Request>> {
        let conversation = self.policy.reask.then(|| ask.conversation().ok())??;
        Some(Box::new(validate::reask(conversation, answers, fault)))
    }
}
