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

impl Catalogue {
    /// The names of all of it: of tools alone, of others with their kind before them.
    pub fn names(&self) -> Vec<String> {
        let tools = self.tools.iter().map(|it| it.tool.name.to_string());
        let prompts = self.prompts.iter().map(|it| format!("prompt {}", it.name));
        let resources = self.resources.iter();
        let resources = resources.map(|it| format!("resource {}", it.uri));
        let templates = self.templates.iter();
        let templates = templates.map(|it| format!("template {}", it.uri_template));
        let all = tools.chain(prompts).chain(resources);
        all.chain(templates).collect()
    }
}

/// One tool of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Offered {
    /// As the server describes it, cleaned; its annotations are the server's, which widen no rights here.
    pub tool: Tool,
    /// The digest of what was approved.
    pub digest: String,
}
