//! The programs of the side-by-side bench of tool calls: a bare MCP server as the floor, and clients that load a
//! server or fill it with sessions. Everything runs on one thread and talks to 127.0.0.1 only.
//!
//! `../run` plays them together; `docs/performance.md` says what is measured and how to read it.

mod bare;
mod client;
#[path = "../../load/src/http1.rs"]
mod http1;
mod load;
mod parallel;
#[path = "../../load/src/procstat.rs"]
mod procstat;
mod sessions;

use std::{io, process::ExitCode};

use clap::{Parser, Subcommand};

/// The gateway's allocator, so that the bare server has what it has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    name = "waypost-tools-bench",
    about = "Programs of the bench of tool calls"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// rmcp on axum with two tools and nothing else: the floor
    Bare(bare::Args),
    /// Calls of `echo` in a closed loop; prints one JSON line
    Load(load::Args),
    /// Calls of `count` all at once on one session; prints one JSON line
    Parallel(parallel::Args),
    /// Opens sessions and looks at the server's memory; prints one JSON line
    Sessions(sessions::Args),
}

fn main() -> ExitCode {
    let run = || -> io::Result<()> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build()?;
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            match Cli::parse().command {
                Command::Bare(args) => bare::run(args).await,
                Command::Load(args) => load::run(args).await,
                Command::Parallel(args) => parallel::run(args).await,
                Command::Sessions(args) => sessions::run(args).await,
            }
        })
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
