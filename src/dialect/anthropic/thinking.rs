//! How much to think, in the words of the model at hand.
//!
//! Newer models decide by themselves (`adaptive`) within an effort; older ones take a budget of tokens. Models
//! the card does not know are taken for newer ones: unlisted models appear later than cards.

use super::wire::Thinking;
use crate::{
    catalog::{Ability, Model},
    chat::Effort,
};

/// The smallest budget the API takes.
const LEAST_BUDGET: u64 = 1024;

/// Budgets of the efforts, least first.
const BUDGETS: [(Effort, u64); 5] = [
    (Effort::Low, 1024),
    (Effort::Medium, 2048),
    (Effort::High, 4096),
    (Effort::Xhigh, 8192),
    (Effort::Max, 16384),
];

/// What a request says about thinking.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Thought {
    pub(super) thinking: Option<Thinking>,
    /// `output_config.effort`.
    pub(super) effort: Option<&'static str>,
    /// The model thinks less, more or otherwise than it was asked to.
    pub(super) changed: bool,
}

impl Thought {
    /// Whether thinking is switched on, which excludes sampling parameters.
    pub(super) fn is_on(&self) -> bool {
        !matches!(self.thinking, None | Some(Thinking::Disabled))
    }
}

/// Plans the thinking for an effort. `forced` tells that the model must call a tool, which excludes thinking
/// and wins over it.
pub(super) fn plan(
    effort: Option<Effort>,
    max_tokens: u64,
    forced: bool,
    facts: Option<&Model>,
) -> Thought {
    let can = |ability| facts.and_then(|model| model.can(ability));
    let Some(effort) = effort else {
        return Thought::default();
    };
    if can(Ability::Reasoning) == Some(false) {
        return Thought {
            changed: effort != Effort::None,
            ..Thought::default()
        };
    }
    if facts.is_none() || can(Ability::AdaptiveThinking) == Some(true) {
        let always = can(Ability::ThinkingOff) == Some(false);
        return adaptive(effort, forced, always, &efforts(facts));
    }
    budgeted(effort, max_tokens, forced)
}

fn efforts(facts: Option<&Model>) -> Vec<Effort> {
    let known = facts.map(|model| model.efforts.as_slice());
    let spelled = |effort: &Effort| BUDGETS.iter().any(|(known, _)| known == effort);
    let known: Vec<_> = known
        .unwrap_or_default()
        .iter()
        .copied()
        .filter(spelled)
        .collect();
    if known.is_empty() {
        return BUDGETS.iter().map(|&(effort, _)| effort).collect();
    }
    known
}

fn adaptive(effort: Effort, forced: bool, always: bool, available: &[Effort]) -> Thought {
    if effort == Effort::None && !always {
        return Thought {
            thinking: Some(Thinking::Disabled),
            ..Thought::default()
        };
    }
    let chosen = effort.nearest(available).unwrap_or(Effort::Low);
    let asked = effort != Effort::None;
    let same = chosen == effort || (effort, chosen) == (Effort::Minimal, Effort::Low);
    Thought {
        // The default may leave the text of the thoughts out.
        thinking: (asked && !forced).then_some(Thinking::Adaptive {
            display: "summarized",
        }),
        effort: Some(chosen.name()),
        changed: !same || forced,
    }
}

fn budgeted(effort: Effort, max_tokens: u64, forced: bool) -> Thought {
    if effort == Effort::None {
        return Thought::default();
    }
    if forced || max_tokens <= LEAST_BUDGET {
        return Thought {
            changed: true,
            ..Thought::default()
        };
    }
    let wanted = BUDGETS
        .iter()
        .rev()
        .find(|&&(step, _)| step <= effort)
        .map_or(LEAST_BUDGET, |&(_, budget)| budget);
    let budget_tokens = wanted.min((max_tokens / 2).max(LEAST_BUDGET));
    Thought {
        thinking: Some(Thinking::Enabled { budget_tokens }),
        ..Thought::default()
    }
}

