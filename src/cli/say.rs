//! Standard output and error, whose readers may leave early: `waypost models | head` is no failure.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use super::Outcome;

/// Prints `text`, and ends as `then` says unless it cannot be printed.
pub(super) fn say(text: &str, then: Outcome) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Outcome::Failed(format!("standard output cannot be written: {error}"))
        }
        _ => then,
    }
}

/// Prints `value` as JSON for machines, and ends as `then` says.
pub(super) fn json(value: &impl Serialize, then: Outcome) -> Outcome {
    match serde_json::to_string_pretty(value) {
        Ok(json) => say(&format!("{json}\n"), then),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// Prints a line on standard error, if it says anything. If nobody reads it, there is nobody to tell.
pub(super) fn aside(line: &str) {
    if !line.is_empty() {
        let _ = writeln!(io::stderr(), "{line}");
    }
}
