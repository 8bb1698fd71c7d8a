//! What a tool gave, without what people do not see. Results are data, and stay data: they never touch a
//! description, and what a terminal or a model would obey without anybody seeing it does not reach one.

use serde_json::Value;

use super::{Content, Output};
use crate::character::cleaned;

/// Takes unwanted characters out of everything that is read as text.
pub(super) fn clean(output: &mut Output) {
    output.content.iter_mut().for_each(clean_content);
    if let Some(structured) = &mut output.structured {
        clean_value(structured);
    }
}

/// Takes unwanted characters out of what is read as text in a piece.
pub(crate) fn clean_content(content: &mut Content) {
    match content {
        Content::Text(text) | Content::Resource { text, .. } => clean_text(text),
        Content::Link {
            name,
            title,
            description,
            ..
        } => {
            clean_text(name);
            [title, description]
                .into_iter()
                .flatten()
                .for_each(clean_text);
        }
        // Base64 is no text.
        Content::Image { .. } | Content::Audio { .. } | Content::Blob { .. } => {}
    }
}

/// Takes unwanted characters out of a text.
pub(crate) fn clean_text(text: &mut String) {
    if let Some(clean) = cleaned(text) {
        *text = clean;
    }
}

/// Takes unwanted characters out of all texts of a value: no deeper than the parsers' limit of 128 levels, for it came through one or is of our making.
pub(super) fn clean_value(value: &mut Value) {
    match value {
        Value::String(text) => clean_text(text),
        Value::Array(items) => items.iter_mut().for_each(clean_value),
        Value::Object(members) => {
            let names = members.keys();
            let unclean = names.filter_map(|name| Some((name.clone(), cleaned(name)?)));
            let unclean: Vec<(String, String)> = unclean.collect();
            for (name, clean) in unclean {
                if let Some(value) = members.remove(&name) {
                    members.insert(clean, value);
                }
            }
            members.values_mut().for_each(clean_value);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
