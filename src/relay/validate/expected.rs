//! What an answer must keep, from the request it answers.

use std::{collections::HashMap, sync::Arc};

use crate::{
    chat::{Format, Request},
    dialect::bridge::Watch,
    json::Raw,
    policy::Answers,
    schema::Schemas,
};

/// What an answer must keep. Schemas are compiled when an answer needs one: an agent offers fifty tools with
/// each turn, and the model calls one.
#[derive(Debug)]
pub struct Expected {
    pub(super) schemas: Arc<Schemas>,
    /// The functions on offer with the schemas of their arguments; `None` where none is on offer.
    pub(super) tools: Option<HashMap<String, Option<Raw>>>,
    /// Tools are on offer that are no functions, so that calls of other names may be right.
    pub(super) other_tools: bool,
    pub(super) shape: Shape,
    /// Whether an invalid answer may be put right.
    pub(super) repair: bool,
}

/// The shape of the text.
#[derive(Debug)]
pub(super) enum Shape {
    /// Any text.
    Text,
    /// Some JSON object.
    Object,
    /// JSON that fits this schema.
    Schema(Raw),
}

impl Expected {
    /// What `request` asks of its answer; `None` where any answer that says something will do.
    pub fn of(request: &Request, schemas: &Arc<Schemas>, policy: Answers) -> Option<Self> {
        let shape = match &request.format {
            Format::Text => Shape::Text,
            Format::JsonObject => Shape::Object,
            Format::JsonSchema { schema, .. } => Shape::Schema(schema.clone()),
        };
        let tool = |tool: &crate::chat::Tool| (tool.name.clone(), tool.parameters.clone());
        let tools: Option<HashMap<_, _>> =
            (!request.tools.is_empty()).then(|| request.tools.iter().map(tool).collect());
        let expected = Self {
            tools,
            other_tools: has_other_tools(request),
            shape,
            repair: policy.repair,
            ..Self::something(schemas)
        };
        expected.wants_more().then_some(expected)
    }

    /// An answer that says something.
    pub fn something(schemas: &Arc<Schemas>) -> Self {
        Self {
            schemas: schemas.clone(),
            tools: None,
            other_tools: false,
            shape: Shape::Text,
            repair: false,
        }
    }

    /// Whether more is to be checked than that something is said.
    pub fn wants_more(&self) -> bool {
        self.tools.is_some() || !matches!(self.shape, Shape::Text)
    }

    /// How much of a stream must be held back to check it before the caller gets it.
    pub fn watch(&self) -> Watch {
        match self.shape {
            Shape::Object | Shape::Schema(_) => Watch::Everything,
            Shape::Text if self.tools.is_some() => Watch::Calls,
            Shape::Text => Watch::Silence,
        }
    }
}

/// Whether the request offers tools that are no functions of ours: those its provider runs, the ones of a grammar,
/// the functions of the days before tools. Dialects keep them among what they have no canonical word for.
fn has_other_tools(request: &Request) -> bool {
    let other = |key: &str| key == "tools" || key == "functions" || key.starts_with("tools[");
    request.extra.iter().any(|(key, _)| other(key))
}
