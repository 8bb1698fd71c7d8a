//! `priority`: as listed. For a favourite and its substitutes, when you know better than any figure.

use crate::{outcome::Reason, route::Verdict};

/// The order of the list. Weights do not matter here.
pub(super) fn order(pool: &mut [Verdict]) {
    for verdict in pool {
        verdict.reason = Reason::ListOrder;
    }
}
