//! A whole reply that is looked at before the caller gets it.

use bytes::Bytes;

use super::{same, translated};
use crate::{
    catalog::Target,
    chat::{Answer, Fix, Reply},
    dialect::{Ask, Dialect, Tidy, of},
    outcome::{ErrorClass, Failure},
};

/// A whole reply to a completion, ready for the caller, and what it says for who wants to judge it.
///
/// Where both ends speak the same dialect it is read no further than [`super::reply`] reads it until somebody asks
/// for its answers, and its bytes stay the provider's until something is put right.
pub struct Whole<'a> {
    ask: &'a Ask,
    provider: &'static dyn Dialect,
    now: u64,
    tidy: Tidy,
    /// The reply in the canonical form, where the way to the caller led through it.
    reply: Option<Reply>,
}

impl<'a> Whole<'a> {
    /// Reads a reply of `target`. `now` is seconds since the Unix epoch.
    pub fn read(ask: &'a Ask, target: &Target, body: Bytes, now: u64) -> Result<Self, Failure> {
        let provider = of(target.card.dialect);
        let (tidy, reply) = if same(ask.dialect, provider) {
            (provider.tidy_reply(body)?, None)
        } else {
            let reply = provider.read_reply(&body)?;
            (translated(ask, &reply, now), Some(reply))
        };
        Ok(Self {
            ask,
            provider,
            now,
            tidy,
            reply,
        })
    }

    /// Whether an answer says nothing, as far as can be seen without reading the answers. When it is not so, all
    /// of them say something.
    pub fn is_silent(&self) -> bool {
        self.tidy.silent
    }

    /// What the answers say.
    pub fn answers(&self) -> Result<Vec<Answer>, Failure> {
        let mut answers = match &self.reply {
            Some(reply) => reply.answers(),
            None => self.provider.read_reply(&self.tidy.body)?.answers(),
        };
        // They may say it in a form that only their own dialect has.
        answers
            .iter_mut()
            .for_each(|answer| answer.spoke |= !self.tidy.silent);
        Ok(answers)
    }

    /// Puts the answers right.
    pub fn fix(&mut self, fixes: &[Fix]) -> Result<(), Failure> {
        match &mut self.reply {
            Some(reply) => {
                reply.fix(fixes);
                self.tidy = translated(self.ask, reply, self.now);
            }
            None => {
                let mended = self.provider.mend_reply(&self.tidy.body, fixes);
                self.tidy.body = mended.ok_or_else(|| {
                    let message = "The provider's answer cannot be put right";
                    Failure::new(ErrorClass::InvalidAnswer, message)
                })?;
            }
        }
        Ok(())
    }

    /// What the caller gets.
    pub fn into_tidy(self) -> Tidy {
        self.tidy
    }
}
