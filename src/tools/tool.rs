//! One tool, ready to be called.

use serde_json::{Map, Value, value::RawValue};

use super::{
    Annotations, Common, Kind, Materials, Settings,
    name::{self, wire_name},
};
use crate::{problem::Problem, schema::Schema};

/// One tool, ready to be called.
#[derive(Debug)]
pub struct Tool {
    /// Its name in the configuration.
    pub id: String,
    /// Its name on the wire.
    pub wire: String,
    /// The name of its kind.
    pub kind_name: &'static str,
    /// What every tool has, as written.
    pub common: Common,
    /// The schema of its arguments.
    pub input_schema: Map<String, Value>,
    /// The schema of its structured result.
    pub output_schema: Option<Map<String, Value>>,
    pub(super) input: Schema,
    pub(super) output: Option<Schema>,
    pub(super) kind: Box<dyn Kind>,
}

impl Tool {
    /// Builds a tool. Paths of problems start at its keys.
    pub fn build(
        id: &str,
        settings: &Settings,
        materials: &mut Materials<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let kind = settings.kind.build(materials);
        let kind = kind.map_err(|mut problems| {
            problems.extend(problems_of(id, &settings.common));
            problems
        })?;
        Self::assemble(id, settings.kind.name(), &settings.common, kind)
    }

    /// Puts a tool together of what every tool has and a kind that is built.
    pub(super) fn assemble(
        id: &str,
        kind_name: &'static str,
        common: &Common,
        kind: Box<dyn Kind>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = problems_of(id, common);
        let input_schema = common.input_schema.clone();
        let input_schema = closed(
            input_schema
                .or_else(|| kind.input_schema())
                .unwrap_or_default(),
        );
        let output_schema = common
            .output_schema
            .clone()
            .or_else(|| kind.output_schema());
        let mut compile = |key: &str, schema: &Map<String, Value>| {
            compile(schema)
                .map_err(|message| problems.push(Problem::new([key], message)))
                .ok()
        };
        let input = compile("input_schema", &input_schema);
        let output = output_schema
            .as_ref()
            .map(|schema| compile("output_schema", schema));
        match (input, output) {
            (Some(input), output @ (None | Some(Some(_)))) if problems.is_empty() => Ok(Self {
                id: id.to_owned(),
                wire: wire_name(id),
                kind_name,
                common: common.clone(),
                input,
                output: output.flatten(),
                input_schema,
                output_schema,
                kind,
            }),
            _ => Err(problems),
        }
    }

    /// What clients may assume of it.
    pub fn annotations(&self) -> Annotations {
        self.common.annotations
    }
}

/// What is wrong with what every tool has.
fn problems_of(id: &str, common: &Common) -> Vec<Problem> {
    let mut problems: Vec<Problem> = name::problem(id).into_iter().collect();
    if common.description.trim().is_empty() {
        let problem = Problem::new(["description"], "there is no description");
        problems.push(problem.expected("what the tool does and when to use it, for the model"));
    }
    problems
}

/// The schema of an object that takes no members but its own, unless it says otherwise.
fn closed(mut schema: Map<String, Value>) -> Map<String, Value> {
    schema.entry("type").or_insert_with(|| "object".into());
    let says_otherwise = [
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
    ]
    .iter()
    .any(|word| schema.contains_key(*word));
    // Members may be named below `allOf` and its like, which `additionalProperties` does not see.
    let composed = ["allOf", "anyOf", "oneOf", "if", "$ref"]
        .iter()
        .any(|word| schema.contains_key(*word));
    if !says_otherwise {
        let word = if composed {
            "unevaluatedProperties"
        } else {
            "additionalProperties"
        };
        schema.insert(word.to_owned(), false.into());
    }
    schema
}

fn compile(schema: &Map<String, Value>) -> Result<Schema, String> {
    let text = serde_json::to_string(schema).and_then(RawValue::from_string);
    let text = text.map_err(|error| error.to_string())?;
    Schema::compile(&text).map_err(|unusable| unusable.to_string())
}
