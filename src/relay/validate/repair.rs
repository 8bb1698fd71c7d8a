//! Puts JSON right that a model wrapped or punctuated wrongly. Nothing is invented: no bracket is closed, no quote
//! guessed, no member added; what is left out is what stands around the one value, and commas before a closing
//! bracket.

use serde::de::IgnoredAny;

/// A byte order mark, which some models' tokenizers put out.
const MARK: char = '\u{feff}';

/// The one JSON value in a text; `None` where there is none to be had without guessing. Valid JSON stays as it is.
pub(super) fn json(text: &str) -> Option<String> {
    if is_json(text) {
        return Some(text.to_owned());
    }
    let plain = text.trim_matches(|c: char| c.is_whitespace() || c == MARK);
    let parts = [Some(plain), fenced(plain), bracketed(plain)];
    let fenced_and_bracketed = fenced(plain).and_then(bracketed);
    let mut candidates = parts.into_iter().chain([fenced_and_bracketed]).flatten();
    candidates.find_map(|candidate| {
        let as_it_is = is_json(candidate).then(|| candidate.to_owned());
        as_it_is.or_else(|| Some(without_trailing_commas(candidate)).filter(|text| is_json(text)))
    })
}

/// The arguments of a call: as [`json`], and an object that was written as a string is taken out of it. `null` is
/// a call without arguments.
pub(super) fn arguments(text: &str) -> Option<String> {
    let text = json(text)?;
    if text.trim() == "null" {
        return Some("{}".to_owned());
    }
    match serde_json::from_str::<String>(&text) {
        Ok(inside) => json(&inside).filter(|inside| inside.starts_with('{')),
        Err(_) => Some(text),
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// What stands in the one fenced block of a text.
fn fenced(text: &str) -> Option<&str> {
    const FENCE: &str = "```";
    let mut parts = text.split(FENCE);
    let (_, inside, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    // The name of the language stands on the line of the fence, or directly before the value.
    let named = inside.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    let value = if named.starts_with(char::is_whitespace) {
        named
    } else {
        inside
    };
    Some(value.trim())
}

/// The text from its first bracket to its last. If that is a value, it is the only one in the text, for outside of
/// it there is no bracket; a value cut short is never mistaken for one inside it.
fn bracketed(text: &str) -> Option<&str> {
    let start = text.find(['{', '['])?;
    let end = text.rfind(['}', ']'])?;
    text.get(start..=end)
}

/// The text without commas that stand before a closing bracket, outside of strings.
fn without_trailing_commas(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        let comma = !in_string && c == ',';
        // A comma is one byte long.
        if comma && text[at + 1..].trim_start().starts_with(['}', ']']) {
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        out.push(c);
    }
    out
}
