//! What a request needs of a model, from its top level. What cannot be read needs nothing: it is refused, or passed
//! on as it is, elsewhere.

use super::outline::is_filled_list;
use crate::{
    chat::{Effort, Look, Needs, Shape},
    json::Object,
};

/// What a request needs. `look` is of its messages.
pub(super) fn needs(object: &Object<'_>, look: Look) -> Needs {
    let offers = |key| object.get(key).is_some_and(is_filled_list);
    Needs {
        tools: offers("tools") || offers("functions"),
        parallel_tools: object.peek("parallel_tool_calls") == Some(true),
        forced_tool: forced(object),
        json_schema: shape(object) == Shape::JsonSchema,
        reasoning: effort(object).is_some_and(|effort| effort > Effort::None),
        images: look.images,
        sounds: look.sounds,
        documents: look.documents,
    }
}

/// The shape of the answer.
pub(super) fn shape(object: &Object<'_>) -> Shape {
    match inside(object, "response_format", "type").as_deref() {
        Some("json_object") => Shape::JsonObject,
        Some("json_schema") => Shape::JsonSchema,
        _ => Shape::Text,
    }
}

/// How much to think, in OpenAI's words or OpenRouter's.
pub(super) fn effort(object: &Object<'_>) -> Option<Effort> {
    let theirs = || {
        let reasoning = Object::of(object.get("reasoning")?).ok()?;
        reasoning.peek("effort")
    };
    object.peek("reasoning_effort").or_else(theirs)
}

/// Whether some tool must be called: any, or one that is named.
fn forced(object: &Object<'_>) -> bool {
    match object.get("tool_choice") {
        Some(choice) if choice.get().starts_with('{') => {
            let choice = Object::of(choice).unwrap_or_default();
            inside(&choice, "allowed_tools", "mode").is_none_or(|mode| mode == "required")
        }
        Some(choice) => choice.get() == "\"required\"",
        None => false,
    }
}

/// A word in the object under `key`.
fn inside(object: &Object<'_>, key: &str, word: &str) -> Option<String> {
    let raw = object.get(key).filter(|raw| raw.get().starts_with('{'))?;
    Object::of(raw).ok()?.peek(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, expected: Needs) {
        let body = format!(r#"{{"model":"m",{field}}}"#);
        let object = Object::parse(body.as_bytes()).unwrap();
        assert_eq!(needs(&object, Look::default()), expected, "{field}");
    }

    #[test]
    fn fields_need_abilities() {
        let nothing = Needs::default;
        let tools = Needs {
            tools: true,
            ..nothing()
        };
        check(r#""tools":[{}]"#, tools);
        check(r#""functions":[{}]"#, tools);
        check(r#""tools":[ ]"#, nothing());
        check(
            r#""parallel_tool_calls":true"#,
            Needs {
                parallel_tools: true,
                ..nothing()
            },
        );
        check(r#""parallel_tool_calls":false"#, nothing());
        let forced = Needs {
            forced_tool: true,
            ..nothing()
        };
        check(r#""tool_choice":"required""#, forced);
        check(
            r#""tool_choice":{"type":"function","function":{"name":"f"}}"#,
            forced,
        );
        check(
            r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required"}}"#,
            forced,
        );
        check(
            r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto"}}"#,
            nothing(),
        );
        check(r#""tool_choice":"auto""#, nothing());
        check(r#""tool_choice":7"#, nothing());
        let schema = Needs {
            json_schema: true,
            ..nothing()
        };
        check(
            r#""response_format":{"type":"json_schema","json_schema":{}}"#,
            schema,
        );
        check(r#""response_format":{"type":"json_object"}"#, nothing());
        let thinks = Needs {
            reasoning: true,
            ..nothing()
        };
        check(r#""reasoning_effort":"low""#, thinks);
        check(r#""reasoning":{"effort":"high"}"#, thinks);
        check(r#""reasoning_effort":"none""#, nothing());
        check(
            r#""reasoning_effort":0.5,"reasoning":3,"response_format":[]"#,
            nothing(),
        );
    }
}
