//! What stands in a tool's description and schemas is read by models as if its operator had said it: it must be
//! short enough to be reviewed, and hold nothing that a reviewer cannot see.

use serde_json::{Map, Value};

use super::Common;
use crate::{character::first_harm, problem::Problem, schema::shown_text};

/// The longest description, in bytes: a page. Everything in it is paid for by every conversation that lists tools.
const LONGEST_DESCRIPTION: usize = 4 * 1024;

/// The longest title, in bytes: a line.
const LONGEST_TITLE: usize = 128;

/// What is wrong with the texts of a tool. Paths start at its keys.
pub(super) fn problems(common: &Common) -> Vec<Problem> {
    let mut problems = Vec::new();
    if common.description.trim().is_empty() {
        let problem = Problem::new(["description"], "there is no description");
        problems.push(problem.expected("what the tool does and when to use it, for the model"));
    }
    let title = common.title.as_deref().unwrap_or_default();
    for (key, text, longest) in [
        ("title", title, LONGEST_TITLE),
        ("description", &common.description, LONGEST_DESCRIPTION),
    ] {
        if text.len() > longest {
            let message = format!("the {key} has {} bytes", text.len());
            problems.push(Problem::new([key], message).expected(format!("at most {longest}")));
        }
        problems.extend(unwanted(text).map(|why| Problem::new([key], why)));
    }
    problems
}

/// What is wrong with the texts of a schema, the first of them.
pub(super) fn schema_problem(key: &str, schema: &Map<String, Value>) -> Option<Problem> {
    let found = schema
        .iter()
        .find_map(|(name, value)| unwanted(name).or_else(|| in_value(value, 1)));
    found.map(|why| Problem::new([key], why))
}

/// No schema that compiles is nested deeper than this; one that is says so itself.
const MAX_DEPTH: usize = 64;

fn in_value(value: &Value, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::String(text) => unwanted(text),
        Value::Array(items) => items.iter().find_map(|item| in_value(item, depth + 1)),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, value)| unwanted(name).or_else(|| in_value(value, depth + 1))),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn unwanted(text: &str) -> Option<String> {
    let (character, harm) = first_harm(text)?;
    let code = u32::from(character);
    let shown = shown_text(text, 40);
    Some(format!("\"{shown}\" holds {} (U+{code:04X})", harm.name()))
}
