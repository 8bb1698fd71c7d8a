//! `priority`: as listed.

use super::{Candidate, Verdict};
use crate::outcome::Reason;

/// The order of the list. Weights do not matter here.
pub(super) fn order(pool: Vec<Candidate>) -> Vec<Verdict> {
    pool.into_iter()
        .map(|candidate| Verdict::keep(candidate, Reason::ListOrder))
        .collect()
}
