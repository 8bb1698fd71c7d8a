//! Tool arguments: JSON text on OpenAI's side, a JSON object on Anthropic's.
//!
//! Key order and number spelling survive both ways; only white space between tokens is lost. Text that is no
//! JSON object (models do write such) is wrapped under [`RAW_KEY`], so that nothing the model said is
//! replaced by something it did not say.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json::{Object, Raw};

/// Holds arguments that are no JSON object, as a string.
pub(super) const RAW_KEY: &str = "_raw";

/// Arguments of a call as the object Anthropic wants.
pub(super) fn to_input(arguments: &str) -> Cow<'_, RawValue> {
    if arguments.trim().is_empty() {
        return Cow::Owned(Object::new().to_raw());
    }
    match serde_json::from_str::<&RawValue>(arguments) {
        Ok(raw) if is_object(raw) => Cow::Borrowed(raw),
        _ => {
            let mut wrapped = Object::new();
            wrapped.set(RAW_KEY, arguments);
            Cow::Owned(wrapped.to_raw())
        }
    }
}

/// The input of a `tool_use` block as compact JSON text. What was wrapped by [`to_input`] is unwrapped.
pub(super) fn from_input(input: &RawValue) -> String {
    let wrapped = input.get().contains(RAW_KEY).then(|| Object::of(input));
    if let Some(Ok(object)) = wrapped
        && object.iter().count() == 1
        && let Some(text) = object.peek::<String>(RAW_KEY)
    {
        return text;
    }
    compact(input)
}

pub(super) fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// JSON text without white space between its tokens.
fn compact(raw: &RawValue) -> String {
    let mut in_string = false;
    let mut escaped = false;
    let keep = |&c: &char| {
        if in_string {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            in_string = !ends;
            return true;
        }
        in_string = c == '"';
        !matches!(c, ' ' | '\t' | '\n' | '\r')
    };
    raw.get().chars().filter(keep).collect()
}

/// The schema of a tool's arguments: an object's, as the API insists on.
pub(super) fn input_schema(parameters: Option<&Raw>) -> Cow<'_, RawValue> {
    let Some(raw) = parameters.filter(|raw| is_object(raw)) else {
        let mut schema = Object::new();
        schema.set("type", "object");
        schema.set_raw("properties", Object::new().to_raw());
        return Cow::Owned(schema.to_raw());
    };
    match Object::of(raw) {
        Ok(mut schema) if !schema.has("type") => {
            schema.set("type", "object");
            Cow::Owned(schema.to_raw())
        }
        _ => Cow::Borrowed(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_an_object_whatever_the_model_wrote() {
        let check = |arguments: &str, expected: &str| {
            assert_eq!(to_input(arguments).get(), expected, "{arguments:?}");
        };
        check("", "{}");
        check(" \n", "{}");
        check(r#"{"b": 1.0, "a": 2}"#, r#"{"b": 1.0, "a": 2}"#);
        check(r#"{"city": "Os"#, r#"{"_raw":"{\"city\": \"Os"}"#);
        check("[1]", r#"{"_raw":"[1]"}"#);
        check("{} {}", r#"{"_raw":"{} {}"}"#);
    }

    #[test]
    fn input_becomes_compact_text() {
        let check = |input: &str, expected: &str| {
            let raw: &RawValue = serde_json::from_str(input).unwrap();
            assert_eq!(from_input(raw), expected, "{input:?}");
        };
        check(
            "{ \"a b\" : [ 1.0,\n\"\\\" \\\\\" , 2 ] }",
            r#"{"a b":[1.0,"\" \\",2]}"#,
        );
        check(r#"{"_raw":"{\"city\": \"Os"}"#, "{\"city\": \"Os");
        check(r#"{"_raw":1}"#, r#"{"_raw":1}"#);
    }

    #[test]
    fn a_schema_is_always_an_objects() {
        let check = |schema: Option<&str>, expected: &str| {
            let raw = schema.map(|text| RawValue::from_string(text.to_owned()).unwrap());
            assert_eq!(input_schema(raw.as_ref()).get(), expected);
        };
        check(None, r#"{"type":"object","properties":{}}"#);
        check(Some("null"), r#"{"type":"object","properties":{}}"#);
        check(
            Some(r#"{"properties":{}}"#),
            r#"{"properties":{},"type":"object"}"#,
        );
        check(Some(r#"{"type": "object"}"#), r#"{"type": "object"}"#);
    }
}
