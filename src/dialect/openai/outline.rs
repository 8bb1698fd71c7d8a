//! The outline of a request: one pass over the top level, with OpenAI's words for what is wrong.

use serde_json::value::RawValue;

use crate::{
    chat::{Outline, look},
    dialect::Malformed,
    json::Object,
};

use super::needs::{effort, needs, shape};

/// The most answers one request may ask for, as at OpenAI.
const MOST_ANSWERS: u64 = 128;

/// Reads the outline of a chat request.
pub(super) fn read(object: &Object<'_>) -> Result<Outline, Malformed> {
    let model = model(object)?;
    let messages = required_list(object, "messages")?;
    let tools = object.get("tools").filter(|raw| !is_null(raw));
    if let Some(tools) = tools.filter(|raw| !is_list(raw)) {
        return Err(wrong_type("tools", "an array of objects", tools));
    }
    let look = look(messages.get());
    Ok(Outline {
        model,
        stream: bool_of(object, "stream")?.unwrap_or(false),
        include_usage: include_usage(object)?,
        max_tokens: match whole(object, "max_completion_tokens")? {
            Some(most) => Some(most),
            None => whole(object, "max_tokens")?,
        },
        n: answers(object)?,
        needs: needs(object, look),
        shape: shape(object),
        effort: effort(object),
        prompt_bytes: look.bytes + tools.map_or(0, |raw| raw.get().len() as u64),
    })
}

/// Parses the top level of a caller's body.
pub(super) fn parse(body: &[u8]) -> Result<Object<'_>, Malformed> {
    Object::parse(body).map_err(|error| {
        Malformed::new(format!(
            "We could not parse the JSON body of your request: {error}."
        ))
    })
}

/// The model asked for.
pub(super) fn model(object: &Object<'_>) -> Result<String, Malformed> {
    let missing = || Malformed::at("model", "you must provide a model parameter");
    let raw = object
        .get("model")
        .filter(|raw| !is_null(raw))
        .ok_or_else(missing)?;
    let model: String =
        serde_json::from_str(raw.get()).map_err(|_| wrong_type("model", "a string", raw))?;
    if model.is_empty() {
        return Err(missing());
    }
    Ok(model)
}

/// A list that must be there and must hold something.
fn required_list<'a>(object: &'a Object<'_>, key: &str) -> Result<&'a RawValue, Malformed> {
    let raw = object
        .get(key)
        .filter(|raw| !is_null(raw))
        .ok_or_else(|| Malformed::at(key, format!("Missing required parameter: '{key}'.")))?;
    if !is_list(raw) {
        return Err(wrong_type(key, "an array of objects", raw));
    }
    if !is_filled_list(raw) {
        let message = format!(
            "Invalid '{key}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        );
        return Err(Malformed::at(key, message));
    }
    Ok(raw)
}

fn include_usage(object: &Object<'_>) -> Result<bool, Malformed> {
    let Some(raw) = object.get("stream_options").filter(|raw| !is_null(raw)) else {
        return Ok(false);
    };
    let options = Object::of(raw).map_err(|_| wrong_type("stream_options", "an object", raw))?;
    let wanted = bool_of(&options, "include_usage");
    let inside = |malformed: Malformed| Malformed {
        param: Some("stream_options.include_usage".to_owned()),
        ..malformed
    };
    Ok(wanted.map_err(inside)?.unwrap_or(false))
}

fn answers(object: &Object<'_>) -> Result<u64, Malformed> {
    let n = whole(object, "n")?.unwrap_or(1);
    let bound = |bound, word| {
        let message = format!(
            "Invalid 'n': integer {word} value. Expected a value {bound}, but got {n} instead."
        );
        Err(Malformed::at("n", message))
    };
    match n {
        0 => bound(">= 1".to_owned(), "below minimum"),
        1..=MOST_ANSWERS => Ok(n),
        _ => bound(format!("<= {MOST_ANSWERS}"), "above maximum"),
    }
}

fn bool_of(object: &Object<'_>, key: &str) -> Result<Option<bool>, Malformed> {
    typed(object, key, "a boolean")
}

/// A whole number from 0, such as a limit.
pub(super) fn whole(object: &Object<'_>, key: &str) -> Result<Option<u64>, Malformed> {
    let raw = object.get(key);
    if let Some(raw) = raw.filter(|raw| raw.get().starts_with('-')) {
        let message = format!(
            "Invalid '{key}': integer below minimum value. Expected a value >= 0, but got {} instead.",
            raw.get()
        );
        return Err(Malformed::at(key, message));
    }
    typed(object, key, "an integer")
}

/// A value of one type; `None` when absent or null.
pub(super) fn typed<T: serde::de::DeserializeOwned>(
    object: &Object<'_>,
    key: &str,
    expected: &str,
) -> Result<Option<T>, Malformed> {
    let Some(raw) = object.get(key) else {
        return Ok(None);
    };
    serde_json::from_str(raw.get()).map_err(|_| wrong_type(key, expected, raw))
}

/// OpenAI's sentence about a wrong type.
pub(super) fn wrong_type(param: &str, expected: &str, raw: &RawValue) -> Malformed {
    let got = match raw.get().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') | None => "null",
        Some(_) if raw.get().contains(['.', 'e', 'E']) => "a decimal number",
        Some(_) => "an integer",
    };
    let message =
        format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
    Malformed::at(param, message)
}

