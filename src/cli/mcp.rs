//! `waypost mcp`.

use clap::Args;

use super::{
    ConfigOption, Outcome,
    private::keep_to_itself,
    serve::{block_on, finish, level, log_to_stderr},
    source::environment,
    style,
};
use crate::{app, config::Source};

/// Options of `mcp`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigOption,
}

/// Serves one client until it leaves.
pub(super) fn run(options: Options) -> Outcome {
    let source = Source::find(options.config.config, environment);
    log_to_stderr(level(&source).name());
    keep_to_itself();
    let key = environment("WAYPOST_API_KEY");
    finish(block_on(app::stdio(source, key, style::colour_errors())))
}
