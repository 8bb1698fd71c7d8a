//! The configuration file: a struct of the rooms' own settings, and where it is found.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Loaded, Malformed, parse};
use crate::{access, catalog, http, mcp, route, store, telemetry, tools, upstream};

/// The whole configuration. Every key has a default; unknown keys are errors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct File {
    /// Where and how callers are served.
    pub server: http::Settings,
    /// The providers, by the name that stands before the slash in `provider/model`.
    pub providers: BTreeMap<String, catalog::CardSettings>,
    /// The routes, by the name callers send as `model`.
    pub routes: BTreeMap<String, route::Settings>,
    /// Which route to take, and how, by what is asked; the first rule that is true decides.
    pub rules: Vec<route::RuleSettings>,
    /// The tools, by name. Dots in a name become `__` on the wire.
    pub tools: BTreeMap<String, tools::Settings>,
    /// Documents of APIs whose operations become tools.
    pub imports: Vec<tools::openapi::Import>,
    /// How tools are served to MCP clients, at `/mcp`.
    pub mcp: mcp::Settings,
    /// Who may call: `open`, or `{keys: […]}`. Without it the public listener must be a loopback address.
    pub access: Option<access::Settings>,
    /// What survives a restart. A change needs a restart.
    pub store: store::Settings,
    /// How connections to providers are made. A change needs a restart.
    pub upstream: upstream::Settings,
    /// What is told of requests, and how. A change needs a restart.
    pub telemetry: telemetry::Settings,
}

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A text in the program, with its name.
    Embedded(&'static str, &'static str),
    /// Nothing: shipped providers whose key is in the environment.
    Environment,
}

/// What a source says.
pub struct Read {
    /// Its text, for diagnostics; empty for the environment.
    pub text: String,
    /// The configuration, or everything that is wrong with it.
    pub loaded: Result<Loaded<File>, Malformed<File>>,
}

impl Read {
    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }
}

impl Source {
    /// The file that was named, else that of `WAYPOST_CONFIG`, else `./waypost.yaml`, else the environment.
    pub fn find(named: Option<PathBuf>, environment: impl Fn(&str) -> Option<String>) -> Self {
        let from_environment = || environment("WAYPOST_CONFIG").map(PathBuf::from);
        let here = || Some(PathBuf::from("waypost.yaml")).filter(|path| path.is_file());
        named
            .or_else(from_environment)
            .or_else(here)
            .map_or(Self::Environment, Self::File)
    }

    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }

    /// Its name in diagnostics.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Embedded(name, _) => (*name).to_owned(),
            Self::Environment => "environment".to_owned(),
        }
    }

    /// Reads it.
    pub fn read(&self, environment: impl Fn(&str) -> Option<String>) -> io::Result<Read> {
        let text = match self {
            Self::File(path) => std::fs::read_to_string(path)?,
            Self::Embedded(_, text) => (*text).to_owned(),
            Self::Environment => from_environment(environment),
        };
        let loaded = parse(&self.name(), &text);
        Ok(Read { text, loaded })
    }
}

/// A configuration of every shipped provider whose key is set, as text: the same way as any other.
fn from_environment(environment: impl Fn(&str) -> Option<String>) -> String {
    let is_set = |name: &str| environment(name).is_some_and(|value| !value.trim().is_empty());
    let enabled = catalog::enabled_by(is_set);
    if enabled.is_empty() {
        return String::new();
    }
    let entries = enabled.iter().map(|name| format!("  {name}: {{}}\n"));
    format!("providers:\n{}", entries.collect::<String>())
}
