//! Colours, where the reader wants them.

use std::io::IsTerminal;

/// Whether standard error may be coloured: it is a terminal, and `NO_COLOR` is not set.
pub(super) fn colour_errors() -> bool {
    std::io::stderr().is_terminal() && wanted()
}

/// Whether standard output may be coloured.
pub(super) fn colour_output() -> bool {
    std::io::stdout().is_terminal() && wanted()
}

fn wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
