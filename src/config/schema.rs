//! Reading a JSON Schema as `schemars` writes it: which shapes a value may take, and how to say so.
//!
//! The schema is our own, generated from the rooms' settings; only the keywords it uses are understood.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::span::Span;

/// Long lists of names help nobody.
const LONGEST_LIST: usize = 12;

/// The most `$ref`s and unions on the way to one shape; a schema that refers to itself ends here.
const MOST_HOPS: usize = 32;

/// The schema of `T`, as the checks read it.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<T>().to_value()
}

/// The schema of `T` as a file for editors: pretty JSON, keys sorted, the same at every call.
pub fn json_schema<T: JsonSchema>() -> String {
    let mut schema = schema_of::<T>();
    if let Value::Object(members) = &mut schema {
        members.insert("title".to_owned(), "Waypost configuration".into());
    }
    format!("{schema:#}\n")
}

/// One shape a value may take: a schema without references and unions at its top.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape<'a> {
    members: Option<&'a Map<String, Value>>,
    /// The name of the definition it comes from.
    name: Option<&'a str>,
}

/// The shapes `schema` allows, in its order.
pub(super) fn shapes<'a>(root: &'a Value, schema: &'a Value) -> Vec<Shape<'a>> {
    let mut found = Vec::new();
    collect(root, schema, None, MOST_HOPS, &mut found);
    found
}

fn collect<'a>(
    root: &'a Value,
    schema: &'a Value,
    name: Option<&'a str>,
    hops: usize,
    found: &mut Vec<Shape<'a>>,
) {
    let Some(hops) = hops.checked_sub(1) else {
        return;
    };
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let name = reference.strip_prefix("#/$defs/");
        if let Some(target) = root.pointer(reference.trim_start_matches('#')) {
            collect(root, target, name, hops, found);
        }
        return;
    }
    let union = ["anyOf", "oneOf"].iter().find_map(|word| schema.get(word));
    match union.and_then(Value::as_array) {
        Some(union) => {
            for schema in union {
                collect(root, schema, name, hops, found);
            }
        }
        None => found.push(Shape {
            members: schema.as_object(),
            name,
        }),
    }
}

impl<'a> Shape<'a> {
    fn get(&self, word: &str) -> Option<&'a Value> {
        self.members?.get(word)
    }

    /// Whether it allows a value of the JSON type `kind`. A shape without a type allows any.
    pub(super) fn admits(&self, kind: &str) -> bool {
        match self.get("type") {
            Some(Value::String(only)) => only == kind,
            Some(Value::Array(several)) => several.iter().any(|one| one == kind),
            _ if self.get("properties").is_some() => kind == "object",
            _ => match self.names() {
                Some(_) => kind == "string",
                None => true,
            },
        }
    }

    /// The names it allows, when only certain names are allowed.
    pub(super) fn names(&self) -> Option<Vec<&'a str>> {
        if let Some(Value::String(only)) = self.get("const") {
            return Some(vec![only]);
        }
        let names = self.get("enum")?.as_array()?;
        Some(names.iter().filter_map(Value::as_str).collect())
    }

    /// The lowest and highest number it allows.
    pub(super) fn range(&self) -> (Option<f64>, Option<f64>) {
        let bound = |word| self.get(word).and_then(Value::as_f64);
        // schemars writes the limits of small integers only; larger ones are known by their format.
        let by_format = match self.get("format").and_then(Value::as_str) {
            Some("uint32") => Some(f64::from(u32::MAX)),
            Some("int32") => Some(f64::from(i32::MAX)),
            _ => None,
        };
        (bound("minimum"), bound("maximum").or(by_format))
    }

    /// What the text of a word with a form of its own lacks.
    pub(super) fn malformed(&self, text: &str) -> Option<String> {
        match self.name {
            Some("Duration") => text.parse::<Span>().err(),
            _ => None,
        }
    }

    /// The schema of list items.
    pub(super) fn items(&self) -> Option<&'a Value> {
        self.get("items")
    }

    /// The known keys of a map, with their schemas.
    pub(super) fn properties(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let properties = self.get("properties").and_then(Value::as_object);
        let properties = properties.into_iter().flatten();
        properties.map(|(key, schema)| (key.as_str(), schema))
    }

    /// The schema of the value at `key`; `None` when the map may not have that key.
    pub(super) fn property(&self, key: &str) -> Option<&'a Value> {
        let known = self.properties().find(|(known, _)| *known == key);
        if let Some((_, schema)) = known {
            return Some(schema);
        }
        let pattern = self.get("patternProperties").and_then(Value::as_object);
        if let Some(schema) = pattern.and_then(|patterns| patterns.values().next()) {
            return Some(schema);
        }
        match self.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(schema) => Some(schema),
            None => Some(&Value::Bool(true)),
        }
    }

    /// The schema of a map's keys, where not any will do.
    pub(super) fn keys(&self) -> Option<&'a Value> {
        self.get("propertyNames")
    }

    /// The keys a map must have.
    pub(super) fn required(&self) -> Vec<&'a str> {
        let required = self.get("required").and_then(Value::as_array);
        let required = required.into_iter().flatten();
        required.filter_map(Value::as_str).collect()
    }

    /// The one key of a variant written as `key: value`, as serde tags enums from outside.
    pub(super) fn outer_tag(&self) -> Option<&'a str> {
        let mut properties = self.properties();
        let (only, _) = properties.next()?;
        (properties.next().is_none() && self.required() == [only]).then_some(only)
    }

    /// The names a key must have in this shape, as serde tags enums from inside.
    pub(super) fn constant(&self, key: &str) -> Option<&'a str> {
        let (_, schema) = self.properties().find(|(known, _)| *known == key)?;
        schema.get("const")?.as_str()
    }

    fn nouns(&self) -> Vec<String> {
        if self.name == Some("Duration") {
            return vec!["a duration like `3s`".to_owned()];
        }
        let kinds = ["string", "integer", "number", "boolean", "array", "object"];
        let kinds = kinds.iter().filter(|kind| self.admits(kind));
        let noun = |kind: &&str| match *kind {
            "string" => "text".to_owned(),
            "integer" => format!("a whole number{}", self.limits()),
            "number" => format!("a number{}", self.limits()),
            "boolean" => "`true` or `false`".to_owned(),
            "array" => "a list".to_owned(),
            _ => "a map".to_owned(),
        };
        kinds.map(noun).collect()
    }

    fn limits(&self) -> String {
        match self.range() {
            (Some(least), Some(most)) => format!(" from {least} to {most}"),
            (Some(least), None) => format!(" of at least {least}"),
            (None, Some(most)) => format!(" of at most {most}"),
            (None, None) => String::new(),
        }
    }
}

/// What these shapes expect, for people: "a list or `all`".
pub(super) fn expectation(shapes: &[Shape<'_>]) -> String {
    let mut names = Vec::new();
    let mut nouns: Vec<String> = Vec::new();
    for shape in shapes {
        match shape.names() {
            Some(more) => names.extend(more),
            None => {
                for noun in shape.nouns() {
                    if !nouns.contains(&noun) {
                        nouns.push(noun);
                    }
                }
            }
        }
    }
    if let Some(names) = listed(&names) {
        nouns.insert(0, names);
    }
    nouns.join(", or ")
}

/// "one of `a`, `b`", when the list is short enough to help.
pub(super) fn listed(names: &[&str]) -> Option<String> {
    if names.is_empty() || names.len() > LONGEST_LIST {
        return None;
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [only] => Some(only.clone()),
        _ => Some(format!("one of {}", quoted.join(", "))),
    }
}