/// Whether a value is `null`.
pub(super) fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

fn is_list(raw: &RawValue) -> bool {
    raw.get().starts_with('[')
}

/// Whether a value is a list with something in it.
pub(super) fn is_filled_list(raw: &RawValue) -> bool {
    let inside = raw.get().strip_prefix('[').map(str::trim_start);
    inside.is_some_and(|inside| !inside.starts_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Effort, Needs, Shape};

    fn outline(body: &[u8]) -> Result<Outline, Malformed> {
        read(&parse(body)?)
    }

    fn check(body: &str, param: Option<&str>, message: &str) {
        let error = outline(body.as_bytes()).unwrap_err();
        assert_eq!(error.param.as_deref(), param, "{body}");
        assert!(error.message.contains(message), "{body}: {error}");
    }

    #[test]
    fn what_is_no_request_is_told_as_openai_would() {
        let json = "could not parse the JSON body";
        check("", None, json);
        check("[]", None, json);
        check(
            r#"{"model":"a","model":"b","messages":[{}]}"#,
            None,
            "stands twice",
        );
        check(&format!(r#"{{"x":{}"#, "[".repeat(100_000)), None, json);
        let with = |field: &str| format!(r#"{{"model":"m","messages":[{{}}],{field}}}"#);
        check("{}", Some("model"), "you must provide a model parameter");
        check(r#"{"model":null}"#, Some("model"), "must provide");
        check(r#"{"model":""}"#, Some("model"), "must provide");
        check(
            r#"{"model":7}"#,
            Some("model"),
            "expected a string, but got an integer",
        );
        check(
            r#"{"model":"m"}"#,
            Some("messages"),
            "Missing required parameter: 'messages'.",
        );
        check(
            r#"{"model":"m","messages":{}}"#,
            Some("messages"),
            "but got an object",
        );
        check(
            r#"{"model":"m","messages":[ ]}"#,
            Some("messages"),
            "empty array",
        );
        check(
            &with(r#""stream":"yes""#),
            Some("stream"),
            "expected a boolean, but got a string",
        );
        check(
            &with(r#""stream_options":1"#),
            Some("stream_options"),
            "expected an object",
        );
        check(
            &with(r#""stream_options":{"include_usage":1}"#),
            Some("stream_options.include_usage"),
            "expected a boolean",
        );
        check(&with(r#""n":0"#), Some("n"), ">= 1");
        check(&with(r#""n":129"#), Some("n"), "<= 128");
        check(&with(r#""max_tokens":-1"#), Some("max_tokens"), ">= 0");
        check(
            &with(r#""max_tokens":1.5"#),
            Some("max_tokens"),
            "got a decimal number",
        );
        check(&with(r#""tools":{}"#), Some("tools"), "expected an array");
    }

    #[test]
    fn an_outline_holds_what_planning_needs() {
        let body = br#"{"messages":[{"role":"user","content":[{"type":"image_url"}]}],"model":"m","stream":true,"stream_options":{"include_usage":true},
            "max_tokens":5,"max_completion_tokens":7,"n":2,"tools":[{}],"user":null,"response_format":{"type":"json_object"},"reasoning_effort":"low"}"#;
        let expected = Outline {
            model: "m".to_owned(),
            stream: true,
            include_usage: true,
            max_tokens: Some(7),
            n: 2,
            needs: Needs {
                tools: true,
                reasoning: true,
                images: true,
                ..Needs::default()
            },
            shape: Shape::JsonObject,
            effort: Some(Effort::Low),
            prompt_bytes: 54,
        };
        assert_eq!(outline(body).unwrap(), expected);
    }
}
