//! The body of a request.

use bytes::Bytes;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{
    settings::Body,
    values::{Filled, Unfit},
};
use crate::{problem::Problem, tools::input::Input};

/// The deepest JSON as written. Deeper than any API's, and far from the end of the stack.
const DEEPEST: usize = 32;

/// A body with templates in it.
#[derive(Debug)]
pub(super) enum Shape {
    Json(Node),
    Form(Vec<(String, Filled)>),
}

/// A part of a JSON body.
#[derive(Debug)]
pub(super) enum Node {
    Plain(Value),
    Filled(Filled),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Shape {
    /// Reads a body as written. Paths of problems start at `body`.
    pub(super) fn read(body: &Body) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let shape = match body {
            Body::Json(value) => {
                let mut path = vec!["body".to_owned(), "json".to_owned()];
                Self::Json(Node::read(value, &mut path, &mut problems))
            }
            Body::Form(members) => {
                let members = members.iter().filter_map(|(name, text)| {
                    let filled = Filled::compile(text, &["body", "form", name]);
                    let filled = filled.map_err(|problem| problems.push(problem));
                    Some((name.clone(), filled.ok()?))
                });
                Self::Form(members.collect())
            }
        };
        if problems.is_empty() {
            Ok(shape)
        } else {
            Err(problems)
        }
    }

    /// Its content type.
    pub(super) fn media_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
        }
    }

    /// The bytes for these arguments; `None` where the whole body is an argument that was left out.
    pub(super) fn bytes(&self, input: &Input<'_>) -> Result<Option<Bytes>, Unfit> {
        let text = match self {
            Self::Json(node) => node.value(input)?.map(|value| value.to_string()),
            Self::Form(members) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, filled) in members {
                    for text in filled.texts(input)? {
                        form.append_pair(name, &text);
                    }
                }
                Some(form.finish())
            }
        };
        Ok(text.map(Bytes::from))
    }
}

impl Node {
    fn read(value: &Value, path: &mut Vec<String>, problems: &mut Vec<Problem>) -> Self {
        if path.len() > DEEPEST {
            problems.push(Problem::new(path.iter().cloned(), "it is nested too deep"));
            return Self::Plain(Value::Null);
        }
        let mut inner = |key: String, value: &Value| {
            path.push(key);
            let node = Self::read(value, path, problems);
            path.pop();
            node
        };
        match value {
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Self::List(
                    items
                        .map(|(at, item)| inner(at.to_string(), item))
                        .collect(),
                )
            }
            Value::Object(members) => {
                let members = members.iter();
                Self::Map(
                    members
                        .map(|(key, value)| (key.clone(), inner(key.clone(), value)))
                        .collect(),
                )
            }
            Value::String(text) => {
                let at: Vec<&str> = path.iter().map(String::as_str).collect();
                Filled::compile(text, &at).map_or_else(
                    |problem| {
                        problems.push(problem);
                        Self::Plain(Value::Null)
                    },
                    Self::Filled,
                )
            }
            plain => Self::Plain(plain.clone()),
        }
    }

    /// Its value; `None` where it is an argument that was left out, and with it the member or item it stands for.
    fn value(&self, input: &Input<'_>) -> Result<Option<Value>, Unfit> {
        Ok(match self {
            Self::Plain(value) => Some(value.clone()),
            Self::Filled(filled) => filled.value(input)?,
            Self::List(items) => {
                let items = items
                    .iter()
                    .filter_map(|item| item.value(input).transpose());
                Some(Value::Array(items.collect::<Result<_, _>>()?))
            }
            Self::Map(members) => {
                let mut map = Map::new();
                for (key, node) in members {
                    if let Some(value) = node.value(input)? {
                        map.insert(key.clone(), value);
                    }
                }
                Some(Value::Object(map))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(body: Body, arguments: Value) -> String {
        let input = Input {
            arguments: &arguments,
            caller: "ci",
        };
        let bytes = Shape::read(&body).unwrap().bytes(&input).unwrap().unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn json_keeps_types_and_leaves_out_what_was_left_out() {
        let body = json!({
            "n": "${input.n}", "gone": "${input.gone}", "null": "${input.null}", "fixed": [1, true, null, "${input.gone}"],
            "text": "for ${caller.name}: ${input.n}", "deep": {"list": "${input.list}"},
        });
        let arguments = json!({"n": 3, "null": null, "list": [{"a": 1}], "quote": "\"}"});
        let sent: Value = serde_json::from_str(&bytes(Body::Json(body), arguments)).unwrap();
        assert_eq!(
            sent,
            json!({
                "n": 3, "null": null, "fixed": [1, true, null], "text": "for ci: 3", "deep": {"list": [{"a": 1}]},
            })
        );
        let hostile = json!({"x": "\",\"admin\":true,\"y\":\"${input.x}"});
        let sent = bytes(Body::Json(json!({"x": "<${input.x}>"})), hostile.clone());
        let sent: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(
            sent,
            json!({"x": format!("<{}>", hostile["x"].as_str().unwrap())})
        );
        let whole = Shape::read(&Body::Json(json!("${input.gone}"))).unwrap();
        let nothing = json!({});
        let input = Input {
            arguments: &nothing,
            caller: "",
        };
        assert_eq!(whole.bytes(&input).unwrap(), None);
        assert_eq!(
            bytes(Body::Json(json!("${input}")), json!({"a": 1})),
            r#"{"a":1}"#
        );
    }

    #[test]
    fn a_form_takes_values_for_values() {
        let form = [
            ("a", "${input.a}"),
            ("b", "${input.b}"),
            ("c", "${input.c}"),
        ];
        let form = form.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let sent = bytes(
            Body::Form(form.into()),
            json!({"a": "x&admin=1", "b": [1, "2 3"]}),
        );
        assert_eq!(sent, "a=x%26admin%3D1&b=1&b=2+3");
    }

    #[test]
    fn problems_are_told_with_their_place() {
        let body = Body::Json(json!({"a": [{"b": "${nothing}"}], "c": "${"}));
        let problems = Shape::read(&body).unwrap_err();
        let paths: Vec<String> = problems.iter().map(|it| it.path.join(".")).collect();
        assert_eq!(paths, ["body.json.a.0.b", "body.json.c"]);
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(Shape::read(&Body::Json(deep)).unwrap_err().len(), 1);
    }
}
