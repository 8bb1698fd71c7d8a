//! How large what a tool gave is: in bytes of what is read of it, which is near enough to what it takes.

use serde_json::Value;

use super::{Content, Fault, Outcome, Output};

/// What a value, a piece or an outcome takes beside its text.
const FRAME: usize = 16;

pub(super) fn of_outcome(ran: &Result<Outcome, Fault>) -> usize {
    let output = match ran {
        Ok(Outcome::Done(output)) => Some(output),
        Ok(Outcome::Asks(_)) => None,
        Err(fault) => fault.output.as_deref(),
    };
    FRAME + output.map_or(0, of_output)
}

fn of_output(output: &Output) -> usize {
    let meta = output.meta.values().map(of_value).sum::<usize>();
    of_contents(&output.content) + output.structured.as_ref().map_or(0, of_value) + meta
}

pub(super) fn of_contents(contents: &[Content]) -> usize {
    contents.iter().map(of_content).sum()
}

pub(super) fn of_content(content: &Content) -> usize {
    match content {
        Content::Text(text) => text.len(),
        Content::Image { data, .. } | Content::Audio { data, .. } => data.len(),
        Content::Resource { uri, text, .. } => uri.len() + text.len(),
        Content::Blob { uri, data, .. } => uri.len() + data.len(),
        Content::Link {
            uri,
            name,
            title,
            description,
            ..
        } => {
            let texts = [title, description].into_iter().flatten();
            uri.len() + name.len() + texts.map(String::len).sum::<usize>()
        }
    }
}

pub(super) fn of_value(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => FRAME,
        Value::String(text) => FRAME + text.len(),
        Value::Array(items) => FRAME + items.iter().map(of_value).sum::<usize>(),
        Value::Object(members) => {
            let members = members.iter();
            let sizes = members.map(|(name, value)| FRAME + name.len() + of_value(value));
            FRAME + sizes.sum::<usize>()
        }
    }
}
