//! `waypost check`.

use clap::Args;

use super::{ConfigOption, Outcome, source};
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
        match report::json(&checked.diagnostics) {
            Ok(json) => println!("{json}"),
            Err(error) => return Outcome::Failed(error.to_string()),
        }
        return if fails {
            Outcome::Bad(String::new())
        } else {
            Outcome::Good
        };
    }
    if fails {
        return Outcome::Bad(checked.report());
    }
    if !checked.diagnostics.is_empty() {
        eprintln!("{}", checked.report().trim_end());
    }
    if let Some(wired) = &checked.wired {
        let providers = wired.router.catalog().cards().count();
        let routes = wired.router.names().count();
        println!(
            "{} is good: {providers} providers, {routes} routes",
            checked.name
        );
    }
    Outcome::Good
}
