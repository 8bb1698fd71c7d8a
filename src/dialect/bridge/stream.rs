//! A streamed reply on its way from provider to caller.
//!
//! Usually each event goes on as it comes. A stream that is watched ([`Stream::with_check`]) is held back from a
//! certain event on, because what it says can be judged only when it is whole; then somebody decides:
//!
//! ```text
//! let mut stream = Stream::new(…).with_check(watch);
//! // push, push, push … until the provider has ended or `is_done`
//! stream.end(&mut out)?;
//! match judge(stream.collected()) {
//!     good => stream.release(&mut out),          // byte for byte what came
//!     mended(fixes) => stream.rewrite(&fixes, &mut out),
//!     bad if !stream.notes().meaningful => …,    // nothing went out: another target may be asked
//!     bad => stream.fail(&failure, &mut out),
//! }
//! ```

use bytes::BytesMut;

use super::{
    hold::{Held, Hold, Rewrite, Watch},
    same,
};
use crate::{
    catalog::Target,
    chat::{Answer, Delta, Fix, Usage},
    dialect::{Ask, Cleanliness, StreamReader, StreamStyle, StreamWriter, of, sse},
    outcome::{ErrorClass, Failure},
};

/// One streamed reply on its way from provider to caller.
pub struct Stream {
    framer: sse::Framer,
    reader: Box<dyn StreamReader>,
    writer: Box<dyn StreamWriter>,
    same: bool,
    deltas: Vec<Delta>,
    notes: Notes,
    /// Boxed, because most streams are not held and all are moved about.
    hold: Option<Box<Hold>>,
    /// The provider's bytes have ended while something was held back: its end is still to be written.
    end_is_due: bool,
}

/// What the books and the relay need to know of a stream so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// A delta of the answer came from the provider, whether it was held back or not.
    pub begun: bool,
    /// A delta of the answer was written: the commit point.
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
            hold: None,
            end_is_due: false,
        }
    }

    /// The same stream, watched.
    pub fn with_check(self, watch: Watch) -> Self {
        Self {
            hold: Some(Box::new(Hold::new(watch))),
            ..self
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
            self.notes.take(&self.deltas);
            let clean = self.same && cleanliness == Cleanliness::Clean;
            let raw = clean.then_some(event.raw);
            if let Some(hold) = &mut self.hold
                && hold.note(&self.deltas)
            {
                let held = Held {
                    raw: raw.map(Box::from),
                    deltas: std::mem::take(&mut self.deltas),
                };
                hold.hold(held, event.raw.len())?;
                continue;
            }
            write(&mut *self.writer, raw, &self.deltas, out);
            self.notes.commit(&self.deltas);
        }
        Ok(())
    }

    /// The provider's bytes have ended: writes the proper end, or fails if the reply is not whole. Where something
    /// is held back, [`Stream::release`] or [`Stream::rewrite`] writes the end.
    pub fn end(&mut self, out: &mut BytesMut) -> Result<(), Failure> {
        let mut deltas = Vec::new();
        self.reader.end(&mut deltas)?;
        self.notes.take(&deltas);
        if let Some(hold) = &mut self.hold {
            let held = hold.note(&deltas) || hold.is_holding();
            if held {
                self.end_is_due = true;
                return hold.hold(Held { raw: None, deltas }, 0);
            }
        }
        write(&mut *self.writer, None, &deltas, out);
        self.notes.commit(&deltas);
        self.writer.finish(out);
        Ok(())
    }

    /// Whether a part of the stream is held back, for its answers to be judged when it has ended.
    pub fn holding(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.is_holding())
    }

    /// What the answers say so far; nothing where the stream is not watched.
    pub fn collected(&self) -> &[Answer] {
        self.hold.as_ref().map_or(&[], |hold| hold.answers())
    }

    /// Lets what was held back go on, just as if it had not been.
    pub fn release(&mut self, out: &mut BytesMut) {
        for Held { raw, deltas } in self.take_held() {
            write(&mut *self.writer, raw.as_deref(), &deltas, out);
            self.notes.commit(&deltas);
        }
        self.finish_if_due(out);
    }

    /// Writes what was held back anew, with its fixes.
    pub fn rewrite(&mut self, fixes: &[Fix], out: &mut BytesMut) {
        let held = self.take_held();
        if let Some(raw) = held.iter().find_map(|held| held.raw.as_deref()) {
            self.writer.take_over(raw);
        }
        let mut rewrite = Rewrite::new(fixes);
        for delta in held.into_iter().flat_map(|held| held.deltas) {
            if let Some(delta) = rewrite.delta(delta) {
                self.writer.write(&delta, out);
                self.notes.commit(std::slice::from_ref(&delta));
            }
        }
        self.finish_if_due(out);
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

    fn take_held(&mut self) -> Vec<Held> {
        let hold = self.hold.as_mut();
        hold.map_or_else(Vec::new, |hold| hold.release())
    }

    fn finish_if_due(&mut self, out: &mut BytesMut) {
        if std::mem::take(&mut self.end_is_due) {
            self.writer.finish(out);
        }
    }
}

/// Writes one event: as it came where that says the same, else from its deltas.
fn write(writer: &mut dyn StreamWriter, raw: Option<&[u8]>, deltas: &[Delta], out: &mut BytesMut) {
    match raw {
        Some(raw) if writer.forward(deltas) => out.extend_from_slice(raw),
        _ => deltas.iter().for_each(|delta| writer.write(delta, out)),
    }
}

impl Notes {
    fn take(&mut self, deltas: &[Delta]) {
        for delta in deltas {
            self.begun |= delta.is_meaningful();
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

    fn commit(&mut self, deltas: &[Delta]) {
        self.meaningful |= deltas.iter().any(Delta::is_meaningful);
    }
}

fn broken(error: sse::Broken) -> Failure {
    Failure::new(
        ErrorClass::ServerError,
        format!("The provider's stream cannot be read: {error}"),
    )
}
