//! `waypost serve`.

use std::io::{self, IsTerminal};

use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::{ConfigOption, Outcome, private::keep_to_itself, source::environment, style};
use crate::{
    app::{self, Failed},
    config::Source,
    telemetry::Level,
};

/// Options of `serve`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    config: ConfigOption,
    /// The public listener, instead of the configuration's.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The admin listener, instead of the configuration's.
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
}

/// Serves until SIGTERM.
pub(super) fn run(options: Options) -> Outcome {
    let source = Source::find(options.config.config, environment);
    log_to_stderr(level(&source).name());
    keep_to_itself();
    let options = app::Options {
        source,
        listen: options.listen,
        admin_listen: options.admin_listen,
        output: Box::new(io::stdout()),
        colour: style::colour_errors(),
        ready: Box::new(|_| ()),
        stop: CancellationToken::new(),
    };
    finish(block_on(app::run(options)))
}

/// The level the configuration names. It is read for this alone before anything can be told; what is wrong with
/// it is told when it is read to be served.
pub(super) fn level(source: &Source) -> Level {
    let read = source.read(environment).ok();
    let loaded = read.and_then(|read| read.loaded.ok());
    loaded.map_or_else(Level::default, |loaded| loaded.value.telemetry.level)
}

/// Runs on all cores the process may use. On a single one there is no work to steal, and a scheduler that does
/// not try costs less.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = if cores == 1 {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
    } else {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
    };
    let result = runtime.block_on(future);
    // A thread that reads standard input cannot be told to end, and need not be waited for.
    runtime.shutdown_background();
    Ok(result)
}

/// How serving ended, as an outcome.
pub(super) fn finish(result: io::Result<Result<(), Failed>>) -> Outcome {
    match result {
        Ok(Ok(())) => Outcome::Good,
        Ok(Err(failed @ (Failed::Config(_) | Failed::Nothing | Failed::Unreadable(..)))) => {
            Outcome::Bad(failed.to_string())
        }
        Ok(Err(failed)) => Outcome::Failed(failed.to_string()),
        Err(error) => Outcome::Failed(format!("the runtime cannot start: {error}")),
    }
}

/// The gateway's own messages, on standard error. `WAYPOST_LOG` chooses others, in `tracing`'s syntax. rmcp's hold
/// what clients send and are left out.
pub(super) fn log_to_stderr(level: &str) {
    let ours = format!("{level},rmcp=off");
    let filter = EnvFilter::try_from_env("WAYPOST_LOG").unwrap_or_else(|_| EnvFilter::new(ours));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false);
    // A second call, in tests, changes nothing.
    let _ = if io::stderr().is_terminal() {
        builder
            .with_ansi(style::colour_errors())
            .compact()
            .try_init()
    } else {
        builder.json().try_init()
    };
}
