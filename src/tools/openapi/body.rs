//! The body of an operation: its members are arguments beside the others where that is clear, else it is one argument.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Wrong,
    arguments::{Arguments, template, under},
    document::{Document, Part},
    schema::Converter,
    words,
};
use crate::tools::kinds::http::Body;

/// The name of the argument that is the whole body.
const WHOLE: &str = "body";

/// How deep `allOf` is looked into for members.
const DEEPEST: usize = 8;

/// The members of an object schema, each with its place.
#[derive(Default)]
struct Members<'a> {
    properties: Vec<(&'a str, &'a Value, String)>,
    required: Vec<&'a str>,
}

impl Arguments {
    /// Adds the body at this place, and gives it as a request has it.
    pub(super) fn body(
        &mut self,
        document: &Document,
        body: &Value,
        pointer: &str,
        converter: &mut Converter<'_>,
    ) -> Result<Option<Body>, Wrong> {
        let part = document.object(body, pointer)?;
        let required = part.value.get("required") == Some(&Value::Bool(true));
        let at = under(&part.pointer, "content");
        let content = part.value.get("content").and_then(Value::as_object);
        let content = content.ok_or_else(|| Wrong::new(&at, "there should be an object"))?;
        let is_json = |kind: &str| kind == "application/json" || kind.ends_with("+json");
        let find = |fits: &dyn Fn(&str) -> bool| {
            content
                .iter()
                .find(|(kind, _)| fits(kind.split(';').next().unwrap_or("").trim()))
        };
        let form = |kind: &str| kind == "application/x-www-form-urlencoded";
        let (found, is_form) = match (find(&is_json), find(&form)) {
            (Some(found), _) => (found, false),
            (None, Some(found)) => (found, true),
            (None, None) if required => {
                return Err(Wrong::new(
                    &at,
                    "there is neither JSON nor a form among these",
                ));
            }
            (None, None) => return Ok(None),
        };
        let at = under(&under(&at, found.0), "schema");
        let any = Value::Bool(true);
        let schema = found.1.get("schema").unwrap_or(&any);
        let members = members(document, schema, &at, 0)?;
        let members = members.filter(|members| is_form || self.has_room(members));
        match (members, is_form) {
            (Some(members), _) => self
                .flat(document, members, required, is_form, converter)
                .map(Some),
            (None, true) => Err(Wrong::new(
                &at,
                "a form is an object with members of its own",
            )),
            (None, false) => {
                let schema = converter.convert(schema, &at)?;
                let argument = self.add(WHOLE, schema, required, &at)?;
                Ok(Some(Body::Json(template(&argument).into())))
            }
        }
    }

    /// Whether each member can be an argument: none has the name of a parameter or of another.
    fn has_room(&self, members: &Members<'_>) -> bool {
        let names: Vec<String> = members
            .properties
            .iter()
            .map(|it| words::argument(it.0))
            .collect();
        let free = |(at, name): (usize, &String)| {
            !self.properties.contains_key(name) && !names[..at].contains(name)
        };
        names.iter().enumerate().all(free)
    }

    fn flat(
        &mut self,
        document: &Document,
        members: Members<'_>,
        required: bool,
        is_form: bool,
        converter: &mut Converter<'_>,
    ) -> Result<Body, Wrong> {
        let mut templates = BTreeMap::new();
        for (name, schema, at) in members.properties {
            if is_read_only(document, schema, &at)? {
                continue;
            }
            let schema = converter.convert(schema, &at)?;
            let required = required && members.required.contains(&name);
            let argument = self.add(name, schema, required, &at)?;
            templates.insert(name.to_owned(), template(&argument));
        }
        if is_form {
            return Ok(Body::Form(templates));
        }
        let members = templates
            .into_iter()
            .map(|(name, text)| (name, text.into()));
        Ok(Body::Json(Value::Object(members.collect::<Map<_, _>>())))
    }
}

/// Whether a member is only ever in answers.
fn is_read_only(document: &Document, schema: &Value, at: &str) -> Result<bool, Wrong> {
    if !schema.is_object() {
        return Ok(false);
    }
    let part = document.object(schema, at)?;
    Ok(part.value.get("readOnly") == Some(&Value::Bool(true)))
}

/// The members of a schema; `None` where it is more than an object with known members.
fn members<'a>(
    document: &'a Document,
    schema: &'a Value,
    at: &str,
    depth: usize,
) -> Result<Option<Members<'a>>, Wrong> {
    if depth > DEEPEST || !schema.is_object() {
        return Ok(None);
    }
    let Part { value, pointer } = document.object(schema, at)?;
    let choice = ["anyOf", "oneOf", "not", "if", "patternProperties"];
    let open = value.get("additionalProperties");
    let open = open.is_some_and(|open| *open != Value::Bool(false));
    let other = value.get("type").is_some_and(|kind| kind != "object");
    if open || other || choice.iter().any(|word| value.contains_key(*word)) {
        return Ok(None);
    }
    let mut all = Members::default();
    let parts = value.get("allOf").and_then(Value::as_array);
    for (n, part) in parts.into_iter().flatten().enumerate() {
        let at = format!("{pointer}/allOf/{n}");
        let Some(more) = members(document, part, &at, depth + 1)? else {
            return Ok(None);
        };
        all.properties.extend(more.properties);
        all.required.extend(more.required);
    }
    let properties = value.get("properties").and_then(Value::as_object);
    let at = under(&pointer, "properties");
    for (name, schema) in properties.into_iter().flatten() {
        all.properties.push((name, schema, under(&at, name)));
    }
    let required = value.get("required").and_then(Value::as_array);
    let required = required.into_iter().flatten();
    all.required.extend(required.filter_map(Value::as_str));
    // A part of `allOf` may only say what is required of the others.
    Ok((depth > 0 || !all.properties.is_empty()).then_some(all))
}
