//! What must be true of a tool, a prompt, a resource or a template before anybody may be offered it, and how it is offered then.
//!
//! Models read what a server says of them as if an operator had said it. So what people cannot see is taken out of
//! it, what is longer than a page is cut, and one that would still not be what it reads as is not offered at all.

use rmcp::model::Tool;
use serde_json::{Map, Value, value::RawValue};

use super::{
    fingerprint::{fingerprint, fingerprint_of},
    item::Item,
    sheet::sheet,
    wording,
};
use crate::{
    character::{cleaned, harm, is_ignorable},
    schema::{Schema, header, shown_text},
};

/// The longest name, in letters: what the APIs of models take.
const LONGEST_NAME: usize = 64;

/// The longest name of a prompt and the longest address, in bytes: what servers take as a URL.
const LONGEST_ADDRESS: usize = 2_048;

/// The longest title and description that are handed on, in bytes: a line and a page, as for tools of the
/// configuration.
const LONGEST_TITLE: usize = 128;
const LONGEST_DESCRIPTION: usize = 4 * 1024;

/// The longest tool, in bytes, as it was sent and as it is written out for review. The largest of public servers have
/// some 50 KiB; what is longer than this nobody reviews.
const LONGEST: usize = 256 * 1024;

/// Something that was looked at.
#[derive(Debug)]
pub(super) struct Inspected {
    /// What it is approved by.
    pub(super) name: String,
    /// As it may be offered.
    pub(super) item: Item,
    /// All the server says of it.
    pub(super) value: Value,
    /// Its digest.
    pub(super) digest: String,
    /// The same for reading.
    pub(super) sheet: String,
    /// What an operator should look at twice.
    pub(super) warnings: Vec<String>,
    /// Why it may not be offered, whoever approves it.
    pub(super) unfit: Option<String>,
}

/// Looks at something of a server.
pub(super) fn inspect(server: &str, item: Item) -> Inspected {
    let value = item.value();
    let digest = match item.kind() {
        None => fingerprint(server, &value),
        Some(kind) => fingerprint_of(server, kind, &value),
    };
    let mut inspected = Inspected {
        name: item.name(),
        item,
        digest,
        sheet: String::new(),
        warnings: Vec::new(),
        unfit: None,
        value,
    };
    if let Err(why) = judge(&mut inspected) {
        inspected.unfit = Some(why);
    }
    inspected
}

fn judge(inspected: &mut Inspected) -> Result<(), String> {
    match &inspected.item {
        Item::Tool(tool) => name(&tool.name)?,
        other => address(other.own_name())?,
    }
    short("it", inspected.value.to_string().len())?;
    inspected.sheet = sheet(&inspected.value);
    short("written out for review it", inspected.sheet.len())?;
    let warnings = &mut inspected.warnings;
    let mut clean = inspected.value.clone();
    for (place, longest) in [
        ("/title", LONGEST_TITLE),
        ("/annotations/title", LONGEST_TITLE),
        ("/description", LONGEST_DESCRIPTION),
    ] {
        if let Some(Value::String(text)) = clean.pointer_mut(place) {
            tidy(text, warnings);
            cut(text, longest, &place[1..], warnings);
        }
    }
    for key in ["inputSchema", "outputSchema", "arguments"] {
        if let Some(schema) = clean.get_mut(key) {
            annotations(schema, warnings);
        }
    }
    let mut texts = String::new();
    for (name, member) in clean.as_object().into_iter().flatten() {
        visible(member)?;
        // Icons are pictures, whose base64 is meant to be there.
        if name != "icons" {
            collect(member, &mut texts);
        }
    }
    let told = wording::warnings(&texts).into_iter();
    warnings.extend(told.map(str::to_owned));
    let item = inspected.item.another(clean);
    let item = item.map_err(|error| error.to_string())?;
    if let Item::Tool(tool) = &item {
        callable(tool)?;
    }
    inspected.item = item;
    Ok(())
}

/// Whether arguments and results of a tool can be checked.
fn callable(tool: &Tool) -> Result<(), String> {
    compiles("input schema", &tool.input_schema)?;
    if let Some(schema) = &tool.output_schema {
        compiles("output schema", schema)?;
    }
    if let Some(problem) = header::problems(&tool.input_schema).first() {
        return Err(format!("its input schema: {}", problem.message));
    }
    Ok(())
}

