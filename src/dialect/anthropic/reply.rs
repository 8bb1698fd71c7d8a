//! Whole replies of a provider: read, or tidied for a caller of the same dialect.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    arguments::from_input,
    error::{read_late, unreadable},
    replay,
    usage::Counts,
};
use crate::{
    chat::{Choice, Content, Finish, Message, Reply, Role, ToolCall},
    dialect::Tidy,
    json::{Object, Raw, raw},
    outcome::Failure,
};

/// Reads a whole reply.
pub(super) fn read(body: &[u8]) -> Result<Reply, Failure> {
    let object = checked(body)?;
    let mut answer = Answer::new();
    for block in blocks(&object)? {
        answer.take(block);
    }
    let mut message = answer.into_message();
    let stop = object.peek::<String>("stop_reason").unwrap_or_default();
    let finish = finish(&stop, !message.tool_calls.is_empty());
    if finish == Finish::ContentFilter {
        message.refusal = explanation(&object);
    }
    Ok(Reply {
        id: object.peek("id").unwrap_or_default(),
        model: object.peek("model").unwrap_or_default(),
        created: None,
        choices: vec![Choice {
            index: 0,
            message,
            finish,
            logprobs: None,
        }],
        usage: usage(&object).map(|counts| counts.usage()),
        extra: Object::new(),
    })
}

/// Checks a whole reply for forwarding; its bytes stay untouched.
pub(super) fn tidy(body: Bytes) -> Result<Tidy, Failure> {
    let object = checked(&body)?;
    let blocks = blocks(&object)?;
    let answer_bytes = blocks
        .iter()
        .copied()
        .map(size)
        .fold(0u64, u64::saturating_add);
    let silent = blocks.iter().copied().all(is_silent);
    let usage = usage(&object).map(|counts| counts.usage());
    drop(object);
    Ok(Tidy {
        body,
        usage,
        answer_bytes,
        silent,
    })
}

/// The reply's top level, once it is known to be no error.
fn checked(body: &[u8]) -> Result<Object<'_>, Failure> {
    let object = Object::parse(body).map_err(unreadable)?;
    let kind = object.peek::<String>("type").unwrap_or_default();
    if kind == "error" || (kind.is_empty() && object.has("error")) {
        return Err(read_late(body));
    }
    Ok(object)
}

fn blocks<'a>(object: &'a Object<'_>) -> Result<Vec<&'a RawValue>, Failure> {
    let content = object
        .get("content")
        .ok_or_else(|| unreadable("it has no content"))?;
    serde_json::from_str(content.get()).map_err(|_| unreadable("its content is no list of blocks"))
}

fn usage(object: &Object<'_>) -> Option<Counts> {
    let counts = Counts::of(object.get("usage")?);
    counts.is_known().then_some(counts)
}

/// Size of what a block says.
fn size(block: &RawValue) -> u64 {
    let block = Object::of(block).unwrap_or_default();
    let said = |key| block.get(key).map_or(0, |raw| raw.get().len() as u64);
    match block.peek::<String>("type").unwrap_or_default().as_str() {
        "text" => said("text"),
        "thinking" => said("thinking"),
        "tool_use" => said("name").saturating_add(said("input")),
        _ => 0,
    }
}

/// Whether a block says nothing to the caller. Those of tools the provider runs do.
fn is_silent(block: &RawValue) -> bool {
    let block = Object::of(block).unwrap_or_default();
    match block.peek::<String>("type").unwrap_or_default().as_str() {
        "thinking" | "redacted_thinking" => true,
        "text" => block
            .peek::<String>("text")
            .is_none_or(|text| text.is_empty()),
        _ => false,
    }
}

/// An answer as its blocks are read.
struct Answer {
    message: Message,
    text: String,
    /// Length of `text` in characters, as OpenAI counts them.
    chars: u64,
    reasoning: String,
    annotations: Vec<Raw>,
}

impl Answer {
    fn new() -> Self {
        Self {
            message: Message::new(Role::Assistant, Content::Empty),
            text: String::new(),
            chars: 0,
            reasoning: String::new(),
            annotations: Vec::new(),
        }
    }

    /// Takes the next block. Those of tools the provider runs itself are no part of our answer.
    fn take(&mut self, block: &RawValue) {
        let block = Object::of(block).unwrap_or_default();
        let word = |key: &str| block.peek::<String>(key).unwrap_or_default();
        let index = self.message.reasoning_details.len() as u64;
        match word("type").as_str() {
            "text" => self.say(&word("text"), &block),
            "thinking" => {
                let text = word("thinking");
                self.reasoning.push_str(&text);
                let signature = block.peek("signature");
                let detail = replay::readable(Some(text), signature, index);
                self.message.reasoning_details.push(detail);
            }
            "redacted_thinking" => {
                let detail = replay::encrypted(word("data"), index);
                self.message.reasoning_details.push(detail);
            }
            "tool_use" => {
                let arguments = block.get("input").map_or("{}".to_owned(), from_input);
                let call = ToolCall {
                    id: word("id"),
                    name: word("name"),
                    arguments,
                    extra: Object::new(),
                };
                self.message.tool_calls.push(call);
            }
            _ => {}
        }
    }

    fn say(&mut self, text: &str, block: &Object<'_>) {
        let start = self.chars;
        self.chars = start.saturating_add(text.chars().count() as u64);
        self.text.push_str(text);
        let citations = block.peek::<Vec<Raw>>("citations").unwrap_or_default();
        let cited = citations
            .iter()
            .filter_map(|citation| annotation(citation, start, self.chars));
        self.annotations.extend(cited);
    }

    fn into_message(self) -> Message {
        let mut message = self.message;
        if !self.text.is_empty() {
            message.content = Content::Text(self.text);
        }
        if !self.reasoning.is_empty() {
            message.reasoning = Some(self.reasoning);
        }
        if !self.annotations.is_empty() {
            message.extra.set("annotations", &self.annotations);
        }
        message
    }
}

/// A citation of a page as OpenAI's annotation, over the characters `start..end` of the answer. Citations of
/// the caller's own documents have no such form.
pub(super) fn annotation(citation: &RawValue, start: u64, end: u64) -> Option<Raw> {
    let citation = Object::of(citation).ok()?;
    let is_page = |url: &String| url.starts_with("http://") || url.starts_with("https://");
    let url = citation
        .peek::<String>("url")
        .or_else(|| citation.peek::<String>("source"))
        .filter(is_page)?;
    let mut place = Object::new();
    place.set("start_index", &start);
    place.set("end_index", &end);
    let title = citation.peek::<String>("title").unwrap_or_default();
    place.set("title", &title);
    place.set("url", &url);
    let mut annotation = Object::new();
    annotation.set("type", "url_citation");
    annotation.set_raw("url_citation", raw(&place));
    Some(annotation.to_raw())
}

/// Why an answer ended. Unknown reasons are a plain end; calls decide whether tools are waited for.
pub(super) fn finish(stop_reason: &str, calls: bool) -> Finish {
    match stop_reason {
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "refusal" => Finish::ContentFilter,
        _ if calls => Finish::ToolCalls,
        _ => Finish::Stop,
    }
}

/// The provider's own words about a refusal.
pub(super) fn explanation(object: &Object<'_>) -> Option<String> {
    let details = Object::of(object.get("stop_details")?).ok()?;
    details.peek("explanation")
}
