//! Reads a streamed reply, chunk by chunk, and judges whether a chunk can be forwarded as it stands.
//!
//! Clean means: an OpenAI client that gets the very bytes understands exactly the deltas read from them. So
//! everything that servers do otherwise — usage beside choices, a second finish, calls without an index, other
//! spellings of reasoning — makes a chunk one that is written anew. An answer is whole only if each choice
//! finished and the terminator came, or in its place the usage.

use super::{
    citations::Sources,
    error, finish,
    stream_choice::State,
    usage,
    wire::{Answer, Choice},
};
use crate::{
    chat::{Delta, Usage},
    dialect::{Cleanliness, StreamReader, sse},
    json::Object,
    outcome::{ErrorClass, Failure},
};

/// No stream has more choices: OpenAI allows 128.
const MOST_CHOICES: usize = 128;

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    started: bool,
    done: bool,
    id: String,
    choices: Vec<State>,
    /// The usage, held until the end.
    usage: Option<Usage>,
    usage_sent: bool,
    sources: Option<Sources>,
}

impl StreamReader for Reader {
    fn read(
        &mut self,
        event: &sse::Event<'_>,
        deltas: &mut Vec<Delta>,
    ) -> Result<Cleanliness, Failure> {
        let data = event.data.trim();
        if data == "[DONE]" {
            self.terminate(deltas)?;
            return Ok(Cleanliness::Rewrite);
        }
        if event.name == "error" {
            return Err(error::event(data));
        }
        if data.is_empty() {
            return Ok(Cleanliness::Rewrite);
        }
        let answer = chunk(data)?;
        let failure = error::inside(answer.error).or_else(|| error::base_resp(answer.base_resp));
        if let Some(failure) = failure {
            return Err(failure);
        }
        let clean = event.name.is_empty() & self.answer(&answer, deltas)?;
        Ok(if clean {
            Cleanliness::Clean
        } else {
            Cleanliness::Rewrite
        })
    }

    fn end(&mut self, deltas: &mut Vec<Delta>) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        if self.usage.is_none() && !self.usage_sent {
            return Err(cut());
        }
        // Only the terminator is missing.
        self.terminate(deltas)
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl Reader {
    fn answer(&mut self, answer: &Answer<'_>, deltas: &mut Vec<Delta>) -> Result<bool, Failure> {
        let wrapped = answer.x_groq.and_then(|extras| Object::of(extras).ok());
        if let Some(usage) = wrapped
            .as_ref()
            .and_then(|extras| usage::read(extras.get("usage")?))
        {
            self.usage = Some(usage);
        }
        let usage = answer.usage.and_then(usage::tidy);
        let choices = answer.choices.as_deref().unwrap_or_default();
        if choices.is_empty() {
            let Some((usage, put_right)) = usage else {
                return Ok(false);
            };
            let in_place = self.is_complete() && !self.usage_sent;
            if in_place {
                self.usage_sent = true;
                deltas.push(Delta::Usage(usage));
            }
            self.usage = Some(usage);
            return Ok(in_place && put_right.is_none() && self.is_well_named(answer));
        }
        let mut clean = usage.is_none();
        self.usage = usage.map(|(usage, _)| usage).or(self.usage);
        let first = !self.started;
        if first {
            self.start(answer, deltas);
        }
        clean &= self.is_well_named(answer);
        for (at, choice) in choices.iter().enumerate() {
            clean &= self.choice(first, at, choice, deltas)?;
        }
        Ok(clean)
    }

    fn start(&mut self, answer: &Answer<'_>, deltas: &mut Vec<Delta>) {
        self.started = true;
        self.id = answer.id.get().to_owned();
        self.sources = Sources::read(answer.citations, answer.search_results);
        deltas.push(Delta::Start {
            id: self.id.clone(),
            model: answer.model.get().to_owned(),
            created: answer.created.0,
        });
    }

    fn is_well_named(&self, answer: &Answer<'_>) -> bool {
        !self.id.is_empty()
            && answer.id.get() == self.id
            && !answer.model.is_empty()
            && answer.created.0.is_some()
            && answer.object.get() == "chat.completion.chunk"
    }

    fn choice(
        &mut self,
        first: bool,
        at: usize,
        choice: &Choice<'_>,
        deltas: &mut Vec<Delta>,
    ) -> Result<bool, Failure> {
        if let Some(usage) = choice.usage.and_then(usage::read) {
            self.usage = Some(usage);
        }
        let mut clean =
            choice.index.0.is_some() && choice.usage.is_none() && choice.message.is_none();
        let index = choice.index.0.unwrap_or(at as u64);
        let known = self.choices.iter().position(|state| state.index == index);
        let position = match known {
            Some(position) => position,
            None if self.choices.len() == MOST_CHOICES => return Err(cut()),
            None => {
                self.choices.push(State::new(index));
                self.choices.len() - 1
            }
        };
        let state = &mut self.choices[position];
        if state.finished {
            return Ok(false);
        }
        let begins = known.is_none();
        // The first chunk gives choice 0 its role; other choices get theirs from the writer, which counts.
        clean &= !begins || (first && index == 0);
        if let Some(delta) = choice.delta.as_ref().or(choice.message.as_ref()) {
            clean &= delta.role.get() == if begins { "assistant" } else { "" };
            clean &= state.delta(&self.id, delta, self.sources.is_some(), deltas)?;
        } else {
            clean &= !begins;
        }
        match finish::read(choice.finish_reason.get())? {
            Some(finish) => {
                let finish = finish::settled(Some(finish), !state.calls.is_empty());
                clean &= finish.name() == choice.finish_reason.get();
                clean &= !state.finish(finish, self.sources.as_ref(), deltas);
            }
            None if choice.finish_reason.0.is_some() => {
                state.blank_finish = true;
                clean = false;
            }
            None => {}
        }
        Ok(clean)
    }

    fn is_complete(&self) -> bool {
        self.started && self.choices.iter().all(|state| state.finished)
    }

    /// Ends the answer, if it is whole.
    fn terminate(&mut self, deltas: &mut Vec<Delta>) -> Result<(), Failure> {
        for state in &mut self.choices {
            if state.blank_finish && !state.finished {
                let finish = finish::settled(None, !state.calls.is_empty());
                state.finish(finish, self.sources.as_ref(), deltas);
            }
        }
        if !self.is_complete() {
            return Err(cut());
        }
        self.done = true;
        if let Some(usage) = self.usage.filter(|_| !self.usage_sent) {
            self.usage_sent = true;
            deltas.push(Delta::Usage(usage));
        }
        Ok(())
    }
}

fn chunk(data: &str) -> Result<Answer<'_>, Failure> {
    let object = Some(data).filter(|data| data.starts_with('{'));
    let answer = object.and_then(|data| serde_json::from_str(data).ok());
    answer.ok_or_else(|| {
        let message = "The provider's stream holds an event that is no completion chunk";
        Failure::new(ErrorClass::ServerError, message)
    })
}

fn cut() -> Failure {
    Failure::new(
        ErrorClass::ServerError,
        "The provider's stream ended before the answer was complete",
    )
}
