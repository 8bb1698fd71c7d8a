//! Writing to whoever reads the program. Readers may leave early, like `head`: that is their right and no failure.

use std::io::{self, ErrorKind, Write};

use super::Outcome;

/// Writes `text` to standard output, to its end or to the reader's.
pub(super) fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Ok(()) => Outcome::Good,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Outcome::Good,
        Err(error) => Outcome::Failed(format!("standard output cannot be written: {error}")),
    }
}

/// Writes `text` and a line end to standard error. If nobody reads that, there is nobody left to tell.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{}", text.trim_end());
}
