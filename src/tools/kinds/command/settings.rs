//! The settings of a program, and what is wrong with them.

use std::{collections::BTreeMap, path::Path};

use rustix::fs::{Access, access};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{problem::Problem, span::Span};

/// The settings of the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// The program, by its absolute path. It is started as it is, without a shell.
    pub program: String,
    /// Its arguments. A text is exactly one argument, with `${…}` for what the caller gives.
    pub args: Vec<Argument>,
    /// What it reads on standard input. Nothing when absent.
    pub stdin: Option<String>,
    /// Its whole environment: values as they are, or `env:NAME` and `file:PATH` for secrets. Nothing of the gateway's own is handed on.
    pub env: BTreeMap<String, String>,
    /// The folder it runs in, by its absolute path.
    pub cwd: String,
    /// What its standard output is: `text`, `json`, or `lines`.
    pub output: Format,
    /// The most it may write to standard output, in bytes; more ends it.
    pub max_output: usize,
    /// The processor time each of its processes may use; a second is the least.
    pub cpu: Span,
    /// The most memory each of its processes may fill, in bytes.
    pub memory: u64,
    /// The most files each of its processes may hold open.
    pub files: u64,
    /// The largest file each of its processes may write, in bytes. Standard output has `max_output`.
    pub file_size: u64,
    /// The most processes and threads that the gateway's user may have while it starts more, all programs and one supervisor for each call together. No limit of ours when absent; root has none.
    pub processes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            program: String::new(),
            args: Vec::new(),
            stdin: None,
            env: BTreeMap::new(),
            cwd: "/".to_owned(),
            output: Format::default(),
            // What a model can still read is far below it; a report for people may come near.
            max_output: 1024 * 1024,
            // Twice the default timeout: two busy threads may use all of it.
            cpu: Span::secs(60),
            // An interpreter with a document in its hands needs a tenth of it; four at once fit a small machine.
            memory: 1024 * 1024 * 1024,
            // A quarter of what Linux gives by default, and many times what a program with one purpose needs.
            files: 256,
            // As much as its memory: what it makes of a document seldom is larger, and a disk holds it.
            file_size: 1024 * 1024 * 1024,
            processes: None,
        }
    }
}

/// One entry of the arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Argument {
    /// Exactly one argument.
    One(String),
    /// One for each item of a list.
    Each(Each),
}

/// One argument for each item of a list, and none for what the caller left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Each {
    /// The list, as one `${…}`. A single value is a list of one.
    pub each: String,
    /// What stands before each item, like `--file=`.
    pub prefix: String,
}

/// What a program's output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text.
    #[default]
    Text,
    /// One JSON document. One that is no object becomes the member `result` of one, as MCP wants objects.
    Json,
    /// Lines, as `{"lines": […]}`.
    Lines,
}

impl Settings {
    /// What is wrong, as far as one key tells.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let program = program_problem(Path::new(&self.program));
        let folder = Path::new(&self.cwd);
        let folder = (!folder.is_absolute() || !folder.is_dir()).then(|| {
            Problem::new(["cwd"], format!("`{}` is no folder", self.cwd))
                .expected("the absolute path of a folder")
        });
        let least = |key: &'static str, fits: bool, least: &str| {
            (!fits).then(|| Problem::new([key], format!("`{key}` is too small")).expected(least))
        };
        let limits = [
            least("max_output", self.max_output > 0, "at least 1"),
            least("cpu", self.cpu >= Span::secs(1), "at least 1s"),
            // The supervisor lives under them too.
            least("memory", self.memory >= LEAST_MEMORY, "at least 16777216"),
            least("files", self.files >= LEAST_FILES, "at least 16"),
            least("processes", self.processes != Some(0), "at least 1"),
        ];
        let names = self.env.iter().filter_map(|(name, value)| {
            let bad = name.is_empty() || name.contains(['=', '\0']) || value.contains('\0');
            let problem = || Problem::new(["env", name], "a variable cannot be set so");
            bad.then(|| problem().expected("a name without `=`, and no NUL"))
        });
        let limits = limits.into_iter().flatten();
        program
            .into_iter()
            .chain(folder)
            .chain(limits)
            .chain(names)
            .collect()
    }
}

/// 16 MiB. Below it hardly any program starts, and the reason it gives would be hard to read.
const LEAST_MEMORY: u64 = 16 * 1024 * 1024;

/// Standard input, output and error, and the libraries a program is made of.
const LEAST_FILES: u64 = 16;

fn program_problem(program: &Path) -> Option<Problem> {
    let shown = program.display();
    let message = if !program.is_absolute() {
        format!("`{shown}` is no absolute path")
    } else if !program.is_file() {
        format!("there is no file `{shown}`")
    } else if access(program, Access::EXEC_OK).is_err() {
        format!("`{shown}` may not be executed")
    } else {
        return None;
    };
    Some(Problem::new(["program"], message).expected("the absolute path of a program"))
}
