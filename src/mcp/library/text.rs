//! Texts with expressions, compiled against the names they may use.

use std::borrow::Cow;

use rmcp::ErrorData;
use serde_json::Value;

use crate::{access::Caller, expr::Template, problem::Problem, tools::Input};

/// Compiles a text whose expressions may use these members of `input`.
pub(super) fn compile(text: &str, members: &[&str]) -> Result<Template, Problem> {
    let here = |message: String| Problem::new(Vec::<String>::new(), message);
    let template = Template::compile(text).map_err(|bad| Problem {
        expected: bad.expected.clone(),
        nearest: bad.nearest.clone(),
        ..here(bad.to_string())
    })?;
    for name in template.names() {
        let known = match name.strip_prefix("input.") {
            Some(member) => members.contains(&member),
            None => Input::knows(name),
        };
        if !known {
            let names: Vec<String> = members.iter().map(|it| format!("input.{it}")).collect();
            let problem = here(format!("there is no value `{name}`"));
            let problem = problem.suggest(name, names.iter().map(String::as_str));
            let listed = names.iter().map(String::as_str).chain(["caller.name"]);
            return Err(problem.expected(listed.collect::<Vec<_>>().join(", ")));
        }
    }
    Ok(template)
}

/// Whether values inside of a text are to be written as inside of a JSON string.
pub(super) fn is_json(mime: Option<&str>) -> bool {
    let mime = mime.map(|mime| mime.split(';').next().unwrap_or(mime).trim());
    mime.is_some_and(|mime| mime == "application/json" || mime.ends_with("+json"))
}

/// The text for one caller.
pub(super) fn render(
    template: &Template,
    input: &Value,
    caller: &Caller,
    json: bool,
) -> Result<String, ErrorData> {
    let roots = Input {
        arguments: input,
        caller: &caller.name,
    };
    let text = match json && !template.is_one_value() {
        true => template.text(&roots, |value| Cow::Owned(inside_a_string(value))),
        false => template.text(&roots, |value| Cow::Borrowed(value)),
    };
    text.map_err(|error| {
        ErrorData::invalid_params(format!("The text cannot be made: {error}"), None)
    })
}

/// A value as it stands between the quotes of a JSON string: a quote in it must not end that string.
fn inside_a_string(value: &str) -> String {
    let quoted = Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
