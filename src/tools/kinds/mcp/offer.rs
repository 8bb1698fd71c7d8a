//! From what a server offers to tools of ours: its words for what they do, the operator's for what may be done.

use std::sync::Arc;

use super::{Door, OfServer, Settings};
use crate::{
    federation::{Credentials, Federated, Offered, ToolPolicy, Trust},
    identity::Wanted,
    problem::Problem,
    tools::{Annotations, Common, Retry, Scope, Tool},
};

/// What the configuration says of a server, beside how it is reached.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// What is true of each of its tools, unless its policy says otherwise.
    pub common: Common,
    /// The token its requests carry, where it wants one.
    pub credentials: Option<Wanted>,
}

impl Entry {
    /// Whether what the server gives is untrusted data, by a call of a tool or otherwise.
    pub(crate) fn is_untrusted(&self, settings: &Settings) -> bool {
        self.common.untrusted || settings.trust == Trust::Untrusted
    }
}

/// The tools a server offers now. One that cannot be offered here is told to the operator.
pub fn tools(server: &Arc<dyn Federated>, entry: &Entry) -> Vec<Tool> {
    let offered = server.offered();
    let tools = offered.tools.iter().filter_map(|offered| {
        let spec = server.spec();
        let problems = match tool(server, entry, offered) {
            Ok(tool) => return Some(tool),
            Err(problems) => problems,
        };
        let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
        let name = name(&spec.name, &spec.settings, &offered.tool.name);
        tracing::warn!(
            server = %spec.name,
            tool = name,
            "the tool {name} is not offered: {}",
            problems.join("; ")
        );
        None
    });
    tools.collect()
}

/// What something of a server is called here. A bare name that begins as another server's would keeps the prefix: rights
/// and approvals are by name.
pub(crate) fn name(server: &str, settings: &Settings, name: &str) -> String {
    let is_anothers = name.contains('.') || name.contains("__");
    if settings.bare_names && !is_anothers {
        name.to_owned()
    } else {
        format!("{server}.{name}")
    }
}

fn tool(
    server: &Arc<dyn Federated>,
    entry: &Entry,
    offered: &Offered,
) -> Result<Tool, Vec<Problem>> {
    let spec = server.spec();
    let own_name = &*offered.tool.name;
    let policy = spec.settings.policy.get(own_name).cloned();
    let policy = policy.unwrap_or_default();
    let is_repeatable = is_repeatable(&entry.common, &policy);
    let kind = OfServer {
        door: Door {
            server: server.clone(),
            credentials: entry.credentials.clone(),
        },
        name: own_name.to_owned(),
        is_repeatable,
    };
    let common = common(entry, &spec.settings, &policy, offered);
    let id = name(&spec.name, &spec.settings, own_name);
    let revision = revision(&spec.settings, &entry.common, offered);
    Tool::federated(&id, &common, Box::new(kind), revision)
}

/// Whether running it again does no harm: by the operator's word alone.
fn is_repeatable(common: &Common, policy: &ToolPolicy) -> bool {
    let by_entry = common.annotations.are_repeatable();
    policy.idempotent.unwrap_or(by_entry)
}

/// What every tool has, of this one.
fn common(
    entry: &Entry,
    settings: &Settings,
    policy: &ToolPolicy,
    Offered { tool, .. }: &Offered,
) -> Common {
    let ours = &entry.common;
    let is_repeatable = is_repeatable(ours, policy);
    let theirs = tool.annotations.as_ref();
    let title = tool.title.clone();
    let title = title.or_else(|| theirs.and_then(|theirs| theirs.title.clone()));
    let description = tool.description.as_deref().unwrap_or_default().trim();
    let described = match (description, &title) {
        ("", Some(title)) => title.clone(),
        // Models want a sentence for each tool.
        ("", None) => format!(
            "The tool {}, which its server does not describe.",
            tool.name
        ),
        (description, _) => description.to_owned(),
    };
    let on_behalf = matches!(
        settings.credentials,
        Credentials::TokenExchange { .. } | Credentials::IdJag { .. }
    );
    let cache = ours.cache.filter(|_| is_repeatable).map(|mut cache| {
        if on_behalf {
            // What one user may see is none of another's business.
            cache.scope = Scope::Key;
        }
        cache
    });
    Common {
        title,
        description: described,
        input_schema: Some((*tool.input_schema).clone()),
        output_schema: tool.output_schema.as_deref().cloned(),
        annotations: shown(ours.annotations, policy, theirs),
        timeout: policy.timeout.unwrap_or(ours.timeout),
        rpm: policy.rpm.or(ours.rpm),
        retry: match is_repeatable {
            true => ours.retry,
            false => Retry {
                attempts: 1,
                ..ours.retry
            },
        },
        cache,
        scopes: policy.scopes.clone().unwrap_or_else(|| ours.scopes.clone()),
        sends_out: policy.sends_out.unwrap_or(ours.sends_out),
        untrusted: entry.is_untrusted(settings),
        // No part of a result fits an output schema.
        paging: ours.paging && tool.output_schema.is_none(),
        ..ours.clone()
    }
}

/// What clients are told of its effects: the operator's word where there is one, else the server's.
fn shown(
    ours: Annotations,
    policy: &ToolPolicy,
    theirs: Option<&rmcp::model::ToolAnnotations>,
) -> Annotations {
    let their = |hint: fn(&rmcp::model::ToolAnnotations) -> Option<bool>| theirs.and_then(hint);
    Annotations {
        read_only: ours.read_only.or(their(|it| it.read_only_hint)),
        destructive: ours.destructive.or(their(|it| it.destructive_hint)),
        idempotent: policy
            .idempotent
            .or(ours.idempotent)
            .or(their(|it| it.idempotent_hint)),
        open_world: ours.open_world.or(their(|it| it.open_world_hint)),
    }
}

/// Results of one revision are none of another: of the tool, of the server's settings, of the operator's policy.
fn revision(settings: &Settings, common: &Common, offered: &Offered) -> String {
    // Settings that were read can be written.
    let written = serde_json::to_vec(&(settings, common)).unwrap_or_default();
    format!("{}.{}", offered.digest, blake3::hash(&written).to_hex())
}
