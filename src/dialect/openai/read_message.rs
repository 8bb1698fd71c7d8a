//! One message of a caller's request into the canonical conversation.

use super::{
    outline::{is_null, wrong_type},
    read_part,
    read_request::{cache, invalid_value, missing, object_at, take},
};
use crate::{
    chat::{Content, Message, Role, ToolCall},
    dialect::Malformed,
    json::Raw,
};

/// Reads the message at this place.
pub(super) fn message(at: usize, raw: &Raw) -> Result<Message, Malformed> {
    let path = format!("messages[{at}]");
    let mut object = object_at(&path, raw)?;
    let role: Option<String> = take(&mut object, &path, "role", "a string")?;
    let role = role.ok_or_else(|| missing(format!("{path}.role")))?;
    let role = match role.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            let supported = "'system', 'assistant', 'user', 'tool', and 'developer'";
            return Err(invalid_value(format!("{path}.role"), other, supported));
        }
    };
    let mark = cache(&object);
    let content = read_part::content(&path, object.remove("content"), mark)?;
    object.remove("cache_control");
    let calls: Vec<Raw> =
        take(&mut object, &path, "tool_calls", "an array of objects")?.unwrap_or_default();
    let call = |(at, raw)| tool_call(&format!("{path}.tool_calls[{at}]"), raw);
    let tool_calls = calls
        .iter()
        .enumerate()
        .map(call)
        .collect::<Result<Vec<_>, _>>()?;
    let tool_call_id: Option<String> = take(&mut object, &path, "tool_call_id", "a string")?;
    if role == Role::Tool && tool_call_id.is_none() {
        return Err(missing(format!("{path}.tool_call_id")));
    }
    let message = Message {
        name: take(&mut object, &path, "name", "a string")?,
        refusal: take(&mut object, &path, "refusal", "a string")?,
        reasoning: take(&mut object, &path, "reasoning_content", "a string")?,
        // A client may give back what another gateway made: what does not fit is not ours to refuse.
        reasoning_details: object.peek("reasoning_details").unwrap_or_default(),
        tool_calls,
        tool_call_id,
        ..Message::new(role, content)
    };
    object.remove("reasoning_details");
    object.retain(|_, raw| !is_null(raw));
    if role != Role::Assistant && matches!(message.content, Content::Empty) {
        return Err(missing(format!("{path}.content")));
    }
    Ok(Message {
        extra: object,
        ..message
    })
}

fn tool_call(path: &str, raw: &Raw) -> Result<ToolCall, Malformed> {
    let mut object = object_at(path, raw)?;
    let id: Option<String> = take(&mut object, path, "id", "a string")?;
    let id = id.ok_or_else(|| missing(format!("{path}.id")))?;
    object.remove("type");
    let inside = format!("{path}.function");
    let function = object
        .remove("function")
        .ok_or_else(|| missing(inside.clone()))?;
    let mut function = object_at(&inside, &function)?;
    let name: Option<String> = take(&mut function, &inside, "name", "a string")?;
    let arguments = match function.remove("arguments") {
        None => String::new(),
        // An object is what some clients write; it means the same.
        Some(raw) if raw.get().starts_with('{') => super::wire::compact(raw.get()),
        Some(raw) => serde_json::from_str::<Option<String>>(raw.get())
            .map_err(|_| wrong_type(&format!("{inside}.arguments"), "a string", &raw))?
            .unwrap_or_default(),
    };
    Ok(ToolCall {
        id,
        name: name.ok_or_else(|| missing(format!("{inside}.name")))?,
        arguments,
        extra: object,
    })
}