/// What a caller says in `thinking`.
pub(super) struct Switch {
    /// `type`.
    pub(super) kind: String,
    /// `budget_tokens`.
    pub(super) budget: Option<u64>,
}

/// The effort a caller asks for, by `thinking` and `output_config.effort`. Adaptive thinking without an effort is
/// what models do when nobody says anything, so nothing is said.
pub(super) fn wanted(switch: Option<&Switch>, effort: Option<Effort>) -> Option<Effort> {
    let Some(switch) = switch else {
        return effort;
    };
    match switch.kind.as_str() {
        "disabled" => Some(Effort::None),
        "enabled" => effort.or_else(|| Some(effort_of_budget(switch.budget.unwrap_or(0)))),
        // The least a model does that cannot stop thinking.
        "between_tools" => effort.or(Some(Effort::Low)),
        _ => effort,
    }
}

/// The effort a budget comes nearest to, the higher one on a tie.
fn effort_of_budget(budget: u64) -> Effort {
    BUDGETS
        .iter()
        .min_by_key(|&&(effort, tokens)| (tokens.abs_diff(budget), std::cmp::Reverse(effort)))
        .map_or(Effort::Low, |&(effort, _)| effort)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(budget_tokens: u64) -> Option<Thinking> {
        Some(Thinking::Enabled { budget_tokens })
    }

    #[test]
    fn budgets_are_capped_by_half_of_the_output_and_need_room() {
        let facts = Model::default();
        let check = |effort, max_tokens, expected, changed| {
            let thought = plan(Some(effort), max_tokens, false, Some(&facts));
            assert_eq!((thought.thinking, thought.changed), (expected, changed));
        };
        check(Effort::Max, 1024, None, true);
        check(Effort::Max, 0, None, true);
        check(Effort::High, 1500, budget(1024), false);
        check(Effort::High, 6000, budget(3000), false);
        check(Effort::Minimal, 64_000, budget(1024), false);
        check(Effort::Max, u64::MAX, budget(16384), false);
        check(Effort::None, 64_000, None, false);
    }

    #[test]
    fn adaptive_models_take_the_nearest_effort_and_report_a_change() {
        let model = |efforts: &[Effort], cannot: &[Ability]| Model {
            can: [Ability::AdaptiveThinking].into(),
            cannot: cannot.iter().copied().collect(),
            efforts: efforts.to_vec(),
            ..Model::default()
        };
        let check = |facts: &Model, effort, expected: (bool, Option<&str>, bool)| {
            let thought = plan(Some(effort), 10, false, Some(facts));
            let found = (thought.is_on(), thought.effort, thought.changed);
            assert_eq!(found, expected, "{effort:?}");
        };
        let all = model(&[], &[]);
        check(&all, Effort::Xhigh, (true, Some("xhigh"), false));
        check(&all, Effort::Minimal, (true, Some("low"), false));
        check(&all, Effort::None, (false, None, false));
        let some = model(
            &[Effort::Low, Effort::High, Effort::Max],
            &[Ability::ThinkingOff],
        );
        check(&some, Effort::Xhigh, (true, Some("max"), true));
        check(&some, Effort::None, (false, Some("low"), true));
        let none = model(&[], &[Ability::Reasoning]);
        check(&none, Effort::High, (false, None, true));
        check(&none, Effort::None, (false, None, false));
    }

    #[test]
    fn a_forced_tool_wins_over_thinking() {
        let thought = plan(Some(Effort::Low), 4000, true, Some(&Model::default()));
        assert_eq!((thought.thinking, thought.changed), (None, true));
        let thought = plan(Some(Effort::Low), 4000, true, None);
        assert_eq!(
            (thought.thinking, thought.effort, thought.changed),
            (None, Some("low"), true)
        );
    }

    #[test]
    fn a_budget_is_read_as_the_nearest_effort() {
        let check = |budget, expected| assert_eq!(effort_of_budget(budget), expected, "{budget}");
        check(0, Effort::Low);
        check(1536, Effort::Medium);
        check(10_000, Effort::Xhigh);
        check(u64::MAX, Effort::Max);
    }
}
