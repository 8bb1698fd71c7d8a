//! Reading a configuration for a subcommand that does not serve.

use super::{ConfigOption, Outcome, style};
use crate::{
    app::{Wired, load},
    config::{Diagnostic, Source, report},
};

/// A configuration, read and wired, or what is wrong with it.
pub(super) struct Checked {
    /// The wired rooms, if all is well.
    pub(super) wired: Option<Wired>,
    /// What is wrong, and what deserves a warning.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The text of the configuration.
    pub(super) text: String,
    /// Its name.
    pub(super) name: String,
}

/// The process' environment.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads and wires a configuration.
pub(super) fn read(option: &ConfigOption) -> Result<Checked, Outcome> {
    let source = Source::find(option.config.clone(), environment);
    let name = source.name();
    let read = source
        .read(environment)
        .map_err(|error| Outcome::Bad(format!("{name}: {error}")))?;
    if source == Source::Environment && read.is_empty() {
        return Err(Outcome::Bad(crate::app::Failed::Nothing.to_string()));
    }
    let (wired, diagnostics) = match load(&read, |_| (), &environment) {
        Ok(good) => (Some(good.wired), good.warnings),
        Err(diagnostics) => (None, diagnostics),
    };
    Ok(Checked {
        wired,
        diagnostics,
        text: read.text,
        name,
    })
}

impl Checked {
    /// The report for people.
    pub(super) fn report(&self) -> String {
        report::render(&self.diagnostics, &self.text, style::colour_errors())
    }
}
