//! Prompts, resources and templates: what the configuration gives to clients that are no tools.
//!
//! Everything is read and compiled when the configuration is loaded. Answering a client touches no file: what it
//! sends fills texts, and never names anything but a key of a map.

mod ask;
mod body;
mod complete;
mod foreign;
mod message;
mod pages;
mod prompt;
mod resource;
mod settings;
mod template;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rmcp::{
    ErrorData,
    model::{
        CacheScope, CompleteRequestParams, CompleteResult, GetPromptResult, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams,
        Prompt as WirePrompt, ReadResourceResult, Resource as WireResource, ResourceContents,
        ResourceTemplate as WireTemplate,
    },
};
use serde_json::{Map, Value, json};

pub(super) use self::foreign::Visit;
use self::{
    foreign::{Foreign, Taken},
    prompt::Prompt,
    resource::Resource,
    template::Template,
};
pub use self::{
    pages::page,
    settings::{
        ArgumentSettings, AskSettings, EmbeddedSettings, MediaSettings, MessageSettings,
        PromptSettings, ResourceSettings, Role, TemplateSettings,
    },
};
use super::{LIST_TTL, Settings};
use crate::{
    access::Caller,
    problem::Problem,
    schema::shown_text,
    tools::{
        Question,
        kinds::mcp::{Door, Entry},
    },
};

/// Reads a file that the configuration names, or says why it cannot.
pub type Read<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

/// What one configuration gives.
#[derive(Debug, Default)]
pub struct Library {
    prompts: Arc<BTreeMap<String, Prompt>>,
    resources: Arc<BTreeMap<String, Resource>>,
    templates: Arc<BTreeMap<String, Template>>,
    /// What other servers give.
    foreign: Foreign,
}

/// What came of asking for a prompt or a resource.
#[derive(Debug)]
pub(super) enum Got<T> {
    /// It is this.
    This(T),
    /// The user has to answer first.
    Asks(Vec<(String, Question)>),
}

impl<T> Got<T> {
    /// The label in logs and metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::This(_) => "done",
            Self::Asks(_) => "asks",
        }
    }
}

