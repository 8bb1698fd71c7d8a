//! `waypost schema`.

use super::{Outcome, say::say};
use crate::config::{File, json_schema};

/// Prints the JSON Schema of the configuration.
pub(super) fn run() -> Outcome {
    say(&json_schema::<File>(), Outcome::Good)
}
