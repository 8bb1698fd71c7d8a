//! What of a stream is held back until its answers are whole, and what they say.

use crate::{
    chat::{Answer, Delta, Fix, Place, ToolCall},
    json::Object,
    outcome::{ErrorClass, Failure},
};

/// The most of a stream that is held back, in bytes as the provider sent them. The longest outputs models are
/// sold with are 128,000 tokens: half a megabyte of text, and some ten times that with an event for each token is
/// not held by anybody.
pub const MAX_HELD: usize = 4 * 1024 * 1024;

/// How much of a stream is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Nothing: only whether something is said is of interest.
    Silence,
    /// From the first tool call on; text before it flows.
    Calls,
    /// All of it, because its text is worth nothing until it is whole.
    Everything,
}

/// A stream that is watched.
pub(super) struct Hold {
    watch: Watch,
    held: Vec<Held>,
    bytes: usize,
    answers: Vec<Answer>,
    /// What is held has gone out: nothing is held any more.
    released: bool,
}

/// One event that is held back.
pub(super) struct Held {
    /// Its bytes, where they may be forwarded as they are.
    pub(super) raw: Option<Box<[u8]>>,
    /// What it says.
    pub(super) deltas: Vec<Delta>,
}

impl Hold {
    pub(super) fn new(watch: Watch) -> Self {
        Self {
            watch,
            held: Vec::new(),
            bytes: 0,
            answers: Vec::new(),
            released: false,
        }
    }

    /// Takes note of what an event says. Tells whether the event is to be held back.
    pub(super) fn note(&mut self, deltas: &[Delta]) -> bool {
        let calls = |delta: &Delta| matches!(delta, Delta::ToolCall { .. });
        let held = !self.released
            && match self.watch {
                Watch::Silence => false,
                Watch::Calls => !self.held.is_empty() || deltas.iter().any(calls),
                Watch::Everything => true,
            };
        deltas.iter().for_each(|delta| self.collect(delta));
        held
    }

    /// Holds an event back. `size` is its size in bytes.
    pub(super) fn hold(&mut self, held: Held, size: usize) -> Result<(), Failure> {
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MAX_HELD {
            self.held.clear();
            let message =
                format!("The provider's answer is over the {MAX_HELD} bytes that can be checked");
            return Err(Failure::new(ErrorClass::InvalidAnswer, message));
        }
        self.held.push(held);
        Ok(())
    }

    /// Whether something is held back.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives what is held back. From here on nothing is.
    pub(super) fn release(&mut self) -> Vec<Held> {
        self.released = true;
        self.bytes = 0;
        std::mem::take(&mut self.held)
    }

    /// The answers so far.
    pub(super) fn answers(&self) -> &[Answer] {
        &self.answers
    }

    fn collect(&mut self, delta: &Delta) {
        let keeps_text = self.watch == Watch::Everything;
        let keeps_calls = self.watch != Watch::Silence;
        match delta {
            Delta::Text { choice, text } => {
                let answer = self.answer(*choice);
                answer.spoke = true;
                if keeps_text {
                    answer.text.push_str(text);
                }
            }
            Delta::Other { choice } => self.answer(*choice).spoke = true,
            Delta::Refusal { choice, .. } => self.answer(*choice).refused = true,
            Delta::ToolCall {
                choice, id, name, ..
            } => {
                let call = ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                    extra: Object::new(),
                };
                self.answer(*choice).calls.push(call);
            }
            Delta::Arguments {
                choice,
                call,
                fragment,
            } if keeps_calls => {
                // Calls are counted from 0 without gaps.
                if let Some(call) = self.answer(*choice).calls.get_mut(*call as usize) {
                    call.arguments.push_str(fragment);
                }
            }
            Delta::Finish { choice, finish } => self.answer(*choice).finish = Some(*finish),
            _ => {}
        }
    }

    fn answer(&mut self, choice: u64) -> &mut Answer {
        let known = self
            .answers
            .iter()
            .position(|answer| answer.choice == choice);
        let at = known.unwrap_or_else(|| {
            self.answers.push(Answer {
                choice,
                ..Answer::default()
            });
            self.answers.len() - 1
        });
        &mut self.answers[at]
    }
}

/// Deltas with their fixes: the first piece of a text that is replaced says all of it, the others nothing.
pub(super) struct Rewrite<'a> {
    fixes: &'a [Fix],
    said: Vec<(u64, Place)>,
}

impl<'a> Rewrite<'a> {
    pub(super) fn new(fixes: &'a [Fix]) -> Self {
        Self {
            fixes,
            said: Vec::new(),
        }
    }

    /// The delta as it is to be written, if it is.
    pub(super) fn delta(&mut self, delta: Delta) -> Option<Delta> {
        match delta {
            Delta::Text { choice, text } => {
                let text = self.replaced(choice, Place::Text, text)?;
                Some(Delta::Text { choice, text })
            }
            Delta::Arguments {
                choice,
                call,
                fragment,
            } => {
                let fragment = self.replaced(choice, Place::Arguments(call), fragment)?;
                Some(Delta::Arguments {
                    choice,
                    call,
                    fragment,
                })
            }
            // Their places in the text are no longer true.
            Delta::Annotation { choice, .. }
                if Fix::find(self.fixes, choice, Place::Text).is_some() =>
            {
                None
            }
            other => Some(other),
        }
    }

    fn replaced(&mut self, choice: u64, place: Place, piece: String) -> Option<String> {
        let Some(fix) = Fix::find(self.fixes, choice, place) else {
            return Some(piece);
        };
        if self.said.contains(&(choice, place)) {
            return None;
        }
        self.said.push((choice, place));
        Some(fix.text.clone())
    }
}
