//! Reads a streamed reply: `message_start`, then blocks one after the other, `message_delta`, `message_stop`.
//!
//! Whatever order a provider sends events in, deltas come out in theirs: a start first, calls counted without
//! gaps, one finish, usage last. Every well-formed event may be forwarded to a caller of the same dialect as it
//! came, except the terminator, which the writer's own end replaces.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{
    arguments::from_input,
    error::{read_late, unreadable},
    replay,
    reply::{annotation, explanation, finish},
    usage::Counts,
};
use crate::{
    chat::{Delta, Finish},
    dialect::{Cleanliness, StreamReader, sse},
    json::{Object, Raw},
    outcome::{ErrorClass, Failure},
};

/// The answers of this dialect have one choice.
const CHOICE: u64 = 0;

/// A streamed reply so far.
#[derive(Default)]
pub(super) struct Reader {
    started: bool,
    blocks: BTreeMap<u64, Block>,
    calls: u64,
    details: u64,
    /// Length of the text so far in characters, for the places of citations.
    chars: u64,
    counts: Counts,
    /// The counts at the end of the answer have come.
    counted: bool,
    finished: bool,
    done: bool,
}

/// A block that is open.
enum Block {
    Text {
        start: u64,
        citations: Vec<Raw>,
    },
    Thinking {
        index: u64,
    },
    Call {
        call: u64,
        argued: bool,
        input: Option<String>,
    },
    Other,
}

impl StreamReader for Reader {
    fn read(
        &mut self,
        event: &sse::Event<'_>,
        deltas: &mut Vec<Delta>,
    ) -> Result<Cleanliness, Failure> {
        let object = Object::parse(event.data.as_bytes()).map_err(unreadable)?;
        let kind = object.peek::<String>("type");
        let kind = kind.as_deref().unwrap_or(event.name);
        if kind == "error" || (kind.is_empty() && object.has("error")) {
            return Err(read_late(event.data.as_bytes()));
        }
        match kind {
            // The answer is over; what a confused provider adds is no part of it.
            "content_block_start" | "content_block_delta" if self.finished => {}
            "message_start" => self.start(&object, deltas),
            "content_block_start" => self.open(&object, deltas),
            "content_block_delta" => self.go_on(&object, deltas),
            "content_block_stop" => self.close(&object, deltas),
            "message_delta" => self.conclude(&object, deltas),
            // A terminator alone makes no answer whole: who broke off inside may still say it.
            "message_stop" if !self.finished => return Err(cut()),
            "message_stop" => {
                self.stop(deltas);
                return Ok(Cleanliness::Rewrite);
            }
            // Pings, and events that are yet to be invented.
            _ => {}
        }
        Ok(Cleanliness::Clean)
    }

