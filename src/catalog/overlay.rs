//! Laying an operator's entry over a shipped card.

use super::{Card, CardSettings};
use crate::{problem::Problem, secret::Secret};

/// The card that `settings`, written under the provider name `name`, come to: laid over the shipped card they
/// start from, with every default filled in. Paths of problems start inside the entry.
pub fn resolve(
    _name: &str,
    _settings: &CardSettings,
    _credential: Option<Secret>,
) -> Result<Card, Vec<Problem>> {
    unimplemented!()
}
