//! An import as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    span::Span,
    tools::kinds::http::{self, Auth, Header},
};

/// One document whose operations become tools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Import {
    /// The file: OpenAPI 3.0 or 3.1, as JSON or YAML. It is read with the configuration; after a change of it alone, send SIGHUP.
    pub openapi: String,
    /// What stands before the names of its tools, and a dot.
    pub prefix: String,
    /// What stands before its paths, instead of the document's first server. Needed where `auth` or a header has a secret.
    pub base_url: Option<String>,
    /// The operations that become tools, by operationId; `*` stands for anything. All when empty.
    pub operations: Vec<String>,
    /// How we show who we are, as in a tool.
    pub auth: Option<Auth>,
    /// Headers of every request, as in a tool. The operations' arguments of these names are left out.
    pub headers: BTreeMap<String, Header>,
    /// What it may reach besides the public internet over https, as in a tool.
    pub allow_private: Vec<String>,
    /// The largest answer, in bytes.
    pub max_response: usize,
    /// The longest a call may take.
    pub timeout: Span,
}

impl Default for Import {
    fn default() -> Self {
        Self {
            openapi: String::new(),
            prefix: String::new(),
            base_url: None,
            operations: Vec::new(),
            auth: None,
            headers: BTreeMap::new(),
            allow_private: Vec::new(),
            max_response: http::Settings::default().max_response,
            timeout: Span::secs(30),
        }
    }
}

impl Import {
    /// Whether an operation of this name becomes a tool.
    pub(super) fn takes(&self, name: &str) -> bool {
        let listed = &self.operations;
        listed.is_empty() || listed.iter().any(|pattern| fits(pattern, name))
    }

    /// Whether its requests show a secret.
    pub(super) fn has_secrets(&self) -> bool {
        let mut headers = self.headers.values();
        self.auth.is_some() || headers.any(|header| matches!(header, Header::Secret(_)))
    }

    /// Whether the operator sets a header.
    pub(super) fn sets_header(&self, name: &str) -> bool {
        let mut set = self.headers.keys();
        set.any(|header| header.eq_ignore_ascii_case(name))
    }
}

/// Whether a name is what a pattern says, in which `*` stands for anything.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(start) else {
        return false;
    };
    let mut ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
    ends.any(|at| fits(rest, &name[at..]))
}