impl Library {
    /// Reads and compiles everything. Paths of problems start at the keys of `mcp`.
    pub fn build(settings: &Settings, read: &Read<'_>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let resources = each(
            "resources",
            &settings.resources,
            &mut problems,
            |it, name| Resource::build(name, it, read),
        );
        let templates = each(
            "templates",
            &settings.templates,
            &mut problems,
            |it, name| Template::build(name, it),
        );
        let prompts = each("prompts", &settings.prompts, &mut problems, |it, name| {
            Prompt::build(name, it, &resources, read)
        });
        let mut seen = BTreeSet::new();
        let uris = resources
            .iter()
            .map(|(name, it)| ("resources", name, &it.wire.uri));
        let more = templates.iter();
        let uris = uris.chain(more.map(|(name, it)| ("templates", name, &it.wire.uri_template)));
        for (key, name, uri) in uris {
            if !seen.insert(uri) {
                let message = format!("another one has the address `{uri}`");
                problems.push(Problem::new([key, name, "uri"], message));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            prompts: Arc::new(prompts),
            resources: Arc::new(resources),
            templates: Arc::new(templates),
            foreign: Foreign::default(),
        })
    }

    /// The same, with what these servers, sorted by name, offer now.
    pub(crate) fn with_federated(&self, servers: &[(Door, Entry)]) -> Self {
        let uris = self.resources.values().map(|it| it.wire.uri.as_str());
        let more = self.templates.values();
        let taken = Taken {
            prompts: self.prompts.keys().map(String::as_str).collect(),
            addresses: uris
                .chain(more.map(|it| it.wire.uri_template.as_str()))
                .collect(),
            has: &|uri| self.has(uri),
        };
        Self {
            prompts: self.prompts.clone(),
            resources: self.resources.clone(),
            templates: self.templates.clone(),
            foreign: Foreign::of(servers, taken),
        }
    }

    /// The prompts this caller may know of.
    pub(super) fn list_prompts(
        &self,
        caller: &Caller,
        from: Option<PaginatedRequestParams>,
        size: usize,
    ) -> Result<ListPromptsResult, ErrorData> {
        let (prompts, next) = page(copied(self.prompts_of(caller)), from, size)?;
        let mut result = ListPromptsResult::with_all_items(prompts)
            .with_ttl_ms(LIST_TTL)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    /// The resources this caller may know of.
    pub(super) fn list_resources(
        &self,
        caller: &Caller,
        from: Option<PaginatedRequestParams>,
        size: usize,
    ) -> Result<ListResourcesResult, ErrorData> {
        let (resources, next) = page(copied(self.resources_of(caller)), from, size)?;
        let mut result = ListResourcesResult::with_all_items(resources)
            .with_ttl_ms(LIST_TTL)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    /// The templates this caller may know of.
    pub(super) fn list_templates(
        &self,
        caller: &Caller,
        from: Option<PaginatedRequestParams>,
        size: usize,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let (templates, next) = page(copied(self.templates_of(caller)), from, size)?;
        let mut result = ListResourceTemplatesResult::with_all_items(templates)
            .with_ttl_ms(LIST_TTL)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    fn prompts_of<'a>(&'a self, caller: &'a Caller) -> BTreeMap<&'a str, &'a WirePrompt> {
        let mine = self.prompts.iter();
        let mine = mine.filter(|(name, _)| caller.may_use_prompt(name));
        let mine = mine.map(|(name, it)| (name.as_str(), &it.wire));
        mine.chain(self.foreign.prompts(caller)).collect()
    }

    fn resources_of<'a>(&'a self, caller: &'a Caller) -> BTreeMap<&'a str, &'a WireResource> {
        let mine = self.resources.iter();
        let mine = mine.filter(|(name, _)| caller.may_read_resource(name));
        let mine = mine.map(|(name, it)| (name.as_str(), &it.wire));
        mine.chain(self.foreign.resources(caller)).collect()
    }

    fn templates_of<'a>(&'a self, caller: &'a Caller) -> BTreeMap<&'a str, &'a WireTemplate> {
        let mine = self.templates.iter();
        let mine = mine.filter(|(name, _)| caller.may_read_resource(name));
        let mine = mine.map(|(name, it)| (name.as_str(), &it.wire));
        mine.chain(self.foreign.templates(caller)).collect()
    }

    /// A prompt with these arguments. What this caller may not use, and what there is not, are told alike.
    pub(super) async fn prompt(
        &self,
        name: &str,
        arguments: Map<String, Value>,
        visit: Visit<'_>,
    ) -> Result<Got<GetPromptResult>, ErrorData> {
        let caller = visit.caller;
        let prompt = self.prompts.get(name);
        if let Some(prompt) = prompt.filter(|_| caller.may_use_prompt(name)) {
            return prompt.get(caller, arguments, visit.line).await;
        }
        let foreign = self.foreign.prompt(name, &arguments, visit).await;
        foreign.unwrap_or_else(|| {
            let name = shown_text(name, SHOWN);
            let message = format!("Unknown prompt: {name}");
            Err(ErrorData::invalid_params(message, None))
        })
    }

    /// What stands at an address. What this caller may not read, and what there is not, are told alike.
    pub(super) async fn read(
        &self,
        uri: &str,
        visit: Visit<'_>,
    ) -> Result<Got<ReadResourceResult>, ErrorData> {
        if let Some(contents) = self.contents(visit.caller, uri)? {
            let read = ReadResourceResult::new(vec![contents])
                .with_ttl_ms(LIST_TTL)
                .with_cache_scope(CacheScope::Private);
            return Ok(Got::This(read));
        }
        // Nobody is handed another server's text at an address of the configuration's.
        let foreign = match self.has(uri) {
            true => None,
            false => self.foreign.read(uri, visit).await,
        };
        foreign.unwrap_or_else(|| Err(not_found(uri)))
    }

    /// Refuses an address where nothing stands that this caller may read.
    pub(super) fn must_have(&self, uri: &str, caller: &Caller) -> Result<(), ErrorData> {
        let mut resources = self.resources.iter();
        let own = resources.find(|(_, it)| it.wire.uri == uri);
        let is_readable = match own {
            Some((name, _)) => caller.may_read_resource(name),
            None if self.has(uri) => {
                let mut templates = self.templates.iter();
                templates.any(|(name, it)| caller.may_read_resource(name) && it.has(uri))
            }
            None => self.foreign.is_readable(uri, caller),
        };
        is_readable.then_some(()).ok_or_else(|| not_found(uri))
    }

    /// Whether an address is the configuration's, whoever may read it.
    fn has(&self, uri: &str) -> bool {
        let mut resources = self.resources.values();
        resources.any(|it| it.wire.uri == uri) || self.templates.values().any(|it| it.has(uri))
    }

    fn contents(&self, caller: &Caller, uri: &str) -> Result<Option<ResourceContents>, ErrorData> {
        let mut resources = self.resources.iter();
        if let Some((name, resource)) = resources.find(|(_, it)| it.wire.uri == uri) {
            return Ok(caller.may_read_resource(name).then(|| resource.contents()));
        }
        for (name, template) in &*self.templates {
            if caller.may_read_resource(name)
                && let Some(contents) = template.contents(caller, uri)?
            {
                return Ok(Some(contents));
            }
        }
        Ok(None)
    }

    /// Whether this caller sees the same prompts as before.
    pub(super) fn prompts_alike(&self, before: &Self, (caller, was): (&Caller, &Caller)) -> bool {
        self.prompts_of(caller) == before.prompts_of(was)
    }

    /// Whether this caller sees the same resources and templates as before.
    pub(super) fn resources_alike(&self, before: &Self, (caller, was): (&Caller, &Caller)) -> bool {
        self.resources_of(caller) == before.resources_of(was)
            && self.templates_of(caller) == before.templates_of(was)
    }

    /// Whether this caller reads another thing at an address than before.
    pub(super) fn reads_another(
        &self,
        before: &Self,
        (caller, was): (&Caller, &Caller),
        uri: &str,
    ) -> bool {
        self.contents(caller, uri).ok() != before.contents(was, uri).ok()
    }

    /// What the user may be about to type.
    pub(super) async fn complete(
        &self,
        request: &CompleteRequestParams,
        visit: Visit<'_>,
    ) -> Result<CompleteResult, ErrorData> {
        match self.foreign.complete(request, visit).await {
            Some(completed) => completed,
            None => complete::complete(self, visit.caller, request),
        }
    }
}

