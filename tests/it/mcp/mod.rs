//! MCP from outside: what a client sends and what it reads, and each gap the library leaves open, by name.

mod asking;
mod asks;
mod changes;
mod eras;
mod http2;
mod lists;
mod parking;
pub(crate) mod peer;
mod plain;
mod prompts;
mod refusals;
mod resources;
mod resume;
mod said;
mod sessions;
mod soak;
pub(crate) mod speaker;
mod stage;
mod stdio;
mod tasks;
mod unfit;
mod websocket;

/// A gateway's configuration with these keys of `mcp`, and more.
fn config(mcp: &str, more: &str) -> String {
    let indented: String = mcp.lines().map(|line| format!("  {line}\n")).collect();
    format!("providers: {{ s: {{ dialect: simulated }} }}\nmcp:\n{indented}{more}\n")
}
