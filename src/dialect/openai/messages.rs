//! A card's quirks on messages and tools.
//!
//! Messages are the bulk of a request and usually need nothing, so they are parsed only when a quirk is about
//! every turn or one pass over the raw text finds a key or word that decides. Quotes inside JSON strings are
//! escaped, so `"cache_control"` with its quotes is a whole string of the text: a key, or at worst a value.

use memchr::memchr_iter;
use serde_json::value::RawValue;

use super::{rewrite::cannot, tool_ids::Ids};
use crate::{
    catalog::{Ability, ReasoningHistory, Target, ToolIds},
    json::{Object, Raw, raw},
    outcome::{ErrorClass, Failure},
};

const REASONING: &str = "reasoning_content";
const DETAILS: &str = "reasoning_details";
const EXTRA: &str = "extra_content";
const CACHE: &str = "cache_control";

/// What the scan looks for. The order is that of the constants below.
const MARKERS: [&str; 8] = [
    "\"reasoning_content\"",
    "\"reasoning_details\"",
    "\"extra_content\"",
    "\"cache_control\"",
    "\"image_url\"",
    "\"input_audio\"",
    "\"tool_calls\"",
    "\"tool_call_id\"",
];
const IMAGE_AT: usize = 4;
const AUDIO_AT: usize = 5;
const CALLS_AT: usize = 6;
const RESULT_AT: usize = 7;

/// Which markers stand in a text.
#[derive(Clone, Copy, Default)]
struct Found([bool; MARKERS.len()]);

impl Found {
    /// Looks at the text around each underscore: every marker has one, prose hardly any, and to find one byte is
    /// several times cheaper than to find one of eight words.
    fn scan(text: &str) -> Self {
        let text = text.as_bytes();
        let mut found = Self::default();
        for at in memchr_iter(b'_', text) {
            for (word, marker) in MARKERS.iter().enumerate() {
                found.0[word] |= stands(marker, UNDERSCORES[word], text, at);
            }
        }
        found
    }
}

/// Where the first underscore of each marker is.
const UNDERSCORES: [usize; MARKERS.len()] = {
    let mut found = [0; MARKERS.len()];
    let mut word = 0;
    while word < MARKERS.len() {
        while MARKERS[word].as_bytes()[found[word]] != b'_' {
            found[word] += 1;
        }
        word += 1;
    }
    found
};

/// Whether `marker` stands in `text` with its underscore at `at`.
fn stands(marker: &str, underscore: usize, text: &[u8], at: usize) -> bool {
    let start = at.checked_sub(underscore);
    let rest = start.and_then(|start| text.get(start..));
    // Most underscores are no marker's: the quote tells soon.
    rest.is_some_and(|rest| rest[0] == b'"' && rest.starts_with(marker.as_bytes()))
}

/// Rewrites `messages` and `tools` where the card asks for it.
pub(super) fn rewrite(object: &mut Object<'_>, target: &Target) -> Result<(), Failure> {
    let quirks = &target.card.quirks;
    let strips_cache = !keeps(target, CACHE);
    if strips_cache
        && object
            .get("tools")
            .is_some_and(|tools| Found::scan(tools.get()).0[3])
    {
        let tools = edit_list(object.get("tools"), "tools", |tool, _| {
            tool.remove(CACHE);
            inside(tool, "function", |function| drop(function.remove(CACHE)));
            Ok(())
        })?;
        object.set_raw("tools", tools);
    }
    if strips_cache {
        object.remove(CACHE);
    }
    let Some(messages) = object.get("messages") else {
        return Ok(());
    };
    let found = Found::scan(messages.get());
    let renames = quirks
        .roles
        .keys()
        .any(|role| messages.get().contains(raw(role).get()));
    let stripped: Vec<&str> = [REASONING, DETAILS, EXTRA, CACHE]
        .into_iter()
        .zip(found.0)
        .filter(|&(key, there)| there && !keeps(target, key))
        .map(|(key, _)| key)
        .collect();
    let fills = match quirks.reasoning_history {
        ReasoningHistory::Required => true,
        ReasoningHistory::RequiredWithToolCalls => found.0[CALLS_AT],
        ReasoningHistory::Drop | ReasoningHistory::Keep => false,
    };
    let ids = quirks.tool_ids != ToolIds::Any && (found.0[CALLS_AT] || found.0[RESULT_AT]);
    let refuses = [
        (IMAGE_AT, Ability::Vision, "image_url"),
        (AUDIO_AT, Ability::AudioInput, "input_audio"),
    ];
    let refused: Vec<&str> = refuses
        .into_iter()
        .filter(|&(at, ability, _)| found.0[at] && cannot(target, ability))
        .map(|(_, _, kind)| kind)
        .collect();
    if !(renames || fills || ids) && stripped.is_empty() && refused.is_empty() {
        return Ok(());
    }

    let mut ids = ids.then(Ids::default);
    let messages = edit_list(Some(messages), "messages", |message, at| {
        refuse(message, at, &refused)?;
        let role = message.peek::<String>("role").unwrap_or_default();
        if let Some(renamed) = quirks.roles.get(&role) {
            message.set("role", renamed);
        }
        for key in &stripped {
            strip(message, key);
        }
        if fills && role == "assistant" {
            fill(message, quirks.reasoning_history);
        }
        if let Some(ids) = &mut ids {
            ids.rewrite(message);
        }
        Ok(())
    })?;
    object.set_raw("messages", messages);
    Ok(())
}

