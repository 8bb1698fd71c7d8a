//! Puts a whole reply right, field by field, and leaves alone what is right.

use std::collections::HashSet;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    calls::made_id,
    citations::Sources,
    finish,
    lenient::Content,
    reply::{OBJECT, said},
    wire::{Answer, Choice, Function, Message},
};
use crate::json::{Object, Raw, raw};

/// Members that are noise to callers.
const NOISE: [&str; 2] = ["token_ids", "prompt_token_ids"];

/// The body of a reply with every fault put right. `usage` replaces the one that stands there.
pub(super) fn put_right(
    body: &[u8],
    answer: &Answer<'_>,
    usage: Option<Raw>,
    sources: Option<&Sources>,
) -> serde_json::Result<Bytes> {
    let mut object = Object::parse(body)?;
    let id = if answer.id.is_empty() {
        format!("chatcmpl-{}", &blake3::hash(body).to_hex()[..24])
    } else {
        answer.id.get().to_owned()
    };
    object.set("id", &id);
    object.set("object", OBJECT);
    object.set("created", &answer.created.0.unwrap_or(0));
    object.set("model", answer.model.get());
    let raws: Vec<&RawValue> =
        serde_json::from_str(object.get("choices").unwrap_or(RawValue::NULL).get())?;
    let mut choices = Vec::with_capacity(raws.len());
    for (at, (choice, raw)) in answer.choices.iter().flatten().zip(raws).enumerate() {
        choices.push(put_choice_right(&id, at, choice, raw, sources)?);
    }
    let choices = raw(&choices);
    object.set_raw("choices", choices);
    if let Some(usage) = usage {
        object.set_raw("usage", usage);
    }
    NOISE.iter().for_each(|key| drop(object.remove(key)));
    Ok(object.to_bytes())
}

fn put_choice_right<'a>(
    answer_id: &str,
    at: usize,
    choice: &Choice<'_>,
    raw: &'a RawValue,
    sources: Option<&Sources>,
) -> serde_json::Result<Object<'a>> {
    let mut object = Object::of(raw)?;
    let nothing = Message::default();
    let said = said(choice).unwrap_or(&nothing);
    let from = if choice.message.is_some() {
        "message"
    } else {
        "delta"
    };
    let mut message = match object.get(from) {
        Some(message) => Object::of(message)?.into_owned(),
        None => Object::new(),
    };
    put_message_right(answer_id, at, said, &mut message, sources)?;
    let finish = finish::read(choice.finish_reason.get()).ok().flatten();
    let finish = finish::settled(finish, message.has("tool_calls"));
    object.set("index", &choice.index.0.unwrap_or(at as u64));
    object.set_raw("message", message.to_raw());
    object.set("finish_reason", finish.name());
    for key in NOISE.iter().chain(&["delta", "usage"]) {
        object.remove(key);
    }
    Ok(object)
}

fn put_message_right(
    answer_id: &str,
    choice: usize,
    said: &Message<'_>,
    message: &mut Object<'static>,
    sources: Option<&Sources>,
) -> serde_json::Result<()> {
    message.set("role", "assistant");
    match &said.content {
        Content::Empty => message.set("content", &()),
        Content::Text(_) => {}
        Content::Parts { text, .. } => message.set("content", text),
    }
    message.remove("reasoning");
    if said.reasoning_content.is_empty() {
        let thoughts = [said.reasoning.get(), said.content.thinking()];
        if let Some(thought) = thoughts.into_iter().find(|thought| !thought.is_empty()) {
            message.set("reasoning_content", thought);
        }
    }
    let raws: Option<Vec<Raw>> = message.peek("tool_calls");
    message.remove("tool_calls");
    let mut calls = Vec::new();
    let mut ids = HashSet::new();
    for (at, (call, raw)) in said
        .tool_calls
        .iter()
        .flatten()
        .zip(raws.iter().flatten())
        .enumerate()
    {
        let mut object = Object::of(raw)?.into_owned();
        let id = match call.id.get() {
            id if id.is_empty() || ids.contains(id) => made_id(answer_id, choice as u64, at),
            id => id.to_owned(),
        };
        object.set("id", &id);
        ids.insert(id);
        if let Some(function) = &call.function {
            object.set("type", "function");
            put_function_right(function, &mut object)?;
        }
        calls.push(object);
    }
    if let Some(function) = &said.function_call {
        let mut object = Object::new();
        object.set("id", &made_id(answer_id, choice as u64, calls.len()));
        object.set("type", "function");
        put_function_right(function, &mut object)?;
        calls.push(object);
        message.remove("function_call");
    }
    if !calls.is_empty() {
        message.set("tool_calls", &calls);
    }
    let annotations = sources.map(|sources| sources.annotations(said.content.text()));
    if let Some(annotations) = annotations.filter(|annotations| !annotations.is_empty())
        && !message.has("annotations")
    {
        message.set("annotations", &annotations);
    }
    Ok(())
}

fn put_function_right(function: &Function<'_>, call: &mut Object<'_>) -> serde_json::Result<()> {
    let mut object = match call.get("function") {
        Some(object) => Object::of(object)?.into_owned(),
        None => Object::new(),
    };
    let (arguments, _) = function.arguments();
    object.set("name", function.name.get());
    object.set(
        "arguments",
        if arguments.is_empty() {
            "{}"
        } else {
            &*arguments
        },
    );
    call.set_raw("function", object.to_raw());
    Ok(())
}
