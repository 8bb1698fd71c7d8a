//! `waypost schema`.

use super::{Outcome, print::print};
use crate::config::{File, json_schema};

/// Prints the JSON Schema of the configuration.
pub(super) fn run() -> Outcome {
    print(&json_schema::<File>())
}
