//! Documents of APIs, and the tools that are made of them.

use std::{fs::File as Opened, io::Read};

use super::{Wiring, tools::Ground};
use crate::{
    problem::Problem,
    tools::{
        Settings, Tool,
        openapi::{self, Import, LARGEST},
    },
};

impl Wiring<'_> {
    /// Adds the tools of every import. Relative file names are relative to the working directory, as secrets' are.
    pub(super) fn imports(&mut self, ground: Ground<'_>, tools: &mut Vec<Tool>) {
        for (at, import) in ground.file.imports.iter().enumerate() {
            let at = at.to_string();
            let path = ["imports", at.as_str()];
            match expand(import) {
                Ok(expanded) => {
                    for (id, settings) in &expanded {
                        for problem in self.tool(ground, &path, id, settings, tools) {
                            self.report(of_import(id, problem).under(path));
                        }
                    }
                }
                Err(problems) => {
                    for problem in problems {
                        self.report(problem.under(path));
                    }
                }
            }
        }
    }
}

/// A problem with a tool of an import, at the import's key where the operator wrote what is wrong.
fn of_import(id: &str, mut problem: Problem) -> Problem {
    let first = problem.path.first().map(String::as_str);
    match first {
        None | Some("auth" | "headers" | "allow_private" | "max_response") => problem,
        // All of them begin with it.
        Some("url") => Problem {
            path: vec!["base_url".to_owned()],
            ..problem
        },
        Some(_) => {
            problem.message = format!("`{id}`: {}: {}", problem.path.join("."), problem.message);
            problem.path.clear();
            problem
        }
    }
}

fn expand(import: &Import) -> Result<Vec<(String, Settings)>, Vec<Problem>> {
    let text = read(&import.openapi).map_err(|reason| {
        let message = format!("the file {} {reason}", import.openapi);
        vec![Problem::new(["openapi"], message)]
    })?;
    openapi::expand(import, &text)
}

fn read(path: &str) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let opened = Opened::open(path).map_err(cannot)?;
    let mut text = Vec::new();
    // One byte more than may be, so that what is too large is told from what just fits.
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    opened.take(limit).read_to_end(&mut text).map_err(cannot)?;
    String::from_utf8(text).map_err(|_| "is no UTF-8 text".to_owned())
}
