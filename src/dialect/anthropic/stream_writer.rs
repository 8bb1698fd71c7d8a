//! Writes a streamed reply as events of this dialect: blocks one after the other, each started and stopped
//! once, with dense numbers.
//!
//! Two things need patience. Calls that another provider streams side by side wait for the one before them to
//! be whole, since only one block is open at a time. And `message_delta` waits for the usage, which other
//! dialects tell after the end. Citations are left out, as in whole replies.

use std::{borrow::Cow, collections::VecDeque};

use bytes::BytesMut;
use serde::de::IgnoredAny;

use super::{
    arguments::to_input,
    error,
    events::{End, Event, Piece, Start},
    replay,
    usage::Written,
    wire::Block,
    write_reply::{message_id, stop_reason},
};
use crate::{
    chat::{Delta, Finish, ReasoningDetail, Usage},
    dialect::{StreamStyle, StreamWriter, sse},
    json::Object,
    outcome::Failure,
};

/// A stream on its way to a caller.
pub(super) struct Writer {
    style: StreamStyle,
    /// Events of a provider of this dialect are forwarded, so nothing is ours to write but the end.
    forwarding: bool,
    started: bool,
    open: Option<Open>,
    /// The number of the open block, or of the next one.
    index: u64,
    /// Calls that wait for the open one to be whole.
    waiting: VecDeque<Call>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    /// The `message_delta` went out.
    concluded: bool,
}

/// The block that is open.
enum Open {
    Text,
    Thinking,
    Call(Call),
}

/// A call and its arguments so far.
struct Call {
    call: u64,
    id: String,
    name: String,
    arguments: String,
}

impl Call {
    /// Whether the arguments are whole, so that no more can come.
    fn is_whole(&self) -> bool {
        self.arguments.trim_end().ends_with('}')
            && serde_json::from_str::<IgnoredAny>(&self.arguments).is_ok()
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, delta: &Delta, out: &mut BytesMut) {
        match delta {
            Delta::Usage(usage) => self.usage = Some(*usage),
            Delta::Finish { choice: 0, finish } if self.finish.is_none() => {
                self.end_blocks(out);
                self.finish = Some(*finish);
            }
            _ if self.forwarding || self.finish.is_some() => {}
            Delta::Start { id, model, .. } => self.begin(id, model, out),
            Delta::Text { choice: 0, text } | Delta::Refusal { choice: 0, text } => {
                self.say(text, out);
            }
            Delta::Reasoning { choice: 0, text } => self.think(text, out),
            Delta::ReasoningDetail { choice: 0, detail } => self.detail(detail, out),
            Delta::ToolCall {
                choice: 0,
                call,
                id,
                name,
            } => {
                let call = Call {
                    call: *call,
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                };
                self.call(call, out);
            }
            Delta::Arguments {
                choice: 0,
                call,
                fragment,
            } => self.argue(*call, fragment, out),
            // Citations, and answers after the first: callers of this dialect cannot ask for more.
            _ => {}
        }
        if self.finish.is_some() && self.usage.is_some() {
            self.conclude(out);
        }
    }

    fn forward(&mut self, deltas: &[Delta]) -> bool {
        if self.started && !self.forwarding {
            return false;
        }
        self.forwarding = true;
        self.started = true;
        let ends = |delta: &Delta| matches!(delta, Delta::Finish { .. });
        self.concluded |= deltas.iter().any(ends);
        true
    }

    fn take_over(&mut self, event: &[u8]) {
        // The provider's blocks before this event are whole: only one is open at a time.
        if std::mem::replace(&mut self.forwarding, false) {
            self.index = block(event).unwrap_or(self.index);
        }
    }

    fn finish(&mut self, out: &mut BytesMut) {
        self.end_blocks(out);
        self.conclude(out);
        Event::MessageStop.write(out);
    }

    fn fail(&mut self, failure: &Failure, out: &mut BytesMut) {
        out.extend_from_slice(b"event: error\ndata: ");
        out.extend_from_slice(&error::write(failure, None));
        out.extend_from_slice(b"\n\n");
    }
}

/// The number of the block an event is about.
fn block(event: &[u8]) -> Option<u64> {
    let mut framer = sse::Framer::new();
    framer.push(event);
    let event = framer.next_event().ok()??;
    Object::parse(event.data.as_bytes()).ok()?.peek("index")
}

impl Writer {
    pub(super) fn new(style: StreamStyle) -> Self {
        Self {
            style,
            forwarding: false,
            started: false,
            open: None,
            index: 0,
            waiting: VecDeque::new(),
            finish: None,
            usage: None,
            concluded: false,
        }
    }