/// MCP names tools with these letters, and so do the APIs of models but for the dot.
fn name(name: &str) -> Result<(), String> {
    let sane = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(sane) {
        let shown = shown_text(name, LONGEST_NAME);
        return Err(format!(
            "`{shown}` is no name for a tool: it may have 1 to {LONGEST_NAME} letters, digits, `_`, `-` and `.`"
        ));
    }
    Ok(())
}

/// The others are told apart by texts that are free but for what is not seen.
fn address(text: &str) -> Result<(), String> {
    let bytes = text.len();
    if text.is_empty() || bytes > LONGEST_ADDRESS {
        return Err(format!(
            "its name or address has {bytes} bytes, and 1 to {LONGEST_ADDRESS} are allowed"
        ));
    }
    Ok(())
}

fn short(what: &str, bytes: usize) -> Result<(), String> {
    if bytes > LONGEST {
        return Err(format!(
            "{what} has {bytes} bytes, and {LONGEST} are allowed"
        ));
    }
    Ok(())
}

/// Whether a character is not seen and not needed. The two joiners and the two that choose between text and picture are
/// part of how Persian and emoji are spelled.
fn is_unwanted(character: char) -> bool {
    let spelling = matches!(character, '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}');
    harm(character).is_some() || is_ignorable(character) && !spelling
}

fn first_unwanted(text: &str) -> Option<String> {
    let found = text.chars().find(|character| is_unwanted(*character))?;
    let code = u32::from(found);
    let shown = shown_text(text, 40);
    Some(format!(
        "\"{shown}\" holds a character that is not seen (U+{code:04X})"
    ))
}

/// Takes out what is not seen.
fn tidy(text: &mut String, warnings: &mut Vec<String>) {
    let Some(found) = first_unwanted(text) else {
        return;
    };
    warnings.push(format!("{found}, which is left out"));
    // Sequences for terminals first, or their letters would stay.
    let mut clean = cleaned(text).unwrap_or_else(|| text.clone());
    clean.retain(|character| !is_unwanted(character));
    *text = clean;
}

/// Keeps what fits.
fn cut(text: &mut String, longest: usize, what: &str, warnings: &mut Vec<String>) {
    const MARK: &str = "…";
    if text.len() <= longest {
        return;
    }
    let bytes = text.len();
    warnings.push(format!(
        "its {what} has {bytes} bytes, of which models are given the first {longest}"
    ));
    let end = text.floor_char_boundary(longest - MARK.len());
    text.truncate(end);
    text.push_str(MARK);
}

/// Tidies the texts of a schema that are only read. Those that values are compared with stay as they are.
fn annotations(schema: &mut Value, warnings: &mut Vec<String>) {
    match schema {
        Value::Array(items) => {
            items
                .iter_mut()
                .for_each(|item| annotations(item, warnings));
        }
        Value::Object(members) => {
            for (name, inner) in members {
                match (name.as_str(), inner) {
                    ("title" | "description" | "$comment", Value::String(text)) => {
                        tidy(text, warnings);
                    }
                    ("const" | "enum" | "default" | "examples", _) => {}
                    (_, inner) => annotations(inner, warnings),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether everything in a value is seen: names of arguments and values cannot be tidied without becoming others.
fn visible(value: &Value) -> Result<(), String> {
    let text = |text: &str| first_unwanted(text).map_or(Ok(()), Err);
    match value {
        Value::String(found) => text(found),
        Value::Array(items) => items.iter().try_for_each(visible),
        Value::Object(members) => members.iter().try_for_each(|(name, inner)| {
            text(name)?;
            visible(inner)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// All texts in a value, names included, each on a line.
fn collect(value: &Value, texts: &mut String) {
    let mut add = |text: &str| {
        texts.push_str(text);
        texts.push('\n');
    };
    match value {
        Value::String(text) => add(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => {
            for (name, inner) in members {
                texts.push_str(name);
                texts.push('\n');
                collect(inner, texts);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn compiles(what: &str, schema: &Map<String, Value>) -> Result<(), String> {
    if let Some(kind) = schema.get("type").filter(|kind| *kind != "object") {
        let kind = shown_text(&kind.to_string(), 40);
        return Err(format!("its {what} is of type {kind}, and not an object"));
    }
    let text = serde_json::to_string(schema).and_then(RawValue::from_string);
    let text = text.map_err(|error| error.to_string())?;
    let compiled = Schema::compile_with_formats(&text);
    compiled
        .map(drop)
        .map_err(|unusable| format!("its {what}: {unusable}"))
}

#[cfg(test)]
#[path = "hygiene_tests.rs"]
mod tests;
