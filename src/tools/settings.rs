//! A tool as written: what every tool has, and what its kind adds.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::KindSettings;
use crate::span::Span;

/// One tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What every tool has.
    #[serde(flatten)]
    pub common: Common,
    /// How it is executed.
    #[serde(flatten)]
    pub kind: KindSettings,
}

/// What every tool has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Common {
    /// A short name for people.
    pub title: Option<String>,
    /// What it does and when to use it: what the model reads.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments. Unknown properties are refused unless it allows them. Kinds with arguments of their own bring one.
    pub input_schema: Option<Map<String, Value>>,
    /// JSON Schema of the structured result.
    pub output_schema: Option<Map<String, Value>>,
    /// What clients may assume of it. Hints for them; nothing here relies on what another server says.
    pub annotations: Annotations,
    /// The longest a call may take, retries included.
    pub timeout: Span,
    /// Whether a call may, or must, run as a task that the client polls.
    pub task: TaskSupport,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            title: None,
            description: String::new(),
            input_schema: None,
            output_schema: None,
            annotations: Annotations::default(),
            timeout: Span::secs(30),
            task: TaskSupport::default(),
        }
    }
}

/// What clients may assume of a tool, in MCP's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Annotations {
    /// It changes nothing.
    #[serde(rename = "readOnlyHint")]
    pub read_only: Option<bool>,
    /// What it changes may be lost.
    #[serde(rename = "destructiveHint")]
    pub destructive: Option<bool>,
    /// Calling it twice is as good as once.
    #[serde(rename = "idempotentHint")]
    pub idempotent: Option<bool>,
    /// It deals with the world outside.
    #[serde(rename = "openWorldHint")]
    pub open_world: Option<bool>,
}

/// Whether calls run as tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskSupport {
    /// Calls are answered while the client waits.
    #[default]
    Never,
    /// As a task where the client can poll one.
    Optional,
    /// Only as a task.
    Required,
}

impl JsonSchema for Settings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tool".into()
    }

    /// One closed shape for each kind, with the keys every tool has: so that checks can tell which key is unknown.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let common = Common::json_schema(generator).to_value();
        let mut kinds = KindSettings::json_schema(generator).to_value();
        let common = common.get("properties").and_then(Value::as_object);
        let shapes = kinds.get_mut("oneOf").and_then(Value::as_array_mut);
        for shape in shapes.into_iter().flatten() {
            let Some(shape) = shape.as_object_mut() else {
                continue;
            };
            let properties = shape
                .entry("properties")
                .or_insert_with(|| Map::new().into());
            if let (Some(properties), Some(common)) = (properties.as_object_mut(), common) {
                properties.extend(common.clone());
            }
            shape.insert("additionalProperties".to_owned(), false.into());
        }
        Schema::try_from(kinds).unwrap_or_default()
    }
}