    fn begin(&mut self, id: &str, model: &str, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let (own_id, own_model) = (&self.style.id, &self.style.model);
        let id = if id.is_empty() { own_id } else { id };
        let model = if model.is_empty() { own_model } else { model };
        let message = Start {
            id: message_id(id, self.style.now),
            kind: "message",
            role: "assistant",
            model,
            content: [],
            stop_reason: None,
            stop_sequence: None,
            usage: Written::of(self.usage.as_ref()),
        };
        Event::MessageStart { message }.write(out);
    }

    fn say(&mut self, text: &str, out: &mut BytesMut) {
        if text.is_empty() {
            return;
        }
        if !matches!(self.open, Some(Open::Text)) {
            self.start_block(Block::text(Cow::Borrowed("")), Open::Text, out);
        }
        self.piece(Piece::Text { text }, out);
    }

    fn think(&mut self, thinking: &str, out: &mut BytesMut) {
        if thinking.is_empty() {
            return;
        }
        self.open_thinking(out);
        self.piece(Piece::Thinking { thinking }, out);
    }

    fn open_thinking(&mut self, out: &mut BytesMut) {
        if !matches!(self.open, Some(Open::Thinking)) {
            let block = Block::Thinking {
                thinking: Cow::Borrowed(""),
                signature: "",
            };
            self.start_block(block, Open::Thinking, out);
        }
    }

    /// Writes what only details tell: signatures and sealed thoughts. Their text came as reasoning.
    fn detail(&mut self, detail: &ReasoningDetail, out: &mut BytesMut) {
        if !replay::is_ours(detail) {
            return;
        }
        if let Some(signature) = detail.signature.as_deref() {
            self.open_thinking(out);
            self.piece(Piece::Signature { signature }, out);
            self.stop_block(out);
        }
        if let Some(data) = detail.data.as_deref() {
            self.start_block(Block::RedactedThinking { data }, Open::Thinking, out);
            self.stop_block(out);
        }
    }

    fn call(&mut self, call: Call, out: &mut BytesMut) {
        match &self.open {
            Some(Open::Call(before)) if !before.is_whole() => self.waiting.push_back(call),
            _ => self.start_call(call, out),
        }
    }

    fn argue(&mut self, number: u64, fragment: &str, out: &mut BytesMut) {
        if let Some(call) = self.waiting.iter_mut().find(|call| call.call == number) {
            call.arguments.push_str(fragment);
            return;
        }
        if let Some(Open::Call(call)) = &mut self.open
            && call.call == number
            && !fragment.is_empty()
        {
            call.arguments.push_str(fragment);
            let partial_json = fragment;
            self.piece(Piece::Input { partial_json }, out);
            self.next_call(out);
        }
    }

    /// Lets waiting calls go on while the open one is whole.
    fn next_call(&mut self, out: &mut BytesMut) {
        while !self.waiting.is_empty()
            && matches!(&self.open, Some(Open::Call(call)) if call.is_whole())
            && let Some(call) = self.waiting.pop_front()
        {
            self.start_call(call, out);
        }
    }

    fn start_call(&mut self, call: Call, out: &mut BytesMut) {
        self.stop_block(out);
        self.begin("", "", out);
        let content_block = Block::ToolUse {
            id: Cow::Borrowed(&call.id),
            name: &call.name,
            input: to_input(""),
        };
        let index = self.index;
        Event::ContentBlockStart {
            index,
            content_block,
        }
        .write(out);
        if !call.arguments.is_empty() {
            let partial_json = &call.arguments;
            self.piece(Piece::Input { partial_json }, out);
        }
        self.open = Some(Open::Call(call));
    }

    fn start_block(&mut self, content_block: Block<'_>, open: Open, out: &mut BytesMut) {
        self.end_blocks(out);
        self.begin("", "", out);
        let index = self.index;
        Event::ContentBlockStart {
            index,
            content_block,
        }
        .write(out);
        self.open = Some(open);
    }

    fn piece(&self, delta: Piece<'_>, out: &mut BytesMut) {
        let index = self.index;
        Event::ContentBlockDelta { index, delta }.write(out);
    }

    fn stop_block(&mut self, out: &mut BytesMut) {
        if self.open.take().is_some() {
            let index = self.index;
            Event::ContentBlockStop { index }.write(out);
            self.index = index.saturating_add(1);
        }
    }

    /// Stops the open block, and writes the calls that waited for it: they get no more arguments.
    fn end_blocks(&mut self, out: &mut BytesMut) {
        self.stop_block(out);
        while let Some(call) = self.waiting.pop_front() {
            self.start_call(call, out);
        }
        self.stop_block(out);
    }

    fn conclude(&mut self, out: &mut BytesMut) {
        if std::mem::replace(&mut self.concluded, true) {
            return;
        }
        self.begin("", "", out);
        let delta = End {
            stop_reason: stop_reason(self.finish.unwrap_or(Finish::Stop)),
            stop_sequence: None,
        };
        let usage = Written::of(self.usage.as_ref());
        Event::MessageDelta { delta, usage }.write(out);
    }
}