    fn end(&mut self, deltas: &mut Vec<Delta>) -> Result<(), Failure> {
        if self.done {
            return Ok(());
        }
        if self.finished && self.counted {
            self.stop(deltas);
            return Ok(());
        }
        Err(cut())
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl Reader {
    fn start(&mut self, event: &Object<'_>, deltas: &mut Vec<Delta>) {
        let message = inner(event, "message");
        if let Some(usage) = message.get("usage") {
            self.counts.update(Counts::of(usage));
        }
        self.begin(&message, deltas);
    }

    /// The start comes once, and before everything else.
    fn begin(&mut self, message: &Object<'_>, deltas: &mut Vec<Delta>) {
        if !std::mem::replace(&mut self.started, true) {
            deltas.push(Delta::Start {
                id: message.peek("id").unwrap_or_default(),
                model: message.peek("model").unwrap_or_default(),
                created: None,
            });
        }
    }

    fn open(&mut self, event: &Object<'_>, deltas: &mut Vec<Delta>) {
        self.begin(&Object::new(), deltas);
        let at = event.peek("index").unwrap_or(0);
        self.finish_block(at, deltas);
        let block = inner(event, "content_block");
        let word = |key: &str| block.peek::<String>(key).unwrap_or_default();
        let opened = match word("type").as_str() {
            "text" => {
                let start = self.chars;
                self.say(word("text"), deltas);
                let citations = block.peek("citations").unwrap_or_default();
                Block::Text { start, citations }
            }
            "thinking" => {
                let index = self.next_detail();
                think(index, word("thinking"), deltas);
                sign(index, word("signature"), deltas);
                Block::Thinking { index }
            }
            "redacted_thinking" => {
                let detail = replay::encrypted(word("data"), self.next_detail());
                deltas.push(Delta::ReasoningDetail {
                    choice: CHOICE,
                    detail,
                });
                Block::Other
            }
            "tool_use" => {
                let call = self.calls;
                self.calls = call.saturating_add(1);
                deltas.push(Delta::ToolCall {
                    choice: CHOICE,
                    call,
                    id: word("id"),
                    name: word("name"),
                });
                Block::Call {
                    call,
                    argued: false,
                    input: block.get("input").map(from_input),
                }
            }
            _ => {
                deltas.push(Delta::Other { choice: CHOICE });
                Block::Other
            }
        };
        self.blocks.insert(at, opened);
    }

    fn go_on(&mut self, event: &Object<'_>, deltas: &mut Vec<Delta>) {
        self.begin(&Object::new(), deltas);
        let at: u64 = event.peek("index").unwrap_or(0);
        let delta = inner(event, "delta");
        let word = |key: &str| delta.peek::<String>(key).unwrap_or_default();
        match (word("type").as_str(), self.blocks.get_mut(&at)) {
            ("text_delta", _) => self.say(word("text"), deltas),
            ("citations_delta", Some(Block::Text { citations, .. })) => {
                citations.extend(delta.get("citation").map(RawValue::to_owned));
            }
            ("thinking_delta", Some(Block::Thinking { index })) => {
                think(*index, word("thinking"), deltas);
            }
            ("signature_delta", Some(Block::Thinking { index })) => {
                sign(*index, word("signature"), deltas);
            }
            ("input_json_delta", Some(Block::Call { call, argued, .. })) => {
                let fragment = word("partial_json");
                if !fragment.is_empty() {
                    *argued = true;
                    deltas.push(Delta::Arguments {
                        choice: CHOICE,
                        call: *call,
                        fragment,
                    });
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, event: &Object<'_>, deltas: &mut Vec<Delta>) {
        self.finish_block(event.peek("index").unwrap_or(0), deltas);
    }

    fn finish_block(&mut self, at: u64, deltas: &mut Vec<Delta>) {
        match self.blocks.remove(&at) {
            // Providers that do not stream arguments give them with the start of the block.
            Some(Block::Call {
                call,
                argued: false,
                input,
            }) => deltas.push(Delta::Arguments {
                choice: CHOICE,
                call,
                fragment: input.unwrap_or_else(|| "{}".to_owned()),
            }),
            Some(Block::Text { start, citations }) => {
                let end = self.chars;
                let cited = citations
                    .iter()
                    .filter_map(|citation| annotation(citation, start, end));
                deltas.extend(cited.map(|annotation| Delta::Annotation {
                    choice: CHOICE,
                    annotation,
                }));
            }
            _ => {}
        }
    }

    fn conclude(&mut self, event: &Object<'_>, deltas: &mut Vec<Delta>) {
        self.begin(&Object::new(), deltas);
        if let Some(usage) = event.get("usage") {
            let counts = Counts::of(usage);
            self.counted |= counts.is_known();
            self.counts.update(counts);
        }
        let delta = inner(event, "delta");
        if let Some(reason) = delta.peek::<String>("stop_reason") {
            self.end_with(&reason, explanation(&delta), deltas);
        }
    }

    fn end_with(&mut self, reason: &str, refusal: Option<String>, deltas: &mut Vec<Delta>) {
        if self.finished {
            return;
        }
        // Blocks the provider forgot to close.
        let open: Vec<u64> = self.blocks.keys().copied().collect();
        open.into_iter()
            .for_each(|at| self.finish_block(at, deltas));
        let finish = finish(reason, self.calls > 0);
        if let Some(text) = refusal.filter(|_| finish == Finish::ContentFilter) {
            deltas.push(Delta::Refusal {
                choice: CHOICE,
                text,
            });
        }
        self.finished = true;
        deltas.push(Delta::Finish {
            choice: CHOICE,
            finish,
        });
    }

    /// The answer is whole: the counts come now, when no later ones can.
    fn stop(&mut self, deltas: &mut Vec<Delta>) {
        if self.counts.is_known() {
            deltas.push(Delta::Usage(self.counts.usage()));
        }
        self.done = true;
    }

    fn say(&mut self, text: String, deltas: &mut Vec<Delta>) {
        if !text.is_empty() {
            let chars = text.chars().count() as u64;
            self.chars = self.chars.saturating_add(chars);
            deltas.push(Delta::Text {
                choice: CHOICE,
                text,
            });
        }
    }

    fn next_detail(&mut self) -> u64 {
        let index = self.details;
        self.details = index.saturating_add(1);
        index
    }
}

fn cut() -> Failure {
    Failure::new(
        ErrorClass::ServerError,
        "The provider's stream ended before the answer was complete",
    )
}

fn think(index: u64, text: String, deltas: &mut Vec<Delta>) {
    if !text.is_empty() {
        let detail = replay::readable(Some(text.clone()), None, index);
        deltas.push(Delta::Reasoning {
            choice: CHOICE,
            text,
        });
        deltas.push(Delta::ReasoningDetail {
            choice: CHOICE,
            detail,
        });
    }
}

fn sign(index: u64, signature: String, deltas: &mut Vec<Delta>) {
    if !signature.is_empty() {
        deltas.push(Delta::ReasoningDetail {
            choice: CHOICE,
            detail: replay::readable(None, Some(signature), index),
        });
    }
}

fn inner<'a>(object: &'a Object<'_>, key: &str) -> Object<'a> {
    let inner = object.get(key).and_then(|raw| Object::of(raw).ok());
    inner.unwrap_or_default()
}
