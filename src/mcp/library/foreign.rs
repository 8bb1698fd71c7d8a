//! Prompts, resources and templates of other servers, beside those of the configuration.
//!
//! Prompts have the server's entry before their names, as tools have. Resources keep their addresses, which mean
//! something to who reads them. Whose an address is does not depend on who asks: the configuration's, else that of the
//! server whose name comes first, be it listed or of a template's form; within one server what is listed goes before
//! templates. Nothing is read that was not offered: an address that no server lists, and no template has, is no
//! server's.

mod ask;
mod clean;
mod errand;
mod form;
mod rounds;
#[cfg(test)]
mod tests;
mod visit;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rmcp::model::{Prompt, Resource, ResourceTemplate};

use self::form::Form;
pub(in crate::mcp) use self::visit::Visit;
use crate::{
    access::Caller,
    tools::kinds::mcp::{Door, Entry, name},
};

/// What other servers give.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    prompts: BTreeMap<String, Of<Prompt>>,
    /// By their names here and their addresses, because servers may give one name twice.
    resources: BTreeMap<String, Of<Resource>>,
    templates: BTreeMap<String, Of<Shaped>>,
}

/// A template with the form of its addresses.
#[derive(Debug)]
struct Shaped {
    wire: ResourceTemplate,
    form: Form,
}

/// Something of a server.
#[derive(Debug)]
struct Of<T> {
    source: Source,
    /// As clients see it.
    wire: T,
}

/// Where something is from.
#[derive(Debug)]
struct Source {
    door: Door,
    /// How long a request may take.
    timeout: Duration,
    /// The place of the server among all.
    rank: usize,
    /// The server's entry, and the name of this here.
    names: (String, String),
    /// The server's own name for it.
    own_name: String,
    /// Whether what it gives is untrusted data, as results of the server's tools are.
    is_untrusted: bool,
}

impl Source {
    /// Whether this caller may see and read it, which a pattern for the whole entry allows as well.
    fn is_readable(&self, caller: &Caller) -> bool {
        let (entry, name) = &self.names;
        caller.may_read_resource(entry) || caller.may_read_resource(name)
    }
}

/// What the configuration has taken already.
pub(super) struct Taken<'a> {
    pub(super) prompts: BTreeSet<&'a str>,
    pub(super) addresses: BTreeSet<&'a str>,
    /// Whether an address is one of its own, listed or of a template's form.
    pub(super) has: &'a dyn Fn(&str) -> bool,
}

impl Foreign {
    /// What these servers, sorted by name, offer now.
    pub(super) fn of(servers: &[(Door, Entry)], taken: Taken<'_>) -> Self {
        let mut foreign = Self::default();
        let mut addresses: BTreeSet<String> =
            taken.addresses.iter().map(|&uri| uri.into()).collect();
        for (rank, server) in servers.iter().enumerate() {
            foreign.add(rank, server, &taken, &mut addresses);
        }
        foreign
    }

    fn add(
        &mut self,
        rank: usize,
        (door, entry): &(Door, Entry),
        taken: &Taken<'_>,
        addresses: &mut BTreeSet<String>,
    ) {
        let spec = door.server.spec();
        let offered = door.server.offered();
        let at = |here: &str, own_name: &str| Source {
            door: door.clone(),
            timeout: entry.common.timeout.get(),
            rank,
            names: (spec.name.to_string(), here.to_owned()),
            own_name: own_name.to_owned(),
            is_untrusted: entry.is_untrusted(&spec.settings),
        };
        let hidden = |what: &str, which: &str, why: &str| {
            tracing::warn!(server = %spec.name, "the {what} {which} of the server {} is not offered: {why}", spec.name);
        };
        for prompt in &offered.prompts {
            let here = name(&spec.name, &spec.settings, &prompt.name);
            if taken.prompts.contains(here.as_str()) || self.prompts.contains_key(&here) {
                hidden("prompt", &here, "its name is taken");
                continue;
            }
            let mut wire = prompt.clone();
            wire.name.clone_from(&here);
            let source = at(&here, &prompt.name);
            let of = Of { source, wire };
            self.prompts.insert(here, of);
        }
        for resource in &offered.resources {
            let here = format!("{}.{}", spec.name, resource.name);
            let mut templates = self.templates.values();
            if (taken.has)(&resource.uri)
                || templates.any(|of| of.wire.form.has(&resource.uri))
                || !addresses.insert(resource.uri.clone())
            {
                hidden("resource", &resource.uri, "its address is taken");
                continue;
            }
            let of = Of {
                source: at(&here, &resource.name),
                wire: resource.clone(),
            };
            self.resources
                .insert(format!("{here} {}", resource.uri), of);
        }
        for template in &offered.templates {
            let here = format!("{}.{}", spec.name, template.name);
            let Some(form) = Form::read(&template.uri_template) else {
                hidden(
                    "template",
                    &here,
                    "its addresses have no form that is known here",
                );
                continue;
            };
            if !addresses.insert(template.uri_template.clone()) {
                hidden("template", &here, "the form of its addresses is taken");
                continue;
            }
            let wire = Shaped {
                wire: template.clone(),
                form,
            };
            let key = format!("{here} {}", template.uri_template);
            let source = at(&here, &template.name);
            let of = Of { source, wire };
            self.templates.insert(key, of);
        }
    }

    /// Whether this caller may read what stands at an address.
    pub(super) fn is_readable(&self, uri: &str, caller: &Caller) -> bool {
        self.source(uri, caller).is_some()
    }

    /// Where this caller reads what stands at an address; none where it may not.
    fn source(&self, uri: &str, caller: &Caller) -> Option<&Source> {
        let mut listed = self.resources.values();
        if let Some(of) = listed.find(|of| of.wire.uri == uri) {
            return Some(&of.source).filter(|source| source.is_readable(caller));
        }
        let fits = self.templates.values();
        let fits = fits.filter(|of| of.wire.form.has(uri));
        let fits: Vec<&Source> = fits.map(|of| &of.source).collect();
        let first = fits.iter().map(|source| source.rank).min()?;
        let mut fits = fits.into_iter();
        fits.find(|source| source.rank == first && source.is_readable(caller))
    }

    /// The prompts this caller may know of, by name.
    pub(super) fn prompts<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> impl Iterator<Item = (&'a str, &'a Prompt)> {
        let mine = self.prompts.iter();
        let mine = mine.filter(|(name, _)| caller.may_use_prompt(name));
        mine.map(|(name, of)| (name.as_str(), &of.wire))
    }

    /// The resources this caller may know of, by name.
    pub(super) fn resources<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> impl Iterator<Item = (&'a str, &'a Resource)> {
        let mine = self
            .resources
            .iter()
            .filter(|(_, of)| of.source.is_readable(caller));
        mine.map(|(name, of)| (name.as_str(), &of.wire))
    }

    /// The templates this caller may know of, by name.
    pub(super) fn templates<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> impl Iterator<Item = (&'a str, &'a ResourceTemplate)> {
        let mine = self
            .templates
            .iter()
            .filter(|(_, of)| of.source.is_readable(caller));
        mine.map(|(name, of)| (name.as_str(), &of.wire.wire))
    }
}
