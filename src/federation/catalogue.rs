//! What a server offers, as far as it may be offered here.

use rmcp::model::{Prompt, Resource, ResourceTemplate, Tool};

/// What of a server may be offered: everything in it was approved, and is clean of what only confuses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// Its tools.
    pub tools: Vec<Offered>,
    /// Its prompts, by its own names.
    pub prompts: Vec<Prompt>,
    /// Its resources, by its own addresses.
    pub resources: Vec<Resource>,
    /// Templates of more addresses.
    pub templates: Vec<ResourceTemplate>,
}

/// One tool of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    /// As the server describes it, cleaned; its annotations are the server's, which widen no rights here.
    pub tool: Tool,
    /// The digest of what was approved.
    pub digest: String,
}
