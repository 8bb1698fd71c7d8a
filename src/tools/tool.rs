//! One tool, ready to be called.

use std::sync::Arc;

use serde_json::{Map, Value, value::RawValue};

use super::{
    Annotations, Common, Kind, Materials, Question, Settings,
    allow::Allow,
    hygiene,
    name::{self, wire_name},
    standing::Standing,
};
use crate::{
    problem::Problem,
    schema::{Schema, header},
};

/// One tool, ready to be called. Copies share what was compiled for it.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its name in the configuration.
    pub id: String,
    /// Its name on the wire.
    pub wire: String,
    /// The name of its kind.
    pub kind_name: &'static str,
    /// What every tool has, as written.
    pub common: Arc<Common>,
    /// The schema of its arguments.
    pub input_schema: Arc<Map<String, Value>>,
    /// The schema of its structured result.
    pub output_schema: Option<Arc<Map<String, Value>>>,
    /// Whether clients repeat some of its arguments in headers.
    pub repeats_arguments: bool,
    /// Tells its settings from others: results of one revision are none of another.
    pub(super) revision: String,
    pub(super) input: Arc<Schema>,
    pub(super) output: Option<Arc<Schema>>,
    pub(super) allow: Arc<Allow>,
    pub(super) standing: Standing,
    pub(super) kind: Arc<dyn Kind>,
}

impl Tool {
    /// The name of the kind of tools that are there without being configured.
    pub const BUILT_IN: &str = "built_in";

    /// The name of the kind of other servers' tools.
    pub const FEDERATED: &str = "mcp";

    /// Builds a tool. Paths of problems start at its keys.
    pub fn build(
        id: &str,
        settings: &Settings,
        materials: &mut Materials<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let kind = settings.kind.build(materials);
        let tool = Self::of_kind(id, &settings.common, settings.kind.name(), kind)?;
        Ok(Self {
            revision: revision(settings),
            ..tool
        })
    }

    /// Builds a tool of a kind that is built already, or is not for these reasons.
    pub fn of_kind(
        id: &str,
        common: &Common,
        kind_name: &'static str,
        kind: Result<Box<dyn Kind>, Vec<Problem>>,
    ) -> Result<Self, Vec<Problem>> {
        Self::checked(id, common, kind_name, kind, closed)
    }

    /// Builds a tool of another server, whose schemas are its own: they are held to as they are. `revision` tells what
    /// it is from what it was.
    pub(super) fn federated(
        id: &str,
        common: &Common,
        kind: Box<dyn Kind>,
        revision: String,
    ) -> Result<Self, Vec<Problem>> {
        let tool = Self::checked(
            id,
            common,
            Self::FEDERATED,
            Ok(kind),
            Option::unwrap_or_default,
        )?;
        Ok(Self { revision, ..tool })
    }

    fn checked(
        id: &str,
        common: &Common,
        kind_name: &'static str,
        kind: Result<Box<dyn Kind>, Vec<Problem>>,
        shape: Shape,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems: Vec<Problem> = name::problem(id).into_iter().collect();
        problems.extend(common.problems());
        let allow = Allow::compile(&common.allow).unwrap_or_else(|found| {
            let found = found.into_iter();
            problems.extend(found.map(|problem| problem.under(["allow"])));
            Allow::default()
        });
        let kind = match kind {
            Ok(kind) => kind,
            Err(more) => {
                problems.extend(more);
                return Err(problems);
            }
        };
        let named = (id.to_owned(), wire_name(id), kind_name);
        match Self::assemble(named, common.clone(), kind, shape) {
            Ok(tool) if problems.is_empty() => Ok(Self {
                allow: Arc::new(allow),
                ..tool
            }),
            Ok(_) => Err(problems),
            Err(more) => {
                problems.extend(more);
                Err(problems)
            }
        }
    }

    /// A tool of the gateway's own; none if its schemas do not compile.
    pub(super) fn built_in(
        id: &str,
        wire: &str,
        common: Common,
        kind: Box<dyn Kind>,
    ) -> Option<Self> {
        let named = (id.to_owned(), wire.to_owned(), Self::BUILT_IN);
        Self::assemble(named, common, kind, closed).ok()
    }

