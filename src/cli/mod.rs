//! The command line: one file for each subcommand.
//!
//! Exit codes: 0 when all is well, 1 on failure, 2 on a bad configuration or bad usage.

mod admin;
mod check;
mod demo;
mod explain;
mod limit_and_run;
mod mcp;
mod models;
mod postgres_role;
mod private;
mod say;
mod schema;
mod serve;
mod servers;
mod source;
mod style;
#[cfg(target_os = "linux")]
mod supervise;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// A multi-provider model gateway: OpenAI-compatible HTTP in, any provider out.
#[derive(Debug, Parser)]
#[command(
    name = "waypost",
    version,
    about,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(after_help = "Try it without any key:  waypost demo")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    #[command(
        after_help = "Example:  waypost serve --config waypost.yaml\n\nWithout --config: $WAYPOST_CONFIG, then ./waypost.yaml, then every shipped provider whose\nkey (OPENAI_API_KEY, ANTHROPIC_API_KEY, …) is in the environment."
    )]
    Serve(serve::Options),
    /// Run on simulated providers, with sample traffic and a live table of where it goes and why.
    #[command(
        after_help = "Example:  waypost demo --listen 127.0.0.1:8080\n\nNeeds no key and no network. Keeps serving: point an OpenAI SDK at http://127.0.0.1:8080/v1."
    )]
    Demo(demo::Options),
    /// Check a configuration: every problem at once, with file, line and column. Calls nobody.
    #[command(after_help = "Example:  waypost check --config waypost.yaml")]
    Check(check::Options),
    /// Show where a request would go, and why. Calls no provider.
    #[command(
        after_help = "Example:  echo '{\"model\":\"chat\",\"messages\":[]}' | waypost explain --request -"
    )]
    Explain(explain::Options),
    /// Serve the tools, prompts and resources to one MCP client over standard input and output.
    #[command(
        after_help = "Example, in the configuration of Claude Desktop, or as `.mcp.json` of Claude Code:\n\n  {\"mcpServers\": {\"waypost\": {\n    \"command\": \"waypost\",\n    \"args\": [\"mcp\", \"--config\", \"/path/to/waypost.yaml\"],\n    \"env\": {\"WAYPOST_API_KEY\": \"…\"}\n  }}}\n\nWAYPOST_API_KEY is needed only where the configuration has keys. Logs go to standard error."
    )]
    Mcp(mcp::Options),
    /// List the catalogue: models, limits, prices.
    #[command(after_help = "Example:  waypost models anthropic")]
    Models(models::Options),
    /// Show other MCP servers of a running gateway, what of them waits for approval, and approve it.
    #[command(
        after_help = "Example:  waypost servers show crm\n          waypost servers approve crm search"
    )]
    Servers(servers::Options),
    /// Print SQL that makes a PostgreSQL role for tools, which may only read.
    #[command(
        after_help = "Example:  waypost postgres-role --database shop --table orders --table customers |\n            psql --set ON_ERROR_STOP=1 --dbname shop"
    )]
    PostgresRole(postgres_role::Options),
    /// Set limits on this process and run the program under them. The gateway starts the programs of tools so.
    #[command(name = "limit-and-run", hide = true)]
    LimitAndRun(limit_and_run::Options),
    /// Print the JSON Schema of the configuration.
    #[command(after_help = "Example:  waypost schema > config/schema.json")]
    Schema,
}

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
struct ConfigOption {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How a subcommand ended.
enum Outcome {
    /// As wished.
    Good,
    /// Not; the reason is on standard error.
    Failed(String),
    /// The configuration or the usage is bad; the reason is on standard error.
    Bad(String),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(options) => serve::run(options),
        Command::Demo(options) => demo::run(options),
        Command::Check(options) => check::run(options),
        Command::Explain(options) => explain::run(&options),
        Command::Mcp(options) => mcp::run(options),
        Command::Models(options) => models::run(&options),
        Command::Servers(options) => servers::run(&options),
        Command::PostgresRole(options) => postgres_role::run(&options),
        Command::LimitAndRun(options) => return limit_and_run::run(options),
        Command::Schema => schema::run(),
    };
    match outcome {
        Outcome::Good => ExitCode::SUCCESS,
        Outcome::Failed(reason) => {
            say::aside(&format!("waypost: {}", reason.trim_end()));
            ExitCode::FAILURE
        }
        Outcome::Bad(reason) => {
            say::aside(reason.trim_end());
            ExitCode::from(2)
        }
    }
}
