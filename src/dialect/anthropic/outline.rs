//! The outline of a messages request: one look at the top level, errors in Anthropic's wording.

use serde_json::value::RawValue;

use crate::{
    chat::{Outline, look},
    dialect::Malformed,
    json::Object,
};

use super::needs::{effort, needs, shape};

/// Parses the top level of a body.
pub(super) fn parse(body: &[u8]) -> Result<Object<'_>, Malformed> {
    Object::parse(body)
        .map_err(|error| Malformed::new(format!("The request body is not a JSON object: {error}")))
}

/// Reads the outline of a request.
pub(super) fn read(object: &Object<'_>) -> Result<Outline, Malformed> {
    let model = text(object.get("model"), "model")?;
    if model.is_empty() {
        let message = "model: String should have at least 1 character";
        return Err(Malformed::at("model", message));
    }
    let max_tokens = whole(
        required(object.get("max_tokens"), "max_tokens")?,
        "max_tokens",
    )?;
    let messages = required(object.get("messages"), "messages")?;
    if list(messages, "messages")?.is_empty() {
        let message = "messages: at least one message is required";
        return Err(Malformed::at("messages", message));
    }
    let tools = match object.get("tools").filter(|raw| !is_null(raw)) {
        Some(tools) => !list(tools, "tools")?.is_empty(),
        None => false,
    };
    let stream = object.read::<bool>("stream");
    let stream = stream.map_err(|_| invalid("stream", "Input should be a valid boolean"))?;
    let look = look(messages.get());
    let size = |key| object.get(key).map_or(0, |raw| raw.get().len() as u64);
    Ok(Outline {
        model,
        stream: stream.unwrap_or(false),
        // This dialect's streams always tell the usage.
        include_usage: true,
        max_tokens: Some(max_tokens),
        n: 1,
        needs: needs(object, tools, look),
        shape: shape(object),
        effort: effort(object),
        prompt_bytes: look.bytes + size("system") + size("tools"),
    })
}

/// A member that must be there.
pub(super) fn required<'a>(
    raw: Option<&'a RawValue>,
    path: &str,
) -> Result<&'a RawValue, Malformed> {
    raw.ok_or_else(|| invalid(path, "Field required"))
}

/// A member that must be a list.
pub(super) fn list<'a>(raw: &'a RawValue, path: &str) -> Result<Vec<&'a RawValue>, Malformed> {
    serde_json::from_str(raw.get()).map_err(|_| invalid(path, "Input should be a valid array"))
}

/// A member that must be there and be a string.
pub(super) fn text(raw: Option<&RawValue>, path: &str) -> Result<String, Malformed> {
    let raw = required(raw, path)?;
    serde_json::from_str(raw.get()).map_err(|_| invalid(path, "Input should be a valid string"))
}

/// A member that must be an object.
pub(super) fn object<'a>(raw: &'a RawValue, path: &str) -> Result<Object<'a>, Malformed> {
    Object::of(raw).map_err(|_| invalid(path, "Input should be an object"))
}

/// What is wrong, at its path.
pub(super) fn invalid(path: &str, what: &str) -> Malformed {
    Malformed::at(path, format!("{path}: {what}"))
}

pub(super) fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

fn whole(raw: &RawValue, path: &str) -> Result<u64, Malformed> {
    let text = raw.get();
    text.parse::<u64>().map_err(|_| match text.parse::<i64>() {
        Ok(_) => invalid(path, "Input should be greater than or equal to 0"),
        Err(_) => invalid(path, "Input should be a valid integer"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Effort, Needs, Shape};

    fn outline(body: &[u8]) -> Result<Outline, Malformed> {
        read(&parse(body)?)
    }

    #[test]
    fn what_is_wrong_is_said_as_anthropic_says_it() {
        let check = |body: &str, message: &str, param: Option<&str>| {
            let malformed = outline(body.as_bytes()).unwrap_err();
            assert!(malformed.message.starts_with(message), "{malformed}");
            assert_eq!(malformed.param.as_deref(), param);
        };
        let json = "The request body is not a JSON object";
        check("", json, None);
        check("[]", json, None);
        check(r#"{"model":"a","model":"b"}"#, json, None);
        check("{}", "model: Field required", Some("model"));
        check(
            r#"{"model":1}"#,
            "model: Input should be a valid string",
            Some("model"),
        );
        check(
            r#"{"model":""}"#,
            "model: String should have",
            Some("model"),
        );
        let with = |rest: &str| format!(r#"{{"model":"m",{rest}}}"#);
        let tokens = Some("max_tokens");
        check(
            &with(r#""messages":[1]"#),
            "max_tokens: Field required",
            tokens,
        );
        check(
            &with(r#""max_tokens":-1"#),
            "max_tokens: Input should be greater",
            tokens,
        );
        check(
            &with(r#""max_tokens":1.5"#),
            "max_tokens: Input should be a valid integer",
            tokens,
        );
        check(
            &with(r#""max_tokens":"9""#),
            "max_tokens: Input should be a valid integer",
            tokens,
        );
        let messages = Some("messages");
        check(
            &with(r#""max_tokens":1"#),
            "messages: Field required",
            messages,
        );
        check(
            &with(r#""max_tokens":1,"messages":{}"#),
            "messages: Input should be a valid array",
            messages,
        );
        check(
            &with(r#""max_tokens":1,"messages":[]"#),
            "messages: at least one message",
            messages,
        );
        let full = |rest: &str| with(&format!(r#""max_tokens":1,"messages":[1],{rest}"#));
        check(
            &full(r#""tools":1"#),
            "tools: Input should be a valid array",
            Some("tools"),
        );
        check(
            &full(r#""stream":1"#),
            "stream: Input should be a valid boolean",
            Some("stream"),
        );
    }

    #[test]
    fn an_outline_holds_what_a_plan_needs() {
        let body = br#"{"model":"m","max_tokens":0,"messages":[{"type":"document"}],"system":"ab","tools":[2],"stream":true,
            "thinking":{"type":"disabled"}}"#;
        let outline = outline(body).unwrap();
        let expected = Outline {
            model: "m".to_owned(),
            stream: true,
            include_usage: true,
            max_tokens: Some(0),
            n: 1,
            needs: Needs {
                tools: true,
                documents: true,
                ..Needs::default()
            },
            shape: Shape::Text,
            effort: Some(Effort::None),
            prompt_bytes: 28,
        };
        assert_eq!(outline, expected);
    }
}
