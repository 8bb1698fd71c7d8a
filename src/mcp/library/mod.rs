//! Prompts, resources and templates: what the configuration gives to clients that are no tools.
//!
//! Everything is read and compiled when the configuration is loaded. Answering a client touches no file: what it
//! sends fills texts, and never names anything but a key of a map.

mod ask;
mod body;
mod complete;
mod message;
mod pages;
mod prompt;
mod resource;
mod settings;
mod template;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use rmcp::{
    ErrorData,
    model::{
        CacheScope, CompleteRequestParams, CompleteResult, GetPromptResult, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams,
        ReadResourceResult, ResourceContents,
    },
};
use serde_json::{Map, Value, json};

pub use self::{
    pages::page,
    settings::{
        ArgumentSettings, AskSettings, EmbeddedSettings, MediaSettings, MessageSettings,
        PromptSettings, ResourceSettings, Role, TemplateSettings,
    },
};
use self::{prompt::Prompt, resource::Resource, template::Template};
use super::{LIST_TTL, Settings};
use crate::{
    access::Caller,
    problem::Problem,
    schema::shown_text,
    tools::{Line, Question},
};

/// Reads a file that the configuration names, or says why it cannot.
pub type Read<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

/// What one configuration gives.
#[derive(Debug, Default)]
pub struct Library {
    prompts: BTreeMap<String, Prompt>,
    resources: BTreeMap<String, Resource>,
    templates: BTreeMap<String, Template>,
}

/// What came of asking for a prompt.
#[derive(Debug)]
pub(super) enum Got {
    /// The prompt.
    Prompt(GetPromptResult),
    /// The user has to answer first.
    Asks(Vec<(String, Question)>),
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
            prompts,
            resources,
            templates,
        })
    }

    /// The prompts this caller may know of.
    pub(super) fn list_prompts(
        &self,
        caller: &Caller,
        from: Option<PaginatedRequestParams>,
        size: usize,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mine = self
            .prompts
            .iter()
            .filter(|(name, _)| caller.may_use_prompt(name));
        let (prompts, next) = page(
            mine.map(|(name, it)| (name.as_str(), it.wire.clone())),
            from,
            size,
        )?;
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
        let mine = self
            .resources
            .iter()
            .filter(|(name, _)| caller.may_read_resource(name));
        let (resources, next) = page(
            mine.map(|(name, it)| (name.as_str(), it.wire.clone())),
            from,
            size,
        )?;
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
        let mine = self
            .templates
            .iter()
            .filter(|(name, _)| caller.may_read_resource(name));
        let (templates, next) = page(
            mine.map(|(name, it)| (name.as_str(), it.wire.clone())),
            from,
            size,
        )?;
        let mut result = ListResourceTemplatesResult::with_all_items(templates)
            .with_ttl_ms(LIST_TTL)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        Ok(result)
    }

    /// A prompt with these arguments. What this caller may not use, and what there is not, are told alike.
    pub(super) async fn prompt(
        &self,
        caller: &Caller,
        name: &str,
        arguments: Map<String, Value>,
        line: &dyn Line,
    ) -> Result<Got, ErrorData> {
        let prompt = self
            .prompts
            .get(name)
            .filter(|_| caller.may_use_prompt(name));
        let prompt = prompt.ok_or_else(|| {
            let name = shown_text(name, SHOWN);
            ErrorData::invalid_params(format!("Unknown prompt: {name}"), None)
        })?;
        prompt.get(caller, arguments, line).await
    }

    /// What stands at an address. What this caller may not read, and what there is not, are told alike.
    pub(super) fn read(&self, caller: &Caller, uri: &str) -> Result<ReadResourceResult, ErrorData> {
        match self.contents(caller, uri)? {
            Some(contents) => Ok(ReadResourceResult::new(vec![contents])
                .with_ttl_ms(LIST_TTL)
                .with_cache_scope(CacheScope::Private)),
            None => {
                let data = json!({ "uri": uri });
                Err(ErrorData::resource_not_found(
                    "Resource not found",
                    Some(data),
                ))
            }
        }
    }

    fn contents(&self, caller: &Caller, uri: &str) -> Result<Option<ResourceContents>, ErrorData> {
        let mut resources = self.resources.iter();
        if let Some((name, resource)) = resources.find(|(_, it)| it.wire.uri == uri) {
            return Ok(caller.may_read_resource(name).then(|| resource.contents()));
        }
        for (name, template) in &self.templates {
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
        let now = self
            .prompts
            .iter()
            .filter(|(name, _)| caller.may_use_prompt(name));
        let then = before
            .prompts
            .iter()
            .filter(|(name, _)| was.may_use_prompt(name));
        now.map(|(_, it)| &it.wire).eq(then.map(|(_, it)| &it.wire))
    }

    /// Whether this caller sees the same resources and templates as before.
    pub(super) fn resources_alike(&self, before: &Self, (caller, was): (&Caller, &Caller)) -> bool {
        let now = self
            .resources
            .iter()
            .filter(|(name, _)| caller.may_read_resource(name));
        let then = before
            .resources
            .iter()
            .filter(|(name, _)| was.may_read_resource(name));
        let alike = now.map(|(_, it)| &it.wire).eq(then.map(|(_, it)| &it.wire));
        let now = self
            .templates
            .iter()
            .filter(|(name, _)| caller.may_read_resource(name));
        let then = before
            .templates
            .iter()
            .filter(|(name, _)| was.may_read_resource(name));
        alike && now.map(|(_, it)| &it.wire).eq(then.map(|(_, it)| &it.wire))
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
    pub(super) fn complete(
        &self,
        caller: &Caller,
        request: &CompleteRequestParams,
    ) -> Result<CompleteResult, ErrorData> {
        complete::complete(self, caller, request)
    }
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
