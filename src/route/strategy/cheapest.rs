//! `cheapest`: by the expected cost of this request. For work that can wait a little: extraction, batches,
//! background jobs.

use super::{View, by_score};
use crate::{outcome::Reason, route::Verdict};

/// The lowest expected cost first; who has no known price goes last.
pub(super) fn order(pool: &mut [Verdict], view: &View<'_>) {
    for verdict in pool.iter_mut() {
        verdict.score = verdict.candidate.expected_cost(view.question);
    }
    by_score(pool, Reason::Cheapest, Reason::Dearer);
}
