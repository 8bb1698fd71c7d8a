//! A plan as the record keeps it.

use crate::{
    outcome::ErrorClass,
    route::{NoPlan, Plan, Verdict},
    telemetry::record,
};

/// Every candidate with its reason and its facts; behind them those of `fallback_on`.
pub(super) fn plan(plan: &Plan) -> Vec<record::Candidate> {
    let usual = plan
        .verdicts()
        .iter()
        .map(|verdict| candidate(verdict, None));
    let on = plan
        .listed()
        .flat_map(|(class, verdicts)| verdicts.iter().map(move |it| candidate(it, Some(class))));
    usual.chain(on).collect()
}

/// Everybody who was considered in vain.
pub(super) fn refused(reason: &NoPlan) -> Vec<record::Candidate> {
    let verdicts = reason.verdicts().iter();
    verdicts.map(|verdict| candidate(verdict, None)).collect()
}

fn candidate(verdict: &Verdict, on: Option<ErrorClass>) -> record::Candidate {
    record::Candidate {
        target: verdict.candidate.name.clone(),
        kept: verdict.kept,
        reason: verdict.reason,
        on,
        facts: verdict.candidate.facts,
        score: verdict.score,
    }
}