    /// From a kind and what every tool has: id, wire name and name of the kind come together.
    fn assemble(
        (id, wire, kind_name): (String, String, &'static str),
        common: Common,
        kind: Box<dyn Kind>,
        shape: Shape,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let input_schema = common.input_schema.clone();
        let input_schema = input_schema.or_else(|| kind.input_schema());
        let input_schema = shape(input_schema);
        let output_schema = common.output_schema.clone();
        let output_schema = output_schema.or_else(|| kind.output_schema());
        problems.extend(header::problems(&input_schema));
        let mut compile = |key: &str, schema: &Map<String, Value>| {
            problems.extend(hygiene::schema_problem(key, schema));
            compile(schema)
                .map_err(|message| problems.push(Problem::new([key], message)))
                .ok()
        };
        let input = compile("input_schema", &input_schema);
        let output = output_schema
            .as_ref()
            .and_then(|schema| compile("output_schema", schema));
        if common.paging && output_schema.is_some() {
            let message = "no part of a result fits the tool's output schema";
            let problem = Problem::new(["paging"], message);
            problems.push(problem.expected("`false`, and a `max_result` that is large enough"));
        }
        let Some(input) = input.filter(|_| problems.is_empty()) else {
            return Err(problems);
        };
        Ok(Self {
            id,
            wire,
            kind_name,
            standing: Standing::new(&common),
            common: Arc::new(common),
            repeats_arguments: header::are_in(&input_schema),
            input_schema: Arc::new(input_schema),
            output_schema: output_schema.map(Arc::new),
            revision: String::new(),
            input: Arc::new(input),
            output: output.map(Arc::new),
            allow: Arc::default(),
            kind: kind.into(),
        })
    }

    /// Whether it is there without being configured.
    pub fn is_built_in(&self) -> bool {
        self.kind_name == Self::BUILT_IN
    }

    /// Whether it is another server's.
    pub fn is_federated(&self) -> bool {
        self.kind_name == Self::FEDERATED
    }

    /// Whether this and the other were built at once: they differ in what is remembered of them at most.
    pub fn is_copy_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.common, &other.common)
    }

    /// What clients may assume of it.
    pub fn annotations(&self) -> Annotations {
        self.common.annotations
    }

    /// Whether it neither logs nor asks while it runs. For one that sends data out the user may be asked.
    pub fn is_silent(&self) -> bool {
        self.kind.is_silent() && !self.common.sends_out
    }

    /// Whether only running it tells if it asks before its work begins.
    pub fn may_ask_first(&self) -> bool {
        self.kind.may_ask_first()
    }

    /// What it asks before it begins.
    pub fn asks_first(&self) -> Vec<(String, Question)> {
        self.kind.asks_first()
    }
}

/// What becomes of the schema of arguments, if there is one.
type Shape = fn(Option<Map<String, Value>>) -> Map<String, Value>;

/// The schema of an object that takes no members but its own, unless it says otherwise.
fn closed(schema: Option<Map<String, Value>>) -> Map<String, Value> {
    let mut schema = schema.unwrap_or_default();
    schema.entry("type").or_insert_with(|| "object".into());
    // Some APIs of models want to see it, and without it the validator does not name the member that is too many.
    schema
        .entry("properties")
        .or_insert_with(|| Map::new().into());
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

/// Secrets stand in settings as references only.
fn revision(settings: &Settings) -> String {
    // Settings that were read can be written.
    let written = serde_json::to_vec(settings).unwrap_or_default();
    blake3::hash(&written).to_hex().to_string()
}

fn compile(schema: &Map<String, Value>) -> Result<Schema, String> {
    let text = serde_json::to_string(schema).and_then(RawValue::from_string);
    let text = text.map_err(|error| error.to_string())?;
    Schema::compile_with_formats(&text).map_err(|unusable| unusable.to_string())
}

#[cfg(test)]
#[path = "tool_tests.rs"]
mod tests;
