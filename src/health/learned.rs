//! How long answers usually are, by route and by the tool on whose behalf they are asked.
//!
//! Cost and time of a request depend on an answer nobody has seen yet. Answers of one tool are alike, so their
//! mean is a fair guess; a tool's name comes from callers, so only so many are remembered.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Assumed while nothing is known: a few paragraphs.
const UNKNOWN: u64 = 256;

/// Fewer answers are no mean.
const ENOUGH: u32 = 5;

/// A new answer moves the mean by at least a twentieth of the way.
const SLOWEST: f64 = 0.05;

/// More tools than this share the route's own mean.
const MOST_TOOLS: usize = 1_000;

/// Longer answers than this are a provider's miscount.
const MOST_TOKENS: u64 = 10_000_000;

/// What was learned of one route.
#[derive(Debug, Default)]
pub struct Learned {
    means: Mutex<Means>,
}

#[derive(Debug, Default)]
struct Means {
    all: Mean,
    by_tool: HashMap<String, Mean>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    tokens: f64,
    answers: u32,
}

impl Learned {
    /// Output tokens to expect: the tool's mean, else the route's, else 256.
    pub fn expected_output(&self, tool: Option<&str>) -> u64 {
        let means = self.means.lock().unwrap_or_else(PoisonError::into_inner);
        tool.and_then(|tool| means.by_tool.get(tool)?.known())
            .or_else(|| means.all.known())
            .unwrap_or(UNKNOWN)
    }

    /// Notes an answer's output tokens.
    pub fn answered(&self, tool: Option<&str>, output_tokens: u64) {
        let mut means = self.means.lock().unwrap_or_else(PoisonError::into_inner);
        means.all.add(output_tokens);
        let Some(tool) = tool else { return };
        if let Some(mean) = means.by_tool.get_mut(tool) {
            mean.add(output_tokens);
        } else if means.by_tool.len() < MOST_TOOLS {
            means
                .by_tool
                .entry(tool.to_owned())
                .or_default()
                .add(output_tokens);
        }
    }
}

impl Mean {
    fn add(&mut self, tokens: u64) {
        self.answers = self.answers.saturating_add(1);
        let step = (1.0 / f64::from(self.answers)).max(SLOWEST);
        self.tokens += step * (tokens.min(MOST_TOKENS) as f64 - self.tokens);
    }

    fn known(self) -> Option<u64> {
        (self.answers >= ENOUGH).then_some(self.tokens.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_its_own_length_once_it_has_answers() {
        let learned = Learned::default();
        assert_eq!(learned.expected_output(Some("extract")), 256);
        for _ in 0..10 {
            learned.answered(None, 1_000);
        }
        for _ in 0..4 {
            learned.answered(Some("extract"), 50);
        }
        assert!(
            learned.expected_output(Some("extract")) > 500,
            "the route's"
        );
        learned.answered(Some("extract"), 50);
        assert_eq!(learned.expected_output(Some("extract")), 50);
        assert!(learned.expected_output(Some("other")) > 500);
        for _ in 0..200 {
            learned.answered(Some("extract"), 400);
        }
        assert!(learned.expected_output(Some("extract")) > 395, "it follows");
    }

    #[test]
    fn callers_cannot_fill_the_memory_with_names() {
        let learned = Learned::default();
        for name in 0..5_000 {
            learned.answered(Some(&format!("tool-{name}")), u64::MAX);
        }
        let remembered = learned.means.lock().unwrap().by_tool.len();
        assert_eq!(remembered, MOST_TOOLS);
        assert_eq!(learned.expected_output(None), MOST_TOKENS);
    }
}
