//! Who may not or cannot answer one request, whatever the strategy. Asked before any fact is gathered.

use std::collections::BTreeSet;

use super::{Candidate, Question};
use crate::{catalog::Ability, outcome::Reason};

/// The share of the estimated input that is certain. Prompts are counted in bytes, and a text of few bytes per
/// token is longer than estimated, one of many shorter: who might still fit is asked, and its tokenizer decides.
const CERTAIN: f64 = 0.85;

/// Why this candidate is dropped, if it is.
pub(super) fn reason<'a>(
    candidate: &Candidate,
    question: &'a Question<'_>,
    tags: impl Iterator<Item = &'a BTreeSet<String>>,
) -> Option<Reason> {
    let name = &*candidate.name;
    let card = &candidate.target.card;
    if !question.rights.allows_target(name) {
        return Some(Reason::KeyForbids);
    }
    if candidate.weight == 0 {
        return Some(Reason::WeightZero);
    }
    if question.hints.exclude(&card.name, name) {
        return Some(Reason::CallerExcludes);
    }
    let mut wanted = tags.chain([&question.hints.tags]);
    if wanted.any(|wanted| !wanted.is_subset(&card.tags)) {
        return Some(Reason::TagMissing);
    }
    if lacks(candidate, question.needs) {
        return Some(Reason::LacksAbility);
    }
    if is_too_small(candidate, question) {
        return Some(Reason::ContextTooSmall);
    }
    too_dear(candidate, question)
}

/// Whether the model is known not to do something that cannot be left out. What is unknown is tried.
fn lacks(candidate: &Candidate, needs: &[Ability]) -> bool {
    missing(candidate, needs).any(|need| !need.may_be_left_out())
}

/// Whether the request must be sent without something it asks for.
pub(super) fn is_adapted(candidate: &Candidate, needs: &[Ability]) -> bool {
    missing(candidate, needs).any(Ability::may_be_left_out)
}

/// What the model is known not to do.
fn missing(candidate: &Candidate, needs: &[Ability]) -> impl Iterator<Item = Ability> {
    let lacks = move |need: &Ability| candidate.cannot(*need);
    needs.iter().copied().filter(lacks)
}

/// Whether the prompt alone is surely longer than the model's window. What is expected of the answer is no reason:
/// providers whose windows hold both cut the answer, or say so.
fn is_too_small(candidate: &Candidate, question: &Question<'_>) -> bool {
    let certain = (question.input_tokens as f64 * CERTAIN) as u64;
    candidate.window().is_some_and(|window| certain > window)
}

/// Why it is over a price that the route set for this target, or the caller for all.
pub(super) fn too_dear(candidate: &Candidate, question: &Question<'_>) -> Option<Reason> {
    let asked = &question.hints.max_price;
    let over = |limit| candidate.dearer_than(limit, question);
    asked
        .exceeded(candidate.price())
        .or_else(|| candidate.max_price.and_then(over))
        .or_else(|| asked.request.and_then(over))
}
