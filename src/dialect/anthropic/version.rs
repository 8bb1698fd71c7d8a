//! The versions of the API, and who takes sampling parameters.
//!
//! 2026-10-21 answers 400 to `temperature`, `top_p` and `top_k`, even at their defaults; 2023-06-01 takes them
//! for the models that still sample. So the older one is sent only to sample.

use crate::catalog::{Ability, Target};

/// The version sent by default.
pub(super) const NEWEST: &str = "2026-10-21";

/// The version that knows sampling.
pub(super) const SAMPLING: &str = "2023-06-01";

/// The version to send, and whether sampling parameters may go with it. `wanted` tells whether there are any
/// that matter.
pub(super) fn version(target: &Target, wanted: bool) -> (&str, bool) {
    let facts = target.facts.as_deref();
    let able = facts.and_then(|model| model.can(Ability::Sampling)) != Some(false);
    let version = match target.card.anthropic_version.as_deref() {
        Some(set) => set,
        None if wanted && able => SAMPLING,
        None => NEWEST,
    };
    (version, able && version < NEWEST)
}
