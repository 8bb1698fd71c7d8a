//! Whole replies for an OpenAI client.

use bytes::Bytes;

use super::usage;
use crate::{
    chat::{Choice, Content, Message, Reply, ToolCall},
    json::{Object, Raw, raw},
};

/// Writes a reply. `now` is the creation time where the provider gave none.
pub(super) fn write(reply: &Reply, now: u64) -> Bytes {
    let choices: Vec<Object<'_>> = reply.choices.iter().map(choice).collect();
    let choices = raw(&choices);
    let mut object = Object::new();
    if reply.id.is_empty() {
        let hash = blake3::hash(format!("{now} {}", choices.get()).as_bytes());
        object.set("id", &format!("chatcmpl-{}", &hash.to_hex()[..24]));
    } else {
        object.set("id", &reply.id);
    }
    object.set("object", "chat.completion");
    object.set("created", &reply.created.unwrap_or(now));
    object.set("model", &reply.model);
    object.set_raw("choices", choices);
    if let Some(usage) = &reply.usage {
        object.set_raw("usage", usage::write(usage));
    }
    object.to_bytes()
}

fn choice(choice: &Choice) -> Object<'_> {
    let mut object = Object::new();
    object.set("index", &choice.index);
    object.set_raw("message", message(&choice.message));
    match &choice.logprobs {
        Some(logprobs) => object.set("logprobs", logprobs),
        None => object.set("logprobs", &()),
    }
    object.set("finish_reason", choice.finish.name());
    object
}

fn message(message: &Message) -> Raw {
    let mut object = Object::new();
    object.set("role", "assistant");
    let text = match &message.content {
        Content::Text(text) => text.clone(),
        other => other.text(),
    };
    // Beside calls, refusals and filters OpenAI writes null where there is no text.
    if text.is_empty() {
        object.set("content", &());
    } else {
        object.set("content", &text);
    }
    object.set("refusal", &message.refusal);
    if let Some(reasoning) = &message.reasoning {
        object.set("reasoning_content", reasoning);
    }
    if !message.reasoning_details.is_empty() {
        object.set("reasoning_details", &message.reasoning_details);
    }
    if !message.tool_calls.is_empty() {
        let calls: Vec<Object<'_>> = message.tool_calls.iter().map(call).collect();
        object.set("tool_calls", &calls);
    }
    if let Some(annotations) = message.extra.get("annotations") {
        object.set("annotations", annotations);
    }
    object.to_raw()
}

/// Writes a call, with the fields only its own dialect knows where they are OpenAI's extensions.
pub(super) fn call(call: &ToolCall) -> Object<'static> {
    let mut function = Object::new();
    function.set("name", &call.name);
    function.set(
        "arguments",
        if call.arguments.is_empty() {
            "{}"
        } else {
            &call.arguments
        },
    );
    let mut object = Object::new();
    object.set("id", &call.id);
    object.set("type", "function");
    object.set_raw("function", function.to_raw());
    if let Some(extra) = call.extra.get("extra_content") {
        object.set("extra_content", extra);
    }
    object
}
