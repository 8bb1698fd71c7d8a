//! The program of a server: found once, and never looked for again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::Wiring;
use crate::{problem::Problem, secret::Secret};

/// Where a server's program finds others, and all of its environment that is not configured.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Variables that make loaders, shells and runtimes run other code in a program than its own, whatever the program is:
/// ld.so(8), dyld(1), bash(1), and the manuals of Node, Python, Perl, Ruby and Java.
const TAKING_OVER: [&str; 16] = [
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "GCONV_PATH",
    "DYLD_INSERT_LIBRARIES",
    "DYLD_LIBRARY_PATH",
    "BASH_ENV",
    "ENV",
    "NODE_OPTIONS",
    "PYTHONSTARTUP",
    "PYTHONHOME",
    "PERL5OPT",
    "PERL5LIB",
    "RUBYOPT",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
];

impl Wiring<'_> {
    /// The program of a command, by its absolute path.
    pub(super) fn program(&mut self, written: &str, path: &[&str]) -> Option<PathBuf> {
        let own = Path::new(written);
        let found = if own.is_absolute() {
            may_be_run(own).then(|| own.to_owned())
        } else if written.is_empty() || written.contains('/') {
            None
        } else {
            let places = (self.environment)("PATH").unwrap_or_else(|| PATH.to_owned());
            let places = places.split(':').map(Path::new);
            let files = places
                .filter(|place| place.is_absolute())
                .map(|place| place.join(written));
            files.into_iter().find(|file| may_be_run(file))
        };
        if found.is_none() {
            let message = format!("there is no program `{written}`");
            let problem = Problem::new(path.iter().copied(), message);
            self.problems.push(problem.expected(
                "the absolute path of a file that may be executed, or the name of one in a folder of the gateway's PATH",
            ));
        }
        found
    }

    /// The environment of a server's program, all of it.
    pub(super) fn program_environment(
        &mut self,
        written: &BTreeMap<String, String>,
        path: &[&str],
    ) -> Vec<(String, Secret)> {
        let mut environment = Vec::with_capacity(written.len() + 1);
        if !written.contains_key("PATH") {
            environment.push(("PATH".to_owned(), Secret::new(PATH)));
        }
        for (name, value) in written {
            let path = [path, &[name]].concat();
            if TAKING_OVER.contains(&name.as_str()) {
                let message = "it makes other code run in the program than its own";
                let problem = Problem::new(path.iter().copied(), message);
                self.problems
                    .push(problem.expected("options of the program, in `command`"));
            } else if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                let message = "a variable cannot be set so";
                let problem = Problem::new(path.iter().copied(), message);
                self.problems
                    .push(problem.expected("a name without `=`, and no NUL"));
            } else {
                let value = self.plain_or_secret(value, &path);
                environment.extend(value.map(|value| (name.clone(), value)));
            }
        }
        environment
    }

    /// A value as written, or the secret it names.
    pub(super) fn plain_or_secret(&mut self, written: &str, path: &[&str]) -> Option<Secret> {
        if names_secret(written) {
            return self.secret(written, path);
        }
        Some(Secret::new(written))
    }
}

/// Whether a value is not itself what is meant, but says where that is.
pub(super) fn names_secret(written: &str) -> bool {
    written.starts_with("env:") || written.starts_with("file:")
}

fn may_be_run(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}
