//! One thing that a server lists.

use rmcp::model::{Prompt, Resource, ResourceTemplate, Tool};
use serde_json::Value;

use crate::federation::{Catalogue, Listing, Offered};

/// One thing that a server lists.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Tool(Tool),
    Prompt(Prompt),
    Resource(Resource),
    Template(ResourceTemplate),
}

impl Item {
    /// Everything in these lists, tools first.
    pub(super) fn all(listing: Listing) -> impl Iterator<Item = Self> {
        let tools = listing.tools.into_iter().map(Self::Tool);
        tools
            .chain(listing.prompts.into_iter().map(Self::Prompt))
            .chain(listing.resources.into_iter().map(Self::Resource))
            .chain(listing.templates.into_iter().map(Self::Template))
    }

    /// What it is, where it is no tool.
    pub(super) fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Tool(_) => None,
            Self::Prompt(_) => Some("prompt"),
            Self::Resource(_) => Some("resource"),
            Self::Template(_) => Some("template"),
        }
    }

    /// What the server tells it from others of its kind by.
    pub(super) fn own_name(&self) -> &str {
        match self {
            Self::Tool(tool) => &tool.name,
            Self::Prompt(prompt) => &prompt.name,
            Self::Resource(resource) => &resource.uri,
            Self::Template(template) => &template.uri_template,
        }
    }

    /// What it is approved by: a tool's name alone, and others with their kind before it. No tool has a space in its
    /// name.
    pub(super) fn name(&self) -> String {
        match self.kind() {
            None => self.own_name().to_owned(),
            Some(kind) => format!("{kind} {}", self.own_name()),
        }
    }

    /// All the server says of it.
    pub(super) fn value(&self) -> Value {
        let value = match self {
            Self::Tool(tool) => serde_json::to_value(tool),
            Self::Prompt(prompt) => serde_json::to_value(prompt),
            Self::Resource(resource) => serde_json::to_value(resource),
            Self::Template(template) => serde_json::to_value(template),
        };
        // What was read from JSON can be written as JSON.
        value.unwrap_or_default()
    }

    /// Another of this kind.
    pub(super) fn another(&self, value: Value) -> serde_json::Result<Self> {
        Ok(match self {
            Self::Tool(_) => Self::Tool(serde_json::from_value(value)?),
            Self::Prompt(_) => Self::Prompt(serde_json::from_value(value)?),
            Self::Resource(_) => Self::Resource(serde_json::from_value(value)?),
            Self::Template(_) => Self::Template(serde_json::from_value(value)?),
        })
    }

    /// One that was approved by this name.
    pub(super) fn recalled(name: &str, value: Value) -> Option<Self> {
        let item = match name.split_once(' ') {
            None => serde_json::from_value(value).map(Self::Tool),
            Some(("prompt", _)) => serde_json::from_value(value).map(Self::Prompt),
            Some(("resource", _)) => serde_json::from_value(value).map(Self::Resource),
            Some(("template", _)) => serde_json::from_value(value).map(Self::Template),
            Some(_) => return None,
        };
        item.ok().filter(|item| item.name() == name)
    }

    /// Adds it to a listing.
    pub(super) fn list(self, listing: &mut Listing) {
        match self {
            Self::Tool(tool) => listing.tools.push(tool),
            Self::Prompt(prompt) => listing.prompts.push(prompt),
            Self::Resource(resource) => listing.resources.push(resource),
            Self::Template(template) => listing.templates.push(template),
        }
    }

    /// Adds it to what is offered.
    pub(super) fn offer(self, digest: &str, catalogue: &mut Catalogue) {
        match self {
            Self::Tool(tool) => catalogue.tools.push(Offered {
                tool,
                digest: digest.to_owned(),
            }),
            Self::Prompt(prompt) => catalogue.prompts.push(prompt),
            Self::Resource(resource) => catalogue.resources.push(resource),
            Self::Template(template) => catalogue.templates.push(template),
        }
    }
}
