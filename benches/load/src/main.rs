//! The programs of the side-by-side bench: a provider that costs almost nothing, a load generator, a bare
//! proxy as the floor, and a start-up timer. Everything runs on one thread and talks to 127.0.0.1 only.
//!
//! `../run` plays them together; `docs/performance.md` says what is measured and how to read it.

mod clock;
mod http1;
mod load;
mod mock;
mod passthrough;
mod procstat;
mod startup;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "waypost-load", about = "Programs of the side-by-side bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A provider that answers at once: OpenAI and Anthropic, plain and streamed
    Mock(mock::Args),
    /// Load in a closed loop, at a fixed rate, or as streams; prints one JSON line
    Load(load::Args),
    /// A bare hyper reverse proxy: the floor for any gateway
    Passthrough(passthrough::Args),
    /// Starts a command and times it to its first answer; prints one JSON line
    Startup(startup::Args),
}

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let local = tokio::task::LocalSet::new();
    let run = local.block_on(&runtime, async {
        match Cli::parse().command {
            Command::Mock(args) => mock::run(args).await,
            Command::Load(args) => load::run(args).await,
            Command::Passthrough(args) => passthrough::run(args).await,
            Command::Startup(args) => startup::run(args).await,
        }
    });
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
