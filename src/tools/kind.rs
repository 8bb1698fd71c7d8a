//! How tools are executed: the trait every kind implements, and the register of kinds.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{
    Call, Common, Fault, Line, Notes, Output, Question, Stop, Tool, Toolbox, Wanted, kinds,
};
use crate::{access::Caller, problem::Problem, relay::Desk, secret::Secret};

/// How one tool is executed.
pub trait Kind: fmt::Debug + Send + Sync {
    /// The schema of its arguments, for kinds that have arguments of their own.
    fn input_schema(&self) -> Option<Map<String, Value>> {
        None
    }

    /// The schema of its structured result, likewise.
    fn output_schema(&self) -> Option<Map<String, Value>> {
        None
    }

    /// What it asks before it begins. A call that runs as a task becomes one only once these are answered, because
    /// whoever has no answer yet should not have to poll for the question. [`Line::ask`] then gives the answers.
    fn asks_first(&self) -> Vec<(String, Question)> {
        Vec::new()
    }

    /// Whether only running it tells if it asks before its work begins. A call that may run as a task is one from when
    /// the kind says that the work [has begun](Line::begun), or a moment has passed.
    fn may_ask_first(&self) -> bool {
        false
    }

    /// Whether it neither logs nor asks on its caller's line; progress it may tell. Calls of such tools are answered
    /// without a line that could carry questions, which is cheaper.
    fn is_silent(&self) -> bool {
        false
    }

    /// The other MCP server it is executed by, by its name here.
    fn server(&self) -> Option<&Arc<str>> {
        None
    }

    /// What it would ask of a model, for kinds that ask one: what `waypost explain` plans without asking anybody.
    fn wanted(&self, _about: &About<'_>) -> Option<Result<Wanted, Fault>> {
        None
    }

    /// Executes one call. The arguments fit the schema. Dropping the future ends the work.
    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>>;
}

/// What a kind is given for one call.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The arguments, an object.
    pub arguments: &'a Value,
    /// The call.
    pub call: &'a Call,
    /// The tool.
    pub tool: &'a Tool,
    /// What tools stand on.
    pub toolbox: &'a Arc<Toolbox>,
    /// The caller's end.
    pub line: &'a dyn Line,
    /// What is noted of it.
    pub notes: &'a Arc<Notes>,
    /// When it must be over.
    pub deadline: Instant,
}

/// What a call is about, as far as it can be told without making it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The arguments, an object that fits the schema.
    pub arguments: &'a Value,
    /// Who would call.
    pub caller: &'a Caller,
    /// What the completion would need.
    pub desk: &'a Desk,
    /// The tool.
    pub tool: &'a Tool,
}

impl<'a> Run<'a> {
    /// What the call is about.
    pub(super) fn about(&self) -> About<'a> {
        About {
            arguments: self.arguments,
            caller: &self.call.caller,
            desk: &self.toolbox.desk,
            tool: self.tool,
        }
    }
}

/// What a kind is built with. Problems with secrets are reported where they are read.
pub struct Materials<'a> {
    /// Reads a secret as written (`env:NAME`, `file:PATH`); the path of keys is the tool's own.
    pub secret: &'a mut dyn FnMut(&str, &[&str]) -> Option<Secret>,
    /// What every tool has, of this one.
    pub common: &'a Common,
    /// The names of all routes, for suggestions.
    pub routes: &'a [&'a str],
    /// Whether a route has this name.
    pub is_route: &'a dyn Fn(&str) -> bool,
    /// What is wrong with a name as one of a target, if anything.
    pub not_a_target: &'a dyn Fn(&str) -> Option<String>,
    /// Reads the Markdown files of a folder, so many bytes of them at most: their paths and texts, or what is wrong.
    pub pages: &'a ReadPages<'a>,
    /// Whether callers come from this machine only.
    pub loopback: bool,
}

/// Reads the Markdown files of a folder: their paths and texts, or what is wrong.
pub type ReadPages<'a> = dyn Fn(&str, usize) -> Result<Vec<(String, String)>, String> + 'a;

/// The register of kinds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum KindSettings {
    /// A completion through the router.
    Completion(Box<kinds::completion::Settings>),
    /// Embeddings through the router.
    Embed(kinds::embed::Settings),
    /// A call to an API.
    Http(Box<kinds::http::Settings>),
    /// Read-only SQL.
    Postgres(Box<kinds::postgres::Settings>),
    /// Full-text search over pages of Markdown.
    Search(Box<kinds::search::Settings>),
    /// A program.
    Command(Box<kinds::command::Settings>),
    /// Another MCP server, which may have many tools.
    Mcp(Box<kinds::mcp::Settings>),
    /// What the protocol's conformance suite expects to find.
    Fixture(kinds::fixture::Settings),
}

impl KindSettings {
    /// The name of the kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Completion(_) => "completion",
            Self::Embed(_) => "embed",
            Self::Http(_) => "http",
            Self::Postgres(_) => "postgres",
            Self::Search(_) => "search",
            Self::Command(_) => "command",
            Self::Mcp(_) => "mcp",
            Self::Fixture(_) => "fixture",
        }
    }

    /// Builds the kind. Paths of problems start at the tool's keys.
    pub(super) fn build(
        &self,
        materials: &mut Materials<'_>,
    ) -> Result<Box<dyn Kind>, Vec<Problem>> {
        match self {
            Self::Completion(settings) => kinds::completion::build(settings, materials),
            Self::Embed(settings) => kinds::embed::build(settings, materials),
            Self::Http(settings) => kinds::http::build(settings, materials),
            Self::Postgres(settings) => kinds::postgres::build(settings, materials),
            Self::Search(settings) => kinds::search::build(settings, materials),
            Self::Command(settings) => kinds::command::build(settings, materials),
            // The wiring makes a server of it, whose tools are known once it was asked.
            Self::Mcp(_) => Err(vec![Problem::new(["kind"], "a server is no single tool")]),
            Self::Fixture(settings) => kinds::fixture::build(settings, materials),
        }
    }
}
