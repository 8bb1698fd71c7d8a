//! Schemas of a document as JSON Schema 2020-12.
//!
//! Those of OpenAPI 3.1 nearly are; those of 3.0 say `nullable`, and bounds as flags. Only known words are taken:
//! identifiers, anchors, examples and extensions would change what references mean, or only cost a model's attention.

use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{
    Wrong,
    document::{Document, step},
    words,
};

/// The deepest schema, without references.
const DEEPEST: usize = 24;

/// The most schemas that those of one operation refer to.
const MOST_NAMED: usize = 200;

/// Words that are taken as they are.
const PLAIN: [&str; 18] = [
    "type",
    "enum",
    "const",
    "default",
    "format",
    "required",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// Words that hold one schema.
const ONE: [&str; 5] = [
    "items",
    "additionalProperties",
    "not",
    "propertyNames",
    "contains",
];

/// Words that hold a list of schemas.
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];

/// Turns schemas of one operation into its argument's, and gathers what they refer to.
pub(super) struct Converter<'a> {
    document: &'a Document,
    /// Names by pointer.
    names: HashMap<String, String>,
    /// What stands under the names.
    pub(super) named: Map<String, Value>,
}

impl<'a> Converter<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self {
            document,
            names: HashMap::new(),
            named: Map::new(),
        }
    }

    /// The schema that stands at this pointer.
    pub(super) fn convert(&mut self, schema: &Value, pointer: &str) -> Result<Value, Wrong> {
        self.at(schema, pointer, 0)
    }

    fn at(&mut self, schema: &Value, pointer: &str, depth: usize) -> Result<Value, Wrong> {
        if depth > DEEPEST {
            return Err(Wrong::new(
                pointer,
                format!("a schema is nested deeper than {DEEPEST} levels"),
            ));
        }
        let members = match schema {
            Value::Bool(_) => return Ok(schema.clone()),
            Value::Object(members) => members,
            _ => return Err(Wrong::new(pointer, "there should be a schema")),
        };
        let mut out = Map::new();
        for word in ["title", "description"] {
            if let Some(text) = members.get(word).and_then(Value::as_str) {
                out.insert(word.to_owned(), words::clean(text).into());
            }
        }
        if let Some(reference) = members.get("$ref") {
            let name = self.name(reference, pointer)?;
            out.insert("$ref".to_owned(), format!("#/$defs/{name}").into());
            return Ok(Value::Object(out));
        }
        for (word, value) in members {
            let at = format!("{pointer}/{}", step(word));
            let value = match word.as_str() {
                "properties" => self.properties(value, &at, depth)?,
                "pattern" if is_pattern(value) => value.clone(),
                word if PLAIN.contains(&word) => value.clone(),
                word if ONE.contains(&word) => self.at(value, &at, depth + 1)?,
                word if LIST.contains(&word) => self.list(value, &at, depth)?,
                _ => continue,
            };
            out.insert(word.clone(), value);
        }
        bounds(&mut out);
        if members.get("nullable") == Some(&Value::Bool(true)) {
            return Ok(nullable(out));
        }
        Ok(Value::Object(out))
    }

    fn properties(&mut self, value: &Value, at: &str, depth: usize) -> Result<Value, Wrong> {
        let members = value.as_object();
        let members = members.ok_or_else(|| Wrong::new(at, "there should be an object"))?;
        let mut out = Map::new();
        for (name, schema) in members {
            let at = format!("{at}/{}", step(name));
            out.insert(name.clone(), self.at(schema, &at, depth + 1)?);
        }
        Ok(Value::Object(out))
    }

    fn list(&mut self, value: &Value, at: &str, depth: usize) -> Result<Value, Wrong> {
        let items = value.as_array();
        let items = items.ok_or_else(|| Wrong::new(at, "there should be a list"))?;
        let items = items.iter().enumerate();
        let items = items.map(|(n, item)| self.at(item, &format!("{at}/{n}"), depth + 1));
        Ok(Value::Array(items.collect::<Result<_, _>>()?))
    }

    /// The name under which a reference's target is kept. Circles end here: a target has its name before it is read.
    fn name(&mut self, reference: &Value, from: &str) -> Result<String, Wrong> {
        let (target, pointer) = self.document.follow(reference, from)?;
        if let Some(name) = self.names.get(&pointer) {
            return Ok(name.clone());
        }
        if self.names.len() == MOST_NAMED {
            return Err(Wrong::new(
                from,
                format!("its schemas refer to more than {MOST_NAMED} others"),
            ));
        }
        let last = words::argument(pointer.rsplit('/').next().unwrap_or("schema"));
        let taken = |name: &String| self.named.contains_key(name);
        let numbered = (2..).map(|n| format!("{last}_{n}"));
        let name = [last.clone()]
            .into_iter()
            .chain(numbered)
            .find(|name| !taken(name));
        let name = name.unwrap_or(last);
        self.names.insert(pointer.clone(), name.clone());
        self.named.insert(name.clone(), Value::Bool(true));
        let target = self.at(target, &pointer, 0)?;
        self.named.insert(name.clone(), target);
        Ok(name)
    }
}

/// OpenAPI 3.0's flags for bounds, as bounds.
fn bounds(schema: &mut Map<String, Value>) {
    for (flag, bound) in [
        ("exclusiveMinimum", "minimum"),
        ("exclusiveMaximum", "maximum"),
    ] {
        match schema.get(flag) {
            Some(Value::Bool(true)) => {
                schema.remove(flag);
                if let Some(value) = schema.remove(bound) {
                    schema.insert(flag.to_owned(), value);
                }
            }
            Some(Value::Bool(false)) => {
                schema.remove(flag);
            }
            _ => {}
        }
    }
}

/// The same schema, which allows null too.
fn nullable(mut schema: Map<String, Value>) -> Value {
    let Some(Value::String(only)) = schema.get("type").cloned() else {
        return json!({"anyOf": [schema, {"type": "null"}]});
    };
    schema.insert("type".to_owned(), json!([only, "null"]));
    if let Some(Value::Array(words)) = schema.get_mut("enum")
        && !words.contains(&Value::Null)
    {
        words.push(Value::Null);
    }
    Value::Object(schema)
}

/// Whether a pattern can be kept. Those with look-around cannot; the service checks them itself.
fn is_pattern(pattern: &Value) -> bool {
    pattern
        .as_str()
        .is_some_and(|pattern| Regex::new(pattern).is_ok())
}
