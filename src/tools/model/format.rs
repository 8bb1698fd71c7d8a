//! The form of an answer, in OpenAI's words.

use serde_json::{Map, Value, json};

/// Some JSON object.
pub(in crate::tools) fn json_object() -> Value {
    json!({"type": "json_object"})
}

/// JSON that fits a schema. The answer is held to it here, whatever its model makes of `strict`.
pub(in crate::tools) fn json_schema(name: &str, schema: &Map<String, Value>) -> Value {
    let schema = Value::Object(schema.clone());
    json!({
        "type": "json_schema",
        "json_schema": {"name": name, "strict": is_strict(&schema), "schema": schema},
    })
}

/// Whether OpenAI takes a schema as a strict one: objects are closed and their members required, all of them. Asked
/// to be strict about any other, it refuses the request.
/// <https://platform.openai.com/docs/guides/structured-outputs> (2026-11-26).
fn is_strict(schema: &Value) -> bool {
    let Value::Object(members) = schema else {
        return !schema.is_boolean();
    };
    let properties = members.get("properties").and_then(Value::as_object);
    let is_object = properties.is_some() || members.get("type") == Some(&"object".into());
    if is_object && !is_closed(members, properties) {
        return false;
    }
    let below = |word: &str| members.get(word).is_none_or(is_strict);
    let each = |word: &str| match members.get(word) {
        Some(Value::Object(named)) => named.values().all(is_strict),
        Some(Value::Array(listed)) => listed.iter().all(is_strict),
        _ => true,
    };
    let known = |word: &str| !members.contains_key(word);
    ["oneOf", "allOf", "not", "if", "patternProperties"]
        .into_iter()
        .all(known)
        && below("items")
        && ["properties", "$defs", "anyOf"].into_iter().all(each)
}

fn is_closed(object: &Map<String, Value>, properties: Option<&Map<String, Value>>) -> bool {
    let required = object.get("required").and_then(Value::as_array);
    let is_required = |name: &String| required.is_some_and(|list| list.contains(&json!(name)));
    object.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.is_some_and(|properties| properties.keys().all(is_required))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_is_what_openai_takes() {
        let closed = json!({"type": "object", "properties": {"a": {"type": "string"}},
            "required": ["a"], "additionalProperties": false});
        let check = |schema: Value, expected: bool| {
            assert_eq!(is_strict(&schema), expected, "{schema}");
        };
        check(closed.clone(), true);
        check(json!({"type": "array", "items": closed.clone()}), true);
        check(json!({"anyOf": [closed.clone(), {"type": "null"}]}), true);
        check(json!({"oneOf": [closed.clone()]}), false);
        check(json!({"type": "object"}), false);
        check(
            json!({"properties": {"a": {}}, "additionalProperties": false}),
            false,
        );
        check(
            json!({"properties": {"a": {"type": "object"}}, "required": ["a"], "additionalProperties": false}),
            false,
        );
    }
}
