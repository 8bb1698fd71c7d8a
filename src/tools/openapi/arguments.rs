//! The arguments of an operation, and where each goes.

use serde_json::{Map, Value, json};

use super::{
    Wrong,
    document::{Document, Part, step},
    schema::Converter,
    settings::Import,
    words,
};
use crate::tools::kinds::http;

/// Headers that OpenAPI says are no parameters, whatever a document says.
const NO_PARAMETERS: [&str; 3] = ["accept", "content-type", "authorization"];

/// The arguments of one operation.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) properties: Map<String, Value>,
    pub(super) required: Vec<String>,
    /// Path parameters: their names in the document, and the arguments'.
    pub(super) path: Vec<(String, String)>,
}

/// A parameter as the document has it.
struct Parameter<'a> {
    name: &'a str,
    place: &'a str,
    part: Part<'a>,
}

impl Arguments {
    /// Adds an argument, and gives its name.
    pub(super) fn add(
        &mut self,
        name: &str,
        schema: Value,
        required: bool,
        pointer: &str,
    ) -> Result<String, Wrong> {
        let argument = words::argument(name);
        if argument.is_empty() || self.properties.contains_key(&argument) {
            return Err(Wrong::new(
                pointer,
                format!("two arguments are called `{argument}`"),
            ));
        }
        if required {
            self.required.push(argument.clone());
        }
        self.properties.insert(argument.clone(), schema);
        Ok(argument)
    }

    /// Adds the parameters of an operation: its own, and those of its path that it does not say anew.
    pub(super) fn parameters(
        &mut self,
        document: &Document,
        lists: [Option<(&Value, String)>; 2],
        import: &Import,
        converter: &mut Converter<'_>,
        request: &mut http::Settings,
    ) -> Result<(), Wrong> {
        let mut seen: Vec<(String, String)> = Vec::new();
        for (list, at) in lists.into_iter().flatten() {
            let list = list.as_array();
            let list = list.ok_or_else(|| Wrong::new(&at, "there should be a list"))?;
            for (n, parameter) in list.iter().enumerate() {
                let part = document.object(parameter, &format!("{at}/{n}"))?;
                let parameter = Parameter::read(part)?;
                let key = (parameter.place.to_owned(), parameter.name.to_owned());
                if seen.contains(&key) {
                    continue;
                }
                seen.push(key);
                self.parameter(&parameter, document, import, converter, request)?;
            }
        }
        Ok(())
    }

    fn parameter(
        &mut self,
        parameter: &Parameter<'_>,
        document: &Document,
        import: &Import,
        converter: &mut Converter<'_>,
        request: &mut http::Settings,
    ) -> Result<(), Wrong> {
        let (name, pointer) = (parameter.name, &parameter.part.pointer);
        let header = parameter.place == "header";
        let ours = NO_PARAMETERS.iter().any(|it| it.eq_ignore_ascii_case(name));
        if header && (ours || import.sets_header(name)) {
            return Ok(());
        }
        if let Some(why) = parameter.unfit(document)? {
            // What is optional can be done without; guessing how it is written cannot.
            return match parameter.required() {
                true => Err(Wrong::new(pointer, why)),
                false => Ok(()),
            };
        }
        let schema = parameter.schema(converter)?;
        let argument = self.add(name, schema, parameter.required(), pointer)?;
        let template = template(&argument);
        match parameter.place {
            "path" => self.path.push((name.to_owned(), argument)),
            "query" => {
                request.query.insert(name.to_owned(), template);
            }
            _ => {
                let value = http::Header::Text(template);
                request.headers.insert(name.to_owned(), value);
            }
        }
        Ok(())
    }
}

impl<'a> Parameter<'a> {
    fn read(part: Part<'a>) -> Result<Self, Wrong> {
        let text = |key: &str| {
            let value = part.value.get(key).and_then(Value::as_str);
            value.filter(|text| !text.is_empty()).ok_or_else(|| {
                let at = format!("{}/{key}", part.pointer);
                Wrong::new(&at, "there should be a text")
            })
        };
        let (name, place) = (text("name")?, text("in")?);
        if !matches!(place, "path" | "query" | "header" | "cookie") {
            let at = format!("{}/in", part.pointer);
            return Err(Wrong::new(
                &at,
                "a parameter is in path, query, header or cookie",
            ));
        }
        Ok(Self { name, place, part })
    }

    fn required(&self) -> bool {
        self.place == "path" || self.part.value.get("required") == Some(&Value::Bool(true))
    }

    /// Why it cannot be sent as it is meant.
    fn unfit(&self, document: &Document) -> Result<Option<&'static str>, Wrong> {
        if self.place == "cookie" {
            return Ok(Some("a parameter in a cookie cannot be an argument"));
        }
        if self.part.value.contains_key("content") {
            return Ok(Some(
                "a parameter with a content type of its own cannot be an argument",
            ));
        }
        let usual = if self.place == "query" {
            "form"
        } else {
            "simple"
        };
        let style = self.part.value.get("style").and_then(Value::as_str);
        if style.is_some_and(|style| style != usual) {
            return Ok(Some("parameters of this style cannot be arguments"));
        }
        let Some(schema) = self.part.value.get("schema") else {
            return Ok(None);
        };
        let schema = document.object(schema, &format!("{}/schema", self.part.pointer))?;
        let kind = schema.value.get("type").and_then(Value::as_str);
        let explodes = self.part.value.get("explode") != Some(&Value::Bool(false));
        Ok(match (kind, self.place) {
            (Some("object"), _) => Some("an object outside a body cannot be an argument"),
            (Some("array"), "query") if explodes => None,
            (Some("array"), _) => Some("a list that is written as one text cannot be an argument"),
            _ => None,
        })
    }

    fn schema(&self, converter: &mut Converter<'_>) -> Result<Value, Wrong> {
        let at = format!("{}/schema", self.part.pointer);
        let mut schema = match self.part.value.get("schema") {
            Some(schema) => converter.convert(schema, &at)?,
            None => json!({}),
        };
        let description = self.part.value.get("description").and_then(Value::as_str);
        if let (Some(schema), Some(text)) = (schema.as_object_mut(), description) {
            schema.insert("description".to_owned(), words::clean(text).into());
        }
        Ok(schema)
    }
}

/// The template that is an argument.
pub(super) fn template(argument: &str) -> String {
    format!("${{input[\"{argument}\"]}}")
}

/// A step behind a pointer.
pub(super) fn under(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", step(key))
}
