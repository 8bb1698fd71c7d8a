//! Arguments that clients repeat in a header, so that whoever stands between can route by them.
//!
//! A property with `x-mcp-header: NAME` travels as `Mcp-Param-NAME` as well (MCP 2026-07-28, "Custom headers").
//! Clients drop a tool whose marks break the rules, so a broken one is a problem of the configuration.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::shown_text;
use crate::problem::Problem;

const MARK: &str = "x-mcp-header";

/// The longest part of a name that a problem repeats, in letters.
const SHOWN: usize = 60;

/// What is wrong with the marks of a schema. Paths start at the tool's keys.
pub fn problems(schema: &Map<String, Value>) -> Vec<Problem> {
    let mut marks = Marks::default();
    marks.schema(schema, &mut vec!["input_schema".to_owned()], Place::Root);
    marks.problems
}

/// Whether a schema has any marks.
pub fn are_in(schema: &Map<String, Value>) -> bool {
    let mut marks = Marks::default();
    marks.schema(schema, &mut Vec::new(), Place::Root);
    !marks.names.is_empty()
}

/// Where a schema stands, seen from the root.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A property, reached through `properties` alone: whoever reads the arguments knows where it is.
    Property,
    /// The root itself, whose properties are reached.
    Root,
    /// Below `items`, `anyOf` and their like: whether it is there depends on the arguments.
    Conditional,
}

#[derive(Default)]
struct Marks {
    /// The names so far, in small letters: headers do not tell case apart.
    names: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Marks {
    fn schema(&mut self, schema: &Map<String, Value>, path: &mut Vec<String>, place: Place) {
        if let Some(name) = schema.get(MARK) {
            self.mark(name, schema, path, place);
        }
        for (word, inner) in schema {
            path.push(word.clone());
            match word.as_str() {
                // These hold data, not schemas.
                MARK | "default" | "const" | "enum" | "examples" | "required"
                | "dependentRequired" => {}
                "properties" => {
                    let inner_place = match place {
                        Place::Conditional => Place::Conditional,
                        Place::Property | Place::Root => Place::Property,
                    };
                    self.each(inner, path, inner_place);
                }
                "$defs" | "definitions" | "dependentSchemas" | "patternProperties" => {
                    self.each(inner, path, Place::Conditional);
                }
                _ => self.any(inner, path, Place::Conditional),
            }
            path.pop();
        }
    }

    /// Looks into a map of names to schemas.
    fn each(&mut self, schemas: &Value, path: &mut Vec<String>, place: Place) {
        for (name, schema) in schemas.as_object().into_iter().flatten() {
            path.push(name.clone());
            self.any(schema, path, place);
            path.pop();
        }
    }

    fn any(&mut self, value: &Value, path: &mut Vec<String>, place: Place) {
        match value {
            Value::Object(schema) => self.schema(schema, path, place),
            Value::Array(schemas) => {
                for (at, schema) in schemas.iter().enumerate() {
                    path.push(at.to_string());
                    self.any(schema, path, place);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn mark(&mut self, name: &Value, schema: &Map<String, Value>, path: &[String], place: Place) {
        let mut problem = |message: String, expected: &str| {
            let path = path.iter().cloned().chain([MARK.to_owned()]);
            self.problems
                .push(Problem::new(path, message).expected(expected));
        };
        if place != Place::Property {
            return problem(
                "the argument is not there in every call".to_owned(),
                "a property that is reached through `properties` alone",
            );
        }
        let Some(name) = name.as_str().filter(|name| is_token(name)) else {
            return problem(
                format!(
                    "`{}` is no name for a header",
                    shown_text(&name.to_string(), SHOWN)
                ),
                "letters, digits and any of !#$%&'*+-.^_`|~",
            );
        };
        let kind = schema.get("type").and_then(Value::as_str);
        if !matches!(kind, Some("string" | "number" | "integer" | "boolean")) {
            problem(
                "only a plain value fits into a header".to_owned(),
                "`type: string`, `number`, `integer` or `boolean` beside it",
            );
        } else if !self.names.insert(name.to_ascii_lowercase()) {
            problem(
                format!(
                    "another argument has the header `{}`",
                    shown_text(name, SHOWN)
                ),
                "a name for each; case does not tell them apart",
            );
        }
    }
}

/// A token of RFC 9110, section 5.6.2.
fn is_token(name: &str) -> bool {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(in_token)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The paths of problems of a schema with these members beside its type.
    fn places(schema: Value) -> Vec<String> {
        let schema = schema.as_object().unwrap();
        problems(schema)
            .iter()
            .map(|problem| problem.path.join("."))
            .collect()
    }

    #[test]
    fn plain_properties_may_be_marked_however_deep() {
        let inner = json!({"properties": {"b": {"type": "integer", "x-mcp-header": "B"}}});
        let schema =
            json!({"properties": {"a": {"type": "string", "x-mcp-header": "A"}, "o": inner}});
        assert_eq!(places(schema), [] as [&str; 0]);
    }

    #[test]
    fn marks_where_no_reader_finds_the_argument_are_refused() {
        let mark = json!({"type": "string", "x-mcp-header": "A"});
        for (schema, place) in [
            (mark.clone(), "input_schema"),
            (
                json!({"properties": {"l": {"items": mark}}}),
                "input_schema.properties.l.items",
            ),
            (
                json!({"anyOf": [{"properties": {"a": mark}}]}),
                "input_schema.anyOf.0.properties.a",
            ),
            (json!({"$defs": {"a": mark}}), "input_schema.$defs.a"),
        ] {
            assert_eq!(places(schema), [format!("{place}.x-mcp-header")]);
        }
    }

    #[test]
    fn names_are_tokens_and_differ_by_more_than_case() {
        let with = |name: Value| json!({"type": "string", "x-mcp-header": name});
        for bad in [
            json!(""),
            json!("a b"),
            json!("a\r\nb"),
            json!("é"),
            json!(["a"]),
        ] {
            assert_eq!(
                places(json!({"properties": {"a": with(bad)}})),
                ["input_schema.properties.a.x-mcp-header"]
            );
        }
        let twice = json!({"properties": {"a": with(json!("Same")), "b": with(json!("same"))}});
        assert_eq!(places(twice), ["input_schema.properties.b.x-mcp-header"]);
    }

    #[test]
    fn only_plain_values_fit() {
        for schema in [
            json!({"type": "object", "x-mcp-header": "A"}),
            json!({"type": ["string", "null"], "x-mcp-header": "A"}),
            json!({"x-mcp-header": "A"}),
        ] {
            let places = places(json!({"properties": {"a": schema}}));
            assert_eq!(places, ["input_schema.properties.a.x-mcp-header"]);
        }
    }

    #[test]
    fn a_mark_in_data_is_data() {
        let schema = json!({"properties": {"a": {"default": {"x-mcp-header": "A"}}, "x-mcp-header": {"type": "string"}}});
        assert_eq!(places(schema), [] as [&str; 0]);
    }
}