/// Whether a gateway extension may reach the provider.
fn keeps(target: &Target, extension: &str) -> bool {
    let quirks = &target.card.quirks;
    let history = extension == REASONING && quirks.reasoning_history != ReasoningHistory::Drop;
    history || quirks.keep_extensions.iter().any(|kept| kept == extension)
}

/// Fails on a part whose kind is refused.
fn refuse(message: &Object<'_>, at: usize, refused: &[&str]) -> Result<(), Failure> {
    if refused.is_empty() {
        return Ok(());
    }
    let parts: Vec<&RawValue> = list(message.get("content")).unwrap_or_default();
    for (part_at, part) in parts.into_iter().enumerate() {
        let kind = Object::of(part)
            .ok()
            .and_then(|part| part.peek::<String>("type"));
        if let Some(kind) = kind.filter(|kind| refused.contains(&kind.as_str())) {
            return Err(Failure::unsupported(
                format!("{kind} is not supported by this model"),
                format!("messages[{at}].content[{part_at}]"),
            ));
        }
    }
    Ok(())
}

/// Removes an extension from a message, its parts and its calls.
fn strip(message: &mut Object<'_>, key: &str) {
    message.remove(key);
    for (list_key, inner) in [("content", None), ("tool_calls", Some("function"))] {
        if !message
            .get(list_key)
            .is_some_and(|list| list.get().contains(key))
        {
            continue;
        }
        let edited = edit_list(message.get(list_key), list_key, |part, _| {
            part.remove(key);
            if let Some(inner) = inner {
                inside(part, inner, |inner| drop(inner.remove(key)));
            }
            Ok(())
        });
        // A string that merely mentions the key is no list: it stays.
        if let Ok(edited) = edited {
            message.set_raw(list_key, edited);
        }
    }
}

/// Gives an assistant turn the reasoning its provider insists on.
fn fill(message: &mut Object<'_>, history: ReasoningHistory) {
    if message.has(REASONING) {
        return;
    }
    match history {
        ReasoningHistory::Required => message.set(REASONING, ""),
        ReasoningHistory::RequiredWithToolCalls if message.has("tool_calls") => {
            message.set(REASONING, " ");
        }
        _ => {}
    }
}

/// Edits the object under `key`, if there is one.
fn inside(object: &mut Object<'_>, key: &str, edit: impl FnOnce(&mut Object<'_>)) {
    let edited = object.get(key).and_then(|value| {
        let mut inner = Object::of(value).ok()?;
        edit(&mut inner);
        Some(inner.to_raw())
    });
    if let Some(edited) = edited {
        object.set_raw(key.to_owned(), edited);
    }
}

fn list(value: Option<&RawValue>) -> serde_json::Result<Vec<&RawValue>> {
    serde_json::from_str(value.unwrap_or(RawValue::NULL).get())
}

/// Edits each object of a list. Fails on what is none.
pub(super) fn edit_list(
    value: Option<&RawValue>,
    key: &str,
    mut edit: impl FnMut(&mut Object<'_>, usize) -> Result<(), Failure>,
) -> Result<Raw, Failure> {
    let wrong = |path: String| {
        let message = format!("Invalid type for '{path}': expected an object.");
        Failure::new(ErrorClass::InvalidRequest, message).with_param(path)
    };
    let mut edited = Vec::new();
    for (at, item) in list(value)
        .map_err(|_| wrong(key.to_owned()))?
        .into_iter()
        .enumerate()
    {
        let mut object = Object::of(item).map_err(|_| wrong(format!("{key}[{at}]")))?;
        edit(&mut object, at)?;
        edited.push(object);
    }
    Ok(raw(&edited))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scan_finds_whole_words_wherever_they_stand() {
        for (word, marker) in MARKERS.iter().enumerate() {
            let found = |text: &str| Found::scan(text).0;
            let mut expected = [false; MARKERS.len()];
            assert_eq!(found(&marker[1..]), expected, "its quote is missing");
            assert_eq!(found(&format!("_ x{}", marker.replace('"', ""))), expected);
            expected[word] = true;
            assert_eq!(found(marker), expected);
            assert_eq!(found(&format!("{{\"a_b\":_1,{marker}:[1]}}")), expected);
        }
    }
}
