//! `waypost check`.

use clap::Args;

use super::{
    ConfigOption, Outcome,
    say::{aside, say},
    source,
};
use crate::config::report;

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigOption,
    /// Print the problems as JSON.
    #[arg(long)]
    json: bool,
}

/// Loads and wires everything without listening or calling.
pub(super) fn run(options: Options) -> Outcome {
    let checked = match source::read(&options.config) {
        Ok(checked) => checked,
        Err(outcome) => return outcome,
    };
    let fails = report::fails(&checked.diagnostics);
    if options.json {
        let then = if fails {
            Outcome::Bad(String::new())
        } else {
            Outcome::Good
        };
        return match report::json(&checked.diagnostics) {
            Ok(json) => say(&format!("{json}\n"), then),
            Err(error) => Outcome::Failed(error.to_string()),
        };
    }
    if fails {
        return Outcome::Bad(checked.report());
    }
    if !checked.diagnostics.is_empty() {
        aside(checked.report().trim_end());
    }
    let Some(wired) = &checked.wired else {
        return Outcome::Good;
    };
    let providers = wired.router.catalog().cards().count();
    let routes = wired.router.names().count();
    let configured = wired.tools.iter().filter(|tool| !tool.is_built_in());
    let good = format!(
        "{} is good: {}, {}, {}\n",
        checked.name,
        counted(providers, "provider"),
        counted(routes, "route"),
        counted(configured.count(), "tool"),
    );
    say(&good, Outcome::Good)
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
