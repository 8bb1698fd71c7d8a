//! `fastest`: by the expected time of this answer. For somebody who waits in front of a screen.

use std::time::Duration;

use super::{View, by_score, two};
use crate::{
    outcome::Reason,
    route::{Candidate, Sort, Verdict},
};

/// Within this factor of the best, predictions say nothing: medians of some dozen answers are not truer than that.
const ABOUT_EQUAL: f64 = 1.15;

/// The least expected time first; among about equals, the less busy of two drawn. Unmeasured targets go last, in
/// list order.
pub(super) fn order(pool: &mut [Verdict], view: &View<'_>) {
    for verdict in pool.iter_mut() {
        let time = time(&verdict.candidate, view);
        // A failed try costs its time before the next begins, and who fails at once would look quick.
        verdict.score = time.map(|time| time.as_secs_f64() / verdict.candidate.success());
    }
    by_score(pool, Reason::Fastest, Reason::Slower);
    let Some(best) = pool.first().and_then(|verdict| verdict.score) else {
        return;
    };
    let near = |verdict: &Verdict| verdict.score.is_some_and(|time| time <= best * ABOUT_EQUAL);
    let equals = pool.partition_point(near);
    if equals > 1 {
        two::less_busy_first(&mut pool[..equals], view.question.seed);
        pool[0].reason = Reason::DrawnAmongEquals;
        pool[1..]
            .iter_mut()
            .for_each(|verdict| verdict.reason = Reason::Slower);
    }
}

/// The part of the slowest of twenty in the expected time. Half the requests say what is usual; without a part of the
/// tail, one long wait in ten would cost nothing, and a target that turns slow would keep its traffic until half of
/// what is remembered is slow.
const TAIL: f64 = 0.2;

/// The expected time: of the whole answer, or of its first token where the caller sorts by that.
pub(super) fn time(candidate: &Candidate, view: &View<'_>) -> Option<Duration> {
    let facts = &candidate.facts;
    let estimate = match view.question.hints.sort {
        Some(Sort::Latency) => facts.first_token,
        _ => facts.total,
    };
    estimate.map(|estimate| estimate.p50.mul_f64(1.0 - TAIL) + estimate.p95.mul_f64(TAIL))
}
