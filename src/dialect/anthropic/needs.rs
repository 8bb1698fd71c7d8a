//! What a request needs of a model, from its top level. What cannot be read needs nothing: it is refused, or passed
//! on as it is, elsewhere.

use super::{
    outline::is_null,
    thinking::{self, Switch},
};
use crate::{
    chat::{Effort, Look, Needs, Shape},
    json::Object,
};

/// What a request needs, that offers tools or does not. `look` is of its messages.
pub(super) fn needs(object: &Object<'_>, tools: bool, look: Look) -> Needs {
    let choice = inside(object, "tool_choice").and_then(|choice| choice.peek::<String>("type"));
    Needs {
        tools,
        parallel_tools: false,
        forced_tool: matches!(choice.as_deref(), Some("any" | "tool")),
        json_schema: shape(object) == Shape::JsonSchema,
        reasoning: effort(object).is_some_and(|effort| effort > Effort::None),
        images: look.images,
        sounds: look.sounds,
        documents: look.documents,
    }
}

/// The shape of the answer. `output_format` was its name in the beta.
pub(super) fn shape(object: &Object<'_>) -> Shape {
    let config = inside(object, "output_config");
    let asked = config.is_some_and(|config| config.has("format"))
        || object.get("output_format").is_some_and(|raw| !is_null(raw));
    if asked {
        Shape::JsonSchema
    } else {
        Shape::Text
    }
}

/// How much to think.
pub(super) fn effort(object: &Object<'_>) -> Option<Effort> {
    let effort = inside(object, "output_config").and_then(|config| config.peek("effort"));
    let thinking = inside(object, "thinking");
    let switch = thinking.and_then(|thinking| {
        Some(Switch {
            kind: thinking.peek("type")?,
            budget: thinking.peek("budget_tokens"),
        })
    });
    thinking::wanted(switch.as_ref(), effort)
}

/// The object under `key`.
fn inside<'a>(object: &'a Object<'_>, key: &str) -> Option<Object<'a>> {
    Object::of(object.get(key)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, expected: Needs) {
        let body = format!(r#"{{"model":"m",{field}}}"#);
        let object = Object::parse(body.as_bytes()).unwrap();
        assert_eq!(needs(&object, false, Look::default()), expected, "{field}");
    }

    #[test]
    fn fields_need_abilities() {
        let nothing = Needs::default;
        let forced = Needs {
            forced_tool: true,
            ..nothing()
        };
        check(r#""tool_choice":{"type":"any"}"#, forced);
        check(r#""tool_choice":{"type":"tool","name":"f"}"#, forced);
        check(
            r#""tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#,
            nothing(),
        );
        let schema = Needs {
            json_schema: true,
            ..nothing()
        };
        check(
            r#""output_config":{"format":{"type":"json_schema","schema":{}}}"#,
            schema,
        );
        check(
            r#""output_format":{"type":"json_schema","schema":{}}"#,
            schema,
        );
        let thinks = Needs {
            reasoning: true,
            ..nothing()
        };
        check(r#""output_config":{"effort":"low"}"#, thinks);
        check(
            r#""thinking":{"type":"enabled","budget_tokens":2000}"#,
            thinks,
        );
        check(
            r#""thinking":{"type":"adaptive"},"output_config":{"effort":"max"}"#,
            thinks,
        );
        check(r#""thinking":{"type":"adaptive"}"#, nothing());
        check(
            r#""thinking":{"type":"disabled"},"output_config":{"effort":"max"}"#,
            nothing(),
        );
        check(
            r#""thinking":7,"output_config":[],"tool_choice":"any""#,
            nothing(),
        );
    }
}
