//! A streamed answer: OpenAI's events, put into time, up to where a fault strikes.

use bytes::Bytes;

use super::{
    Run, Script, Step,
    ask::Ask,
    dice::{Dice, Use},
    pace::{self, Pace},
    prose,
    turn::Answer,
    wire::{Body, Choice, Function, Message, ToolCall, Usage, headers, usage},
};
use crate::{catalog::Fault, json};

/// The content type of a stream.
pub(super) const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// Most tokens in one event. Providers bundle a few when they are fast.
const MOST_IN_EVENT: u64 = 4;

/// One event of a stream, on the wire.
pub(super) fn event(data: &str) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// One event before it has a time.
struct Event {
    bytes: Bytes,
    /// How many tokens it brings.
    tokens: u64,
    /// Whether it ends something: an answer, or the stream.
    closing: bool,
}

/// The script of these answers as a stream.
pub(super) fn script(run: &Run<'_>, ask: &Ask, answers: &[Answer], fault: Fault) -> Script {
    let mut writer = Writer {
        id: run.id("chatcmpl"),
        now: run.now,
        model: &ask.model,
        with_usage: ask.include_usage && fault != Fault::NoUsage,
        dice: run.dice(Use::Chunks),
        events: Vec::new(),
    };
    for (index, answer) in answers.iter().enumerate() {
        writer.answer(index, answer);
    }
    if writer.with_usage {
        let usage = usage(ask, answers);
        writer.push(Vec::new(), Some(usage), 0, true);
    }
    let mut events = writer.events;
    events.push(Event {
        bytes: event("[DONE]"),
        tokens: 0,
        closing: true,
    });
    Script {
        delay: pace::beginning(run, fault),
        status: 200,
        headers: headers(run, EVENT_STREAM),
        body: steps(run, events, fault, ask.directives.stall),
    }
}

struct Writer<'a> {
    id: String,
    now: u64,
    model: &'a str,
    with_usage: bool,
    dice: Dice,
    events: Vec<Event>,
}

impl Writer<'_> {
    fn answer(&mut self, index: usize, answer: &Answer) {
        let start = Message {
            role: Some("assistant"),
            // OpenAI opens a text with an empty one, and calls with none.
            content: Some(answer.text.as_ref().map(|_| "")),
            refusal: Some(None),
            ..Message::default()
        };
        self.delta(index, start, None, 0);
        for (piece, tokens) in self.pieces(answer.text.as_deref().unwrap_or_default()) {
            let text = Message {
                content: Some(Some(piece)),
                ..Message::default()
            };
            self.delta(index, text, None, tokens);
        }
        for (at, call) in answer.calls.iter().enumerate() {
            let begin = ToolCall {
                index: Some(at),
                id: Some(&call.id),
                r#type: Some("function"),
                function: Function {
                    name: Some(&call.name),
                    arguments: "",
                },
            };
            self.call(index, begin, prose::count(&call.name));
            for (piece, tokens) in self.pieces(&call.arguments) {
                let more = ToolCall {
                    index: Some(at),
                    id: None,
                    r#type: None,
                    function: Function {
                        name: None,
                        arguments: piece,
                    },
                };
                self.call(index, more, tokens);
            }
        }
        self.delta(index, Message::default(), Some(answer.finish.name()), 0);
    }

    /// A text in pieces of a few tokens: the first alone, since it is the one that is waited for.
    fn pieces<'t>(&mut self, text: &'t str) -> Vec<(&'t str, u64)> {
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut most = 1;
        while !rest.is_empty() {
            let piece = prose::head(rest, most);
            pieces.push((piece, prose::count(piece)));
            rest = rest.get(piece.len()..).unwrap_or_default();
            most = 1 + self.dice.below(MOST_IN_EVENT);
        }
        pieces
    }

    fn call(&mut self, index: usize, call: ToolCall<'_>, tokens: u64) {
        let message = Message {
            tool_calls: vec![call],
            ..Message::default()
        };
        self.delta(index, message, None, tokens);
    }

    fn delta(
        &mut self,
        index: usize,
        delta: Message<'_>,
        finish_reason: Option<&'static str>,
        tokens: u64,
    ) {
        let choice = Choice {
            index,
            message: None,
            delta: Some(delta),
            logprobs: None,
            finish_reason,
        };
        self.push(vec![choice], None, tokens, finish_reason.is_some());
    }

    fn push(&mut self, choices: Vec<Choice<'_>>, usage: Option<Usage>, tokens: u64, closing: bool) {
        let body = Body {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.now,
            model: self.model,
            choices,
            usage: self.with_usage.then_some(usage),
            system_fingerprint: "simulated",
        };
        self.events.push(Event {
            bytes: event(json::raw(&body).get()),
            tokens,
            closing,
        });
    }
}

/// Puts the events into time, up to where the fault strikes.
fn steps(run: &Run<'_>, mut events: Vec<Event>, fault: Fault, stall: bool) -> Vec<Step> {
    let mut end = None;
    if fault == Fault::NoTerminator {
        events.retain(|event| !event.closing);
    } else if fault == Fault::Cut || stall {
        // A few events of the first answer, and on a cut half of the next one.
        let open = events.iter().take_while(|event| !event.closing).count();
        let few = 3 + run.dice(Use::Chunks).below(3);
        let kept = open.min(usize::try_from(few).unwrap_or(open));
        events.truncate(kept + 1);
        let next = events.pop().filter(|_| fault == Fault::Cut);
        let half = next.map(|event| event.bytes.slice(..event.bytes.len() / 2));
        end = Some((
            half,
            if fault == Fault::Cut {
                Step::Cut
            } else {
                Step::Hang
            },
        ));
    }
    let mut pace = Pace::new(run);
    let mut steps = Vec::new();
    let mut begun = false;
    for event in events {
        // The very first token is there when the head is.
        let waited = event.tokens.saturating_sub(u64::from(!begun));
        begun |= event.tokens > 0;
        if waited > 0 {
            steps.push(Step::Wait(pace.tokens(waited)));
        }
        steps.push(Step::Bytes(event.bytes));
    }
    if let Some((half, last)) = end {
        steps.extend(half.map(Step::Bytes));
        steps.push(last);
    }
    steps
}
