//! JSON Schemas of answers: the API wants every object closed.
//!
//! OpenAI takes schemas without `additionalProperties` where they are not strict; Anthropic refuses them. An
//! object that does not say is closed; one that says it is open is left to the provider to judge.

use serde_json::value::RawValue;

use crate::json::{Object, Raw, raw};

/// Keywords whose value is one schema, a list of schemas, or schemas by name.
const ONE: [&str; 2] = ["items", "not"];
const LIST: [&str; 4] = ["anyOf", "allOf", "oneOf", "prefixItems"];
const NAMED: [&str; 3] = ["properties", "$defs", "definitions"];

/// How deep schemas are followed; deeper ones go as they are.
const DEPTH: usize = 32;

/// The same schema with every object closed that does not say otherwise.
pub(super) fn closed(schema: &RawValue) -> Raw {
    close(schema, DEPTH)
}

fn close(schema: &RawValue, depth: usize) -> Raw {
    let Ok(mut object) = Object::of(schema) else {
        return schema.to_owned();
    };
    if depth == 0 {
        return schema.to_owned();
    }
    let mut changes: Vec<(String, Raw)> = Vec::new();
    for (key, value) in object.iter() {
        let changed = if ONE.contains(&key) {
            close(value, depth - 1)
        } else if LIST.contains(&key) {
            list(value, depth)
        } else if NAMED.contains(&key) {
            named(value, depth)
        } else {
            continue;
        };
        changes.push((key.to_owned(), changed));
    }
    for (key, value) in changes {
        object.set_raw(key, value);
    }
    let is_object = object.peek::<String>("type").as_deref() == Some("object");
    if (is_object || object.has("properties")) && object.get("additionalProperties").is_none() {
        object.set("additionalProperties", &false);
    }
    object.to_raw()
}

fn list(schemas: &RawValue, depth: usize) -> Raw {
    match serde_json::from_str::<Vec<&RawValue>>(schemas.get()) {
        Ok(schemas) => {
            let schemas: Vec<Raw> = schemas
                .into_iter()
                .map(|schema| close(schema, depth - 1))
                .collect();
            raw(&schemas)
        }
        Err(_) => schemas.to_owned(),
    }
}

fn named(schemas: &RawValue, depth: usize) -> Raw {
    match Object::of(schemas) {
        Ok(schemas) => {
            let mut closed = Object::new();
            for (name, schema) in schemas.iter() {
                closed.set_raw(name.to_owned(), close(schema, depth - 1));
            }
            closed.to_raw()
        }
        Err(_) => schemas.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_objects_are_closed_at_every_depth() {
        let check = |schema: &str, expected: &str| {
            let schema: &RawValue = serde_json::from_str(schema).unwrap();
            assert_eq!(closed(schema).get(), expected);
        };
        check(r#"{"type":"string"}"#, r#"{"type":"string"}"#);
        check(
            r#"{"type":"object","additionalProperties":true}"#,
            r#"{"type":"object","additionalProperties":true}"#,
        );
        check(
            r#"{"properties":{"type":{"items":{"type":"object"}},"a":{"anyOf":[{"type":"object"},1]}},"z":1}"#,
            r#"{"properties":{"type":{"items":{"type":"object","additionalProperties":false}},"a":{"anyOf":[{"type":"object","additionalProperties":false},1]}},"z":1,"additionalProperties":false}"#,
        );
    }
}
