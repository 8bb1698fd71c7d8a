//! Puts the answers of a whole reply right where they stand; everything else stays as it was written.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::{
    chat::{Fix, Place},
    json::{Object, Raw},
};

/// The reply with its fixes. It has been tidied, so that there is one spelling of everything.
pub(super) fn mend(body: &[u8], fixes: &[Fix]) -> Option<Bytes> {
    let mut reply = Object::parse(body).ok()?;
    let mut choices: Vec<Raw> = reply.peek("choices")?;
    for choice in &mut choices {
        let mut object = Object::of(choice).ok()?.into_owned();
        let index = object.peek("index").unwrap_or(0);
        if fixes.iter().any(|fix| fix.choice == index) {
            let message = message(object.get("message")?, index, fixes)?;
            object.set_raw("message", message);
            *choice = object.to_raw();
        }
    }
    reply.set("choices", &choices);
    Some(reply.to_bytes())
}

fn message(raw: &RawValue, choice: u64, fixes: &[Fix]) -> Option<Raw> {
    let mut message = Object::of(raw).ok()?.into_owned();
    if let Some(fix) = Fix::find(fixes, choice, Place::Text) {
        message.set("content", &fix.text);
        // Their places in the text are no longer true.
        message.remove("annotations");
    }
    let mut calls: Vec<Raw> = message.peek("tool_calls").unwrap_or_default();
    // Calls that are no functions are not counted.
    let mut at = 0;
    for call in &mut calls {
        let mut object = Object::of(call).ok()?.into_owned();
        let Some(function) = object.get("function") else {
            continue;
        };
        if let Some(fix) = Fix::find(fixes, choice, Place::Arguments(at)) {
            let mut function = Object::of(function).ok()?.into_owned();
            function.set("arguments", &fix.text);
            object.set_raw("function", function.to_raw());
            *call = object.to_raw();
        }
        at += 1;
    }
    if !calls.is_empty() {
        message.set("tool_calls", &calls);
    }
    Some(message.to_raw())
}
