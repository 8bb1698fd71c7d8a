//! Writes a streamed reply for an OpenAI client.
//!
//! Everything of a chunk but the delta is the same in the whole stream, so it is written once and copied.
//! Text goes from the delta into the buffer without a stop at a tree of values.

use std::io::Write;

use bytes::{BufMut, BytesMut};
use serde::Serialize;

use super::{error, usage};
use crate::{
    chat::{Delta, Finish},
    dialect::{StreamStyle, StreamWriter},
    outcome::Failure,
};

/// Writes one stream.
#[derive(Debug)]
pub(super) struct Writer {
    style: StreamStyle,
    /// The start of every chunk, up to `"choices":[`. Empty until the answer began.
    head: Vec<u8>,
    /// The choices that have been given their role.
    begun: Vec<u64>,
}

impl Writer {
    /// A writer at the start of a stream.
    pub(super) fn new(style: StreamStyle) -> Self {
        Self {
            style,
            head: Vec::new(),
            begun: Vec::new(),
        }
    }

    fn start(&mut self, id: &str, model: &str, created: Option<u64>) {
        #[derive(Serialize)]
        struct Head<'a> {
            id: &'a str,
            object: &'a str,
            created: u64,
            model: &'a str,
        }
        let or = |given: &'_ str, own: &'_ str| {
            if given.is_empty() {
                own.to_owned()
            } else {
                given.to_owned()
            }
        };
        let head = Head {
            id: &or(id, &self.style.id),
            object: "chat.completion.chunk",
            created: created.unwrap_or(self.style.now),
            model: &or(model, &self.style.model),
        };
        self.head = b"data: ".to_vec();
        json(&head, &mut self.head);
        // The object goes on.
        self.head.pop();
        self.head.extend_from_slice(b",\"choices\":[");
    }

    /// Writes the chunk that gives a choice its role, if that has not come yet.
    fn begin(&mut self, choice: u64, out: &mut BytesMut) {
        if self.head.is_empty() {
            self.start("", "", None);
        }
        if !self.begun.contains(&choice) {
            self.begun.push(choice);
            self.piece(choice, None, out, |out| {
                put(out, format_args!(r#""role":"assistant","content":"""#));
            });
        }
    }

    /// Writes a chunk of one choice, which begins if it has not. `delta` writes what stands between the braces.
    fn chunk(
        &mut self,
        choice: u64,
        finish: Option<Finish>,
        out: &mut BytesMut,
        delta: impl FnOnce(&mut bytes::buf::Writer<&mut BytesMut>),
    ) {
        self.begin(choice, out);
        self.piece(choice, finish, out, delta);
    }

    fn piece(
        &self,
        choice: u64,
        finish: Option<Finish>,
        out: &mut BytesMut,
        delta: impl FnOnce(&mut bytes::buf::Writer<&mut BytesMut>),
    ) {
        out.extend_from_slice(&self.head);
        let mut out = out.writer();
        put(&mut out, format_args!(r#"{{"index":{choice},"delta":{{"#));
        delta(&mut out);
        match finish {
            None => put(
                &mut out,
                format_args!(r#"}},"logprobs":null,"finish_reason":null}}]}}"#),
            ),
            Some(finish) => {
                let finish = finish.name();
                put(
                    &mut out,
                    format_args!(r#"}},"logprobs":null,"finish_reason":"{finish}"}}]}}"#),
                );
            }
        }
        put(&mut out, format_args!("\n\n"));
    }

    fn field(
        &mut self,
        choice: u64,
        key: &str,
        value: &(impl Serialize + ?Sized),
        out: &mut BytesMut,
    ) {
        self.chunk(choice, None, out, |out| {
            put(out, format_args!(r#""{key}":"#));
            json(value, out);
        });
    }

    fn note(&mut self, delta: &Delta) {
        let choice = match delta {
            // A clean first chunk has the role of choice 0.
            Delta::Start { id, model, created } => {
                self.start(id, model, *created);
                0
            }
            Delta::Usage(_) => return,
            Delta::Text { choice, .. }
            | Delta::Reasoning { choice, .. }
            | Delta::ReasoningDetail { choice, .. }
            | Delta::Refusal { choice, .. }
            | Delta::ToolCall { choice, .. }
            | Delta::Arguments { choice, .. }
            | Delta::Annotation { choice, .. }
            | Delta::Other { choice }
            | Delta::Finish { choice, .. } => *choice,
        };
        if !self.begun.contains(&choice) {
            self.begun.push(choice);
        }
    }
}

impl StreamWriter for Writer {
    fn write(&mut self, delta: &Delta, out: &mut BytesMut) {
        match delta {
            Delta::Start { id, model, created } => {
                self.start(id, model, *created);
                self.begin(0, out);
            }
            Delta::Text { choice, text } => self.field(*choice, "content", text, out),
            Delta::Reasoning { choice, text } => {
                self.field(*choice, "reasoning_content", text, out);
            }
            Delta::ReasoningDetail { choice, detail } => {
                self.field(*choice, "reasoning_details", &[detail], out);
            }
            Delta::Refusal { choice, text } => self.field(*choice, "refusal", text, out),
            Delta::ToolCall {
                choice,
                call,
                id,
                name,
            } => {
                self.chunk(*choice, None, out, |out| {
                    put(out, format_args!(r#""tool_calls":[{{"index":{call},"id":"#));
                    json(id, out);
                    put(
                        out,
                        format_args!(r#","type":"function","function":{{"name":"#),
                    );
                    json(name, out);
                    put(out, format_args!(r#","arguments":""}}}}]"#));
                });
            }
            Delta::Arguments {
                choice,
                call,
                fragment,
            } => {
                self.chunk(*choice, None, out, |out| {
                    put(
                        out,
                        format_args!(r#""tool_calls":[{{"index":{call},"function":{{"arguments":"#),
                    );
                    json(fragment, out);
                    put(out, format_args!("}}}}]"));
                });
            }
            Delta::Annotation { choice, annotation } => {
                self.field(*choice, "annotations", &[annotation], out);
            }
            Delta::Finish { choice, finish } => self.chunk(*choice, Some(*finish), out, |_| {}),
            Delta::Usage(usage) if self.style.include_usage => {
                if self.head.is_empty() {
                    self.start("", "", None);
                }
                out.extend_from_slice(&self.head);
                let usage = usage::write(usage);
                put(
                    &mut out.writer(),
                    format_args!("],\"usage\":{}}}\n\n", usage.get()),
                );
            }
            Delta::Usage(_) | Delta::Other { .. } => {}
        }
    }

    fn forward(&mut self, deltas: &[Delta]) -> bool {
        let hidden = !self.style.include_usage
            && deltas.iter().any(|delta| matches!(delta, Delta::Usage(_)));
        if !hidden {
            deltas.iter().for_each(|delta| self.note(delta));
        }
        !hidden
    }

    fn finish(&mut self, out: &mut BytesMut) {
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn fail(&mut self, failure: &Failure, out: &mut BytesMut) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&error::write(failure));
        out.extend_from_slice(b"\n\n");
    }
}

/// Writing into memory cannot fail.
fn put(out: &mut impl Write, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// Our own types always serialise, and writing into memory cannot fail.
fn json(value: &(impl Serialize + ?Sized), out: &mut impl Write) {
    let _ = serde_json::to_writer(out, value);
}
