//! An OpenAPI document: read, bounded, and followed only inside itself.

use serde_json::{Map, Value};

use super::Wrong;

/// The largest document, in bytes. The largest known, of a code host, has 12 MB of examples; without them it fits.
pub const LARGEST: usize = 4 * 1024 * 1024;

/// The most references in a row.
const LONGEST_CHAIN: usize = 16;

/// A document.
#[derive(Debug)]
pub(super) struct Document {
    root: Value,
}

/// A part of a document, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Part<'a> {
    pub(super) value: &'a Map<String, Value>,
    pub(super) pointer: String,
}

impl Document {
    /// Reads a document: OpenAPI 3, as JSON or YAML.
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        let whole = |message: String| Wrong::new("", message);
        if text.len() > LARGEST {
            return Err(whole(format!("it is larger than {LARGEST} bytes")));
        }
        let root: Value = match text.trim_start().starts_with('{') {
            true => serde_json::from_str(text)
                .map_err(|error| whole(format!("it is no JSON: {error}")))?,
            false => serde_saphyr::from_str(text).map_err(|error| {
                let message = error.to_string();
                let first = message.lines().next().unwrap_or_default();
                whole(format!("it is no YAML: {first}"))
            })?,
        };
        if root.get("swagger").is_some() {
            return Err(Wrong::new(
                "/swagger",
                "this is Swagger 2.0: convert it to OpenAPI 3",
            ));
        }
        let version = root.get("openapi").and_then(Value::as_str).unwrap_or("");
        if !version.starts_with("3.") {
            return Err(Wrong::new(
                "/openapi",
                "it does not say that it is OpenAPI 3",
            ));
        }
        Ok(Self { root })
    }

    /// The part at a pointer, which must be an object.
    pub(super) fn part(&self, pointer: &str) -> Result<Part<'_>, Wrong> {
        let value = self.root.pointer(pointer);
        self.object(value.unwrap_or(&Value::Null), pointer)
    }

    /// This value as a part, with references followed.
    pub(super) fn object<'a>(&'a self, value: &'a Value, pointer: &str) -> Result<Part<'a>, Wrong> {
        let (mut value, mut pointer) = (value, pointer.to_owned());
        for _ in 0..LONGEST_CHAIN {
            let Value::Object(members) = value else {
                return Err(Wrong::new(&pointer, "there should be an object"));
            };
            let Some(reference) = members.get("$ref") else {
                return Ok(Part {
                    value: members,
                    pointer,
                });
            };
            (value, pointer) = self.follow(reference, &pointer)?;
        }
        Err(Wrong::new(
            &pointer,
            format!("more than {LONGEST_CHAIN} references follow each other"),
        ))
    }

    /// What a reference leads to, and where it stands.
    pub(super) fn follow(&self, reference: &Value, from: &str) -> Result<(&Value, String), Wrong> {
        let at = format!("{from}/$ref");
        let reference = reference.as_str();
        let reference = reference.ok_or_else(|| Wrong::new(&at, "a reference is a text"))?;
        let Some(pointer) = reference.strip_prefix('#').filter(|it| it.starts_with('/')) else {
            let message =
                "it refers to another document; nothing is fetched, so put it all into one";
            return Err(Wrong::new(&at, message));
        };
        // Fragments of URLs are percent-encoded, and some tools write braces of paths so.
        let pointer = pointer.replace("%7B", "{").replace("%7D", "}");
        let target = self.root.pointer(&pointer);
        let target =
            target.ok_or_else(|| Wrong::new(&at, "it refers to something that is not there"))?;
        Ok((target, pointer))
    }

    /// The address of the first server, its variables at their defaults.
    pub(super) fn server(&self) -> Option<String> {
        let server = self.root.pointer("/servers/0")?;
        let mut url = server.get("url")?.as_str()?.to_owned();
        let variables = server.get("variables").and_then(Value::as_object);
        for (name, variable) in variables.into_iter().flatten() {
            let default = variable.get("default").and_then(Value::as_str)?;
            url = url.replace(&format!("{{{name}}}"), default);
        }
        Some(url)
    }
}

/// A key as a step of a pointer.
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
