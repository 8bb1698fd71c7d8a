//! `least-busy`: by requests in flight for the room there is. For one's own machines, where a queue is what makes
//! answers slow.

use super::{View, by_score, name, two};
use crate::{outcome::Reason, route::Verdict};

/// The less busy of two drawn first, then the others by load.
pub(super) fn order(pool: &mut [Verdict], view: &View<'_>) {
    let usual = two::usual_room(pool);
    for verdict in pool.iter_mut() {
        verdict.score = Some(two::load(&verdict.candidate, usual));
    }
    by_score(pool, Reason::LeastBusy, Reason::Busier);
    two::less_busy_first(pool, view.question.seed);
    name(pool, Reason::LeastBusy, Reason::Busier);
}
