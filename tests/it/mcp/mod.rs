//! MCP from outside: what a client sends and what it reads.

mod changes;
mod peer;
mod prompts;
mod resources;
mod stdio;
mod websocket;

/// A gateway's configuration with these keys of `mcp`, and more.
fn config(mcp: &str, more: &str) -> String {
    let indented: String = mcp.lines().map(|line| format!("  {line}\n")).collect();
    format!("providers: {{ s: {{ dialect: simulated }} }}\nmcp:\n{indented}{more}\n")
}
