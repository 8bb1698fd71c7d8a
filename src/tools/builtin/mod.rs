//! Tools that are there without being configured. A configured tool of the same name takes a built-in's place, and
//! `mcp: {builtin: false}` leaves all of them out.

mod complete;

use super::Tool;
use crate::problem::Problem;

/// The built-in tools.
pub fn tools() -> Result<Vec<Tool>, Vec<Problem>> {
    Ok(vec![complete::tool()?])
}
