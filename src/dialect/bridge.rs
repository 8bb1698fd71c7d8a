//! Joins the two ends of one request: what the caller speaks and what the provider speaks.
//!
//! This is the only place where a lane is chosen. Where both ends speak the same dialect, requests and replies
//! are edited at their top level and events are forwarded as they came; else everything passes through the
//! canonical conversation.

use bytes::{Bytes, BytesMut};

use super::{
    Ask, Cleanliness, Dialect, Outgoing, StreamReader, StreamStyle, StreamWriter, Tidy, Work, of,
    openai, sse,
};
use crate::{
    catalog::Target,
    chat::{Content, Delta, Reply, Usage},
    outcome::{ErrorClass, Failure},
};

/// Writes what the caller asked as a request to `target`.
pub fn request(ask: &Ask, target: &Target) -> Result<Outgoing, Failure> {
    let provider = of(target.card.dialect);
    if ask.work == Work::Embeddings {
        return provider.forward_embeddings(ask.request(), target);
    }
    if same(ask.dialect, provider) {
        return provider.forward_request(ask.request(), target);
    }
    let conversation = ask.conversation().map_err(|malformed| Failure {
        param: malformed.param,
        ..Failure::new(ErrorClass::InvalidRequest, malformed.message)
    })?;
    provider.write_request(conversation, target)
}

/// Reads a whole reply of `target` and writes it for the caller. `now` is seconds since the Unix epoch.
pub fn reply(ask: &Ask, target: &Target, body: Bytes, now: u64) -> Result<Tidy, Failure> {
    let provider = of(target.card.dialect);
    if ask.work == Work::Embeddings {
        return openai::embeddings::tidy(body);
    }
    if same(ask.dialect, provider) {
        return provider.tidy_reply(body);
    }
    let reply = provider.read_reply(&body)?;
    Ok(Tidy {
        body: ask.dialect.write_reply(&reply, now),
        usage: reply.usage,
        answer_bytes: answer_bytes(&reply),
    })
}

fn same(left: &dyn Dialect, right: &dyn Dialect) -> bool {
    left.name() == right.name()
}

fn answer_bytes(reply: &Reply) -> u64 {
    let choice = |message: &crate::chat::Message| {
        let text = match &message.content {
            Content::Text(text) => text.len(),
            other => other.text().len(),
        };
        let calls: usize = message
            .tool_calls
            .iter()
            .map(|call| call.name.len() + call.arguments.len())
            .sum();
        text + calls + message.reasoning.as_deref().map_or(0, str::len)
    };
    reply
        .choices
        .iter()
        .map(|answer| choice(&answer.message) as u64)
        .sum()
}

/// One streamed reply on its way from provider to caller.
pub struct Stream {
    framer: sse::Framer,
    reader: Box<dyn StreamReader>,
    writer: Box<dyn StreamWriter>,
    same: bool,
    deltas: Vec<Delta>,
    notes: Notes,
}

/// What the books and the relay need to know of a stream so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// A delta of the answer itself was written: the commit point.
    pub meaningful: bool,
    /// What the answer cost in tokens, if the provider said.
    pub usage: Option<Usage>,
    /// Size of the answer's text and arguments so far, in bytes.
    pub answer_bytes: u64,
}

impl Stream {
    /// A stream at its start. `id` names the answer where the provider gives it no name; `now` is seconds
    /// since the Unix epoch.
    pub fn new(ask: &Ask, target: &Target, id: &str, now: u64) -> Self {
        let provider = of(target.card.dialect);
        let style = StreamStyle {
            include_usage: ask.outline.include_usage,
            now,
            model: target.model.to_string(),
            id: id.to_owned(),
        };
        Self {
            framer: sse::Framer::new(),
            reader: provider.stream_reader(),
            writer: ask.dialect.stream_writer(style),
            same: same(ask.dialect, provider),
            deltas: Vec::new(),
            notes: Notes::default(),
        }
    }

    /// Takes bytes from the provider and appends what the caller gets for them. After a failure nothing more
    /// may be pushed.
    pub fn push(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), Failure> {
        self.framer.push(bytes);
        while let Some(event) = self.framer.next_event().map_err(broken)? {
            if self.reader.is_done() {
                continue;
            }
            self.deltas.clear();
            let cleanliness = self.reader.read(&event, &mut self.deltas)?;
            let as_it_is =
                self.same && cleanliness == Cleanliness::Clean && self.writer.forward(&self.deltas);
            if as_it_is {
                out.extend_from_slice(event.raw);
            } else {
                self.deltas
                    .iter()
                    .for_each(|delta| self.writer.write(delta, out));
            }
            self.notes.take(&self.deltas);
        }
        Ok(())
    }

    /// The provider's bytes have ended: writes the proper end, or fails if the reply is not whole.
    pub fn end(&mut self, out: &mut BytesMut) -> Result<(), Failure> {
        self.deltas.clear();
        self.reader.end(&mut self.deltas)?;
        self.deltas
            .iter()
            .for_each(|delta| self.writer.write(delta, out));
        self.notes.take(&self.deltas);
        self.writer.finish(out);
        Ok(())
    }

    /// Writes an error as the last event.
    pub fn fail(&mut self, failure: &Failure, out: &mut BytesMut) {
        self.writer.fail(failure, out);
    }

    /// Whether the reply is whole: the provider's terminator was read.
    pub fn is_done(&self) -> bool {
        self.reader.is_done()
    }

    /// What is known so far.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }
}

impl Notes {
    fn take(&mut self, deltas: &[Delta]) {
        for delta in deltas {
            self.meaningful |= delta.is_meaningful();
            match delta {
                Delta::Text { text, .. }
                | Delta::Reasoning { text, .. }
                | Delta::Refusal { text, .. } => {
                    self.answer_bytes += text.len() as u64;
                }
                Delta::Arguments { fragment, .. } => self.answer_bytes += fragment.len() as u64,
                Delta::Usage(usage) => self.usage = Some(*usage),
                _ => {}
            }
        }
    }
}

fn broken(error: sse::Broken) -> Failure {
    Failure::new(
        ErrorClass::ServerError,
        format!("The provider's stream cannot be read: {error}"),
    )
}
