//! Templates over a call's arguments, and what makes an argument unfit.

use serde_json::Value;

use crate::{
    expr::{EvalError, Template},
    problem::Problem,
    tools::{Fault, FaultClass, input::Input},
};

/// A template over the arguments.
#[derive(Debug)]
pub(super) enum Filled {
    /// One argument and nothing else: then "left out" is told from null, and its name may be a word of the language.
    Argument(String),
    /// A text with expressions in it, or one expression.
    Text(Template),
}

/// Why arguments make no request, in a sentence for the model.
#[derive(Debug)]
pub(super) struct Unfit(pub(super) String);

impl From<EvalError> for Unfit {
    fn from(error: EvalError) -> Self {
        // It holds no values.
        Self(format!("These arguments make no request: {error}"))
    }
}

impl From<Unfit> for Fault {
    fn from(unfit: Unfit) -> Self {
        Self::new(FaultClass::InvalidArguments, unfit.0)
    }
}

impl Filled {
    /// Compiles a template; problems are at `path`.
    pub(super) fn compile(text: &str, path: &[&str]) -> Result<Self, Problem> {
        match lone_argument(text) {
            Some(name) => Ok(Self::Argument(name.to_owned())),
            None => template(text, path).map(Self::Text),
        }
    }

    /// Its value; `None` where it is an argument that was left out.
    pub(super) fn value(&self, input: &Input<'_>) -> Result<Option<Value>, Unfit> {
        match self {
            Self::Argument(name) => Ok(input.arguments.get(name).cloned()),
            Self::Text(template) => Ok(Some(template.value(input)?)),
        }
    }

    /// Its value as texts, none for null: where a name may stand several times, a list is several.
    pub(super) fn texts(&self, input: &Input<'_>) -> Result<Vec<String>, Unfit> {
        let value = self.value(input)?.unwrap_or_default();
        Ok(match value {
            Value::Null => Vec::new(),
            Value::Array(items) => items.into_iter().map(text).collect(),
            other => vec![text(other)],
        })
    }

    /// Its value as one text; `None` for null.
    pub(super) fn text(&self, input: &Input<'_>) -> Result<Option<String>, Unfit> {
        let value = self.value(input)?.filter(|value| !value.is_null());
        Ok(value.map(text))
    }
}

/// Compiles a template over the arguments; problems are at `path`.
pub(super) fn template(text: &str, path: &[&str]) -> Result<Template, Problem> {
    let template = Template::compile(text).map_err(|bad| {
        let problem = Problem::new(path.iter().copied(), bad.to_string());
        Problem {
            expected: bad.expected,
            nearest: bad.nearest,
            ..problem
        }
    })?;
    if let Some(unknown) = template.names().find(|name| !Input::knows(name)) {
        let message = format!("there is no `{unknown}` here");
        let problem = Problem::new(path.iter().copied(), message);
        return Err(problem.expected("`input`, `input.NAME` or `caller.name`"));
    }
    Ok(template)
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The argument that a text is, as `${input.NAME}` or `${input["NAME"]}`.
fn lone_argument(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("${input")?.strip_suffix('}')?;
    if let Some(name) = inside.strip_prefix('.') {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        return (!name.is_empty() && name.chars().all(plain)).then_some(name);
    }
    let name = inside.strip_prefix("[\"")?.strip_suffix("\"]")?;
    (!name.contains(['"', '\\'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_argument_alone_is_told_from_an_expression() {
        for (text, argument) in [
            ("${input.a_1}", Some("a_1")),
            ("${input[\"x-y\"]}", Some("x-y")),
            ("${input}", None),
            ("${input.a.b}", None),
            ("${input.a + 1}", None),
            ("${input.a}${input.b}", None),
            (" ${input.a}", None),
            ("${inputs}", None),
            ("${input[\"a\\\"b\"]}", None),
            ("${input[\"a\"] + input[\"b\"]}", None),
        ] {
            assert_eq!(lone_argument(text), argument, "{text}");
        }
    }

    #[test]
    fn what_was_left_out_is_not_null() {
        let arguments = json!({"null": null, "list": [1, "b", {"c": 2}], "x-y": "z"});
        let input = Input {
            arguments: &arguments,
            caller: "ci",
        };
        let filled = |text: &str| Filled::compile(text, &[]).unwrap();
        assert_eq!(filled("${input.gone}").value(&input).unwrap(), None);
        assert_eq!(
            filled("${input.null}").value(&input).unwrap(),
            Some(json!(null))
        );
        assert_eq!(filled("${input.gone}").text(&input).unwrap(), None);
        assert_eq!(filled("${input.null}").text(&input).unwrap(), None);
        assert_eq!(
            filled("${input[\"x-y\"]}!").text(&input).unwrap().unwrap(),
            "z!"
        );
        assert_eq!(
            filled("${caller.name}").text(&input).unwrap().unwrap(),
            "ci"
        );
        let list = filled("${input.list}").texts(&input).unwrap();
        assert_eq!(list, ["1", "b", r#"{"c":2}"#]);
    }

    #[test]
    fn unknown_names_are_problems() {
        for bad in ["${secret}", "${input.x", "${env.HOME}", "${caller.key}"] {
            let problem = Filled::compile(bad, &["query", "q"]).unwrap_err();
            assert_eq!(problem.path, ["query", "q"], "{bad}");
        }
    }
}