fn not_found(uri: &str) -> ErrorData {
    let data = json!({ "uri": uri });
    ErrorData::resource_not_found("Resource not found", Some(data))
}

/// The entries of a list, each its own.
fn copied<'a, T: Clone>(list: BTreeMap<&'a str, &T>) -> impl Iterator<Item = (&'a str, T)> {
    list.into_iter().map(|(name, it)| (name, it.clone()))
}

/// How much of a name errors repeat, in characters.
const SHOWN: usize = 100;

/// The longest name; that of tools' names too.
const LONGEST_NAME: usize = 64;

/// Builds each entry of a map, and gathers what is wrong with any.
fn each<S, T>(
    key: &str,
    settings: &BTreeMap<String, S>,
    problems: &mut Vec<Problem>,
    build: impl Fn(&S, &str) -> Result<T, Vec<Problem>>,
) -> BTreeMap<String, T> {
    let mut built = BTreeMap::new();
    for (name, settings) in settings {
        let sane = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | '/');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(sane) {
            let problem = Problem::new([key, name], format!("`{name}` is no name"));
            problems.push(problem.expected(format!(
                "letters, digits, `_`, `-`, `.` and `/`, at most {LONGEST_NAME}"
            )));
        }
        match build(settings, name) {
            Ok(it) => {
                built.insert(name.clone(), it);
            }
            Err(more) => problems.extend(more.into_iter().map(|it| it.under([key, name]))),
        }
    }
    built
}
