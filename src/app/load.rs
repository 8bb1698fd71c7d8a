//! From a configuration's source to its wired rooms, with the place of every problem.

use super::{Wired, wire};
use crate::{
    config::{Diagnostic, File, Read},
    problem::Problem,
};

/// A configuration that is good.
pub struct Good {
    /// As written, with the overrides.
    pub file: File,
    /// Its wired rooms.
    pub wired: Wired,
    /// What the operator should know, though it works.
    pub warnings: Vec<Diagnostic>,
}

/// Wires what was read, after `adjust` had its way with it. What is wrong is reported all at once: also what
/// is wrong with the parts whose form is right, when others' is not.
pub fn load(
    read: &Read,
    adjust: impl FnOnce(&mut File),
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Good, Vec<Diagnostic>> {
    let malformed = match &read.loaded {
        Ok(loaded) => {
            let mut file = loaded.value.clone();
            adjust(&mut file);
            let placed = |problems: &[Problem]| {
                problems
                    .iter()
                    .map(|problem| loaded.place(problem))
                    .collect()
            };
            let wired = wire(&file, environment)
                .map_err(|problems| -> Vec<Diagnostic> { placed(&problems) })?;
            let warnings: Vec<Diagnostic> = placed(&wired.warnings);
            let warnings = warnings.into_iter().map(Diagnostic::warning).collect();
            return Ok(Good {
                file,
                wired,
                warnings,
            });
        }
        Err(malformed) => malformed,
    };
    let mut diagnostics = malformed.diagnostics.clone();
    if let Some(rest) = &malformed.rest
        && let Err(problems) = wire(&rest.value, environment)
    {
        // What follows from a part that was left out is no problem of its own.
        let follows = |problem: &Problem| {
            let related =
                |path: &[String]| path.starts_with(&problem.path) || problem.path.starts_with(path);
            malformed
                .diagnostics
                .iter()
                .any(|diagnostic| related(&diagnostic.path))
        };
        let further = problems.iter().filter(|problem| !follows(problem));
        diagnostics.extend(further.map(|problem| rest.place(problem)));
    }
    Err(diagnostics)
}
