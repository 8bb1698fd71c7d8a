//! Names of tools: with dots in the configuration, without on the wire.

use super::pages::NEXT_TOOL;
use crate::problem::Problem;

/// The longest wire name: what the APIs of models take.
const LONGEST: usize = 64;

/// The name a tool has on the wire, on MCP and towards models alike: dots become `__`.
///
/// It is looked up, never split, so that a name with underscores means nothing but itself.
pub fn wire_name(id: &str) -> String {
    id.replace('.', "__")
}

/// What is wrong with a tool's name. Models' APIs take letters, digits, `_` and `-`.
pub fn problem(id: &str) -> Option<Problem> {
    let sane = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let message = if id.is_empty() || !id.chars().all(sane) {
        format!("`{id}` is no name for a tool")
    } else if wire_name(id).len() > LONGEST {
        format!("`{id}` is too long for a tool")
    } else if wire_name(id) == NEXT_TOOL {
        format!("`{id}` is the gateway's own tool")
    } else {
        return None;
    };
    let problem = Problem::new(std::iter::empty::<String>(), message);
    Some(problem.expected(format!(
        "letters, digits, `_`, `-` and `.`, at most {LONGEST} with each `.` counted twice"
    )))
}
