//! Whole replies into the canonical form. Tidied first, so that only one spelling is left to read.

use bytes::Bytes;

use super::{finish, reply, usage};
use crate::{
    chat::{Choice, Content, Message, Reply, Role, ToolCall},
    json::{Object, Raw},
    outcome::{ErrorClass, Failure},
};

/// Reads a reply.
pub(super) fn read(body: &[u8]) -> Result<Reply, Failure> {
    let tidied = reply::tidy(Bytes::copy_from_slice(body))?;
    whole(&tidied.body).ok_or_else(|| {
        let message = "The provider answered HTTP 200 with something that is no completion";
        Failure::new(ErrorClass::ServerError, message)
    })
}

fn whole(body: &[u8]) -> Option<Reply> {
    let mut object = Object::parse(body).ok()?.into_owned();
    let choices: Vec<Raw> = object.take("choices").ok()??;
    let usage = object.remove("usage");
    object.remove("object");
    Some(Reply {
        id: object.take("id").ok().flatten().unwrap_or_default(),
        model: object.take("model").ok().flatten().unwrap_or_default(),
        created: object.take("created").ok().flatten(),
        choices: choices
            .iter()
            .map(|raw| choice(raw))
            .collect::<Option<_>>()?,
        usage: usage.and_then(|raw| usage::read(&raw)),
        extra: object,
    })
}

fn choice(raw: &serde_json::value::RawValue) -> Option<Choice> {
    let mut object = Object::of(raw).ok()?.into_owned();
    let said = object.remove("message")?;
    let word: Option<String> = object.peek("finish_reason");
    let message = message(&said)?;
    let finish = finish::read(word.as_deref().unwrap_or_default()).ok()?;
    Some(Choice {
        index: object.peek("index").unwrap_or(0),
        finish: finish::settled(finish, !message.tool_calls.is_empty()),
        logprobs: object.remove("logprobs").filter(|raw| raw.get() != "null"),
        message,
    })
}

fn message(raw: &serde_json::value::RawValue) -> Option<Message> {
    let mut object = Object::of(raw).ok()?.into_owned();
    let text = |object: &mut Object<'static>, key: &str| {
        object
            .take::<String>(key)
            .ok()
            .flatten()
            .filter(|text| !text.is_empty())
    };
    let calls: Vec<Raw> = object.take("tool_calls").ok().flatten().unwrap_or_default();
    object.remove("role");
    let content = text(&mut object, "content").map_or(Content::Empty, Content::Text);
    Some(Message {
        refusal: text(&mut object, "refusal"),
        reasoning: text(&mut object, "reasoning_content"),
        reasoning_details: object
            .take("reasoning_details")
            .ok()
            .flatten()
            .unwrap_or_default(),
        tool_calls: calls.iter().filter_map(|raw| call(raw)).collect(),
        extra: object,
        ..Message::new(Role::Assistant, content)
    })
}

/// A call of a function; other kinds have no canonical form.
pub(super) fn call(raw: &serde_json::value::RawValue) -> Option<ToolCall> {
    let mut object = Object::of(raw).ok()?.into_owned();
    let function = object.remove("function")?;
    let mut function = Object::of(&function).ok()?.into_owned();
    object.remove("type");
    Some(ToolCall {
        id: object.take("id").ok().flatten().unwrap_or_default(),
        name: function.take("name").ok().flatten().unwrap_or_default(),
        arguments: function
            .take("arguments")
            .ok()
            .flatten()
            .unwrap_or_default(),
        extra: object,
    })
}
