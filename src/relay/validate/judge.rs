//! The verdict over answers.

use serde_json::{Value, value::RawValue};

use super::{
    expected::{Expected, Shape},
    fault::{Fault, FaultKind},
    repair,
};
use crate::{
    chat::{Answer, Finish, Fix, Place, ToolCall},
    schema::{Mismatch, shown, shown_text},
};

/// The most tools a sentence names.
const NAMED: usize = 8;

/// The longest name of a tool in a sentence, in characters: APIs allow 64.
const NAME: usize = 64;

/// What is to be done with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The caller gets it as it is.
    Pass,
    /// The caller gets it with these fixes.
    Repaired(Vec<Fix>),
    /// The caller does not get it.
    Invalid(Fault),
}

/// What is wrong, and the sentence that says so.
type Wrong = (FaultKind, String);

/// Checks every answer. One that cannot be saved makes all invalid: callers get all or none.
pub fn check(expected: &Expected, answers: &[Answer]) -> Verdict {
    let mut fixes = Vec::new();
    for answer in answers {
        if let Err(fault) = one(expected, answer, &mut fixes) {
            return Verdict::Invalid(fault);
        }
    }
    if fixes.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Repaired(fixes)
    }
}

fn one(expected: &Expected, answer: &Answer, fixes: &mut Vec<Fix>) -> Result<(), Fault> {
    let choice = answer.choice;
    // A cut answer need not be whole, and its caller sees that it was cut.
    let cut = matches!(answer.finish, Some(Finish::Length | Finish::ContentFilter));
    if cut || answer.refused {
        return Ok(());
    }
    let fault = |call| {
        move |(kind, message)| Fault {
            kind,
            choice,
            call,
            message,
        }
    };
    if answer.is_silent() {
        return Err(fault(None)((
            FaultKind::Empty,
            "The model's answer is empty".to_owned(),
        )));
    }
    for (at, call) in answer.calls.iter().enumerate() {
        let put_right = arguments(expected, call).map_err(fault(Some(at)))?;
        fixes.extend(put_right.map(|text| Fix {
            choice,
            place: Place::Arguments(at as u64),
            text,
        }));
    }
    // An answer that calls tools is not the final one: the JSON comes after their results.
    if answer.calls.is_empty() {
        let put_right = text(expected, &answer.text).map_err(fault(None))?;
        fixes.extend(put_right.map(|text| Fix {
            choice,
            place: Place::Text,
            text,
        }));
    }
    Ok(())
}

/// Checks a call. Gives the arguments that should stand in the place of the model's.
fn arguments(expected: &Expected, call: &ToolCall) -> Result<Option<String>, Wrong> {
    let Some(tools) = &expected.tools else {
        return Ok(None);
    };
    let name = shown_text(&call.name, NAME);
    let Some(schema) = tools.get(&call.name) else {
        if expected.other_tools {
            return Ok(None);
        }
        let mut names: Vec<&str> = tools.keys().map(String::as_str).collect();
        names.sort_unstable();
        let more = if names.len() > NAMED { ", …" } else { "" };
        names.truncate(NAMED);
        let names: Vec<String> = names.iter().map(|name| shown_text(name, NAME)).collect();
        let message = format!(
            "The model called the tool \"{name}\", which is not on offer; on offer: {}{more}",
            names.join(", ")
        );
        return Err((FaultKind::UnknownTool, message));
    };
    // No text is no arguments, and every writer writes it as an empty object.
    let written = match call.arguments.trim() {
        "" => "{}",
        _ => &call.arguments,
    };
    let fits = |value: &Value| fits(expected, schema.as_deref(), Some("object"), value);
    let wrong = match serde_json::from_str(written) {
        Ok(value) => match fits(&value) {
            Ok(()) => return Ok(None),
            Err(mismatch) => (
                FaultKind::ArgumentsOffSchema,
                format!("The arguments of the tool \"{name}\" do not fit its schema: {mismatch}"),
            ),
        },
        Err(error) => (
            FaultKind::BadArguments,
            format!("The arguments of the tool \"{name}\" are not valid JSON: {error}"),
        ),
    };
    mended(expected, repair::arguments(written), fits, wrong)
}

/// Checks a text. Gives the one that should stand in its place.
fn text(expected: &Expected, text: &str) -> Result<Option<String>, Wrong> {
    let (schema, kind) = match &expected.shape {
        Shape::Text => return Ok(None),
        Shape::Object => (None, Some("object")),
        Shape::Schema(schema) => (Some(&**schema), None),
    };
    let fits = |value: &Value| fits(expected, schema, kind, value);
    let wrong = match serde_json::from_str(text) {
        Ok(value) => match fits(&value) {
            Ok(()) => return Ok(None),
            Err(mismatch) => (
                FaultKind::OffSchema,
                format!("The answer is not the JSON that was asked for: {mismatch}"),
            ),
        },
        Err(error) => (
            FaultKind::NotJson,
            format!("The answer is not valid JSON, which was asked for: {error}"),
        ),
    };
    mended(expected, repair::json(text), fits, wrong)
}

/// A repaired text, if it is allowed, there is one, and it fits; else what was wrong.
fn mended(
    expected: &Expected,
    repaired: Option<String>,
    fits: impl Fn(&Value) -> Result<(), Mismatch>,
    wrong: Wrong,
) -> Result<Option<String>, Wrong> {
    let good = |text: &String| {
        let value = serde_json::from_str(text);
        value.is_ok_and(|value| fits(&value).is_ok())
    };
    let repaired = repaired.filter(|_| expected.repair).filter(good);
    repaired.map(Some).ok_or(wrong)
}

/// Whether a value is of a kind, and fits a schema as far as that can be known.
fn fits(
    expected: &Expected,
    schema: Option<&RawValue>,
    kind: Option<&str>,
    value: &Value,
) -> Result<(), Mismatch> {
    if kind == Some("object") && !value.is_object() {
        let value = shown(value);
        return Err(Mismatch::whole(format!("{value} is not of type object")));
    }
    let Some(schema) = schema else {
        return Ok(());
    };
    match &*expected.schemas.get(schema) {
        Ok(schema) => schema.check(value),
        Err(_) => Ok(()),
    }
}
