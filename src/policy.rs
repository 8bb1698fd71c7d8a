//! What the operator of a route decides and other rooms obey: when a target counts as broken, how many retries an
//! outage may cost, what an answer must keep.
//!
//! Words, because `route` carries them and `health` and `relay` act on them, and neither sees the others.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{problem::Problem, span::Span};

/// Everything a route decides for other rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Policy {
    /// When a target counts as broken.
    pub breaker: Breaker,
    /// How many retries an outage may cost.
    pub budget: Budget,
    /// What is done with answers that are none.
    pub answers: Answers,
}

impl Policy {
    /// For a target the caller named: there is nobody else to ask, so its words are passed on as they are.
    pub fn direct() -> Self {
        Self {
            answers: Answers {
                check: false,
                ..Answers::default()
            },
            ..Self::default()
        }
    }
}

/// What is done with answers that are none: empty, not the JSON that was asked for, calls that no tool takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Answers {
    /// Whether answers are checked, and the next target is asked where one is invalid. Streams are held back only
    /// where the check needs it: JSON that must fit a schema, arguments of tools.
    pub check: bool,
    /// Whether what is wrong by form only (a fence around JSON, a comma too many) is put right here.
    pub repair: bool,
    /// Whether the same model is asked once more, with what was wrong, before the next target is.
    pub reask: bool,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            check: true,
            repair: true,
            reask: false,
        }
    }
}

/// When a target counts as broken, and how it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// The time over which calls are counted.
    pub window: Span,
    /// The share of failed calls that opens the circuit, above 0 and at most 1.
    pub failure_rate: f64,
    /// The fewest calls in the window that make a share of them mean something.
    pub min_calls: u32,
    /// Failures in a row that open the circuit, however few calls there were.
    pub consecutive: u32,
    /// The share of slow streams that opens the circuit, above 0 and at most 1.
    pub slow_rate: f64,
    /// A stream is slow when its first piece takes longer than this and three times as long as nineteen of twenty usually do.
    pub slow_after: Span,
    /// How long the circuit stays open the first time, give or take half; doubled each time it opens again.
    pub open_for: Span,
    /// The longest it stays open, before the give or take.
    pub open_max: Span,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            window: Span::secs(10),
            failure_rate: 0.5,
            min_calls: 20,
            consecutive: 5,
            slow_rate: 0.8,
            slow_after: Span::secs(5),
            open_for: Span::secs(5),
            open_max: Span::secs(300),
        }
    }
}

/// A shorter window has buckets so narrow that it forgets between two calls.
const SHORTEST_WINDOW: Duration = Duration::from_millis(100);

/// A longer one lets an old outage weigh on a target that is well.
const LONGEST_WINDOW: Duration = Duration::from_secs(600);

impl Breaker {
    /// What is wrong with them; paths start at the key.
    pub fn problems(&self) -> Vec<Problem> {
        let window = self.window.get();
        let mut problems = Vec::new();
        let mut check = |fine: bool, key: &str, message: String, expected: &str| {
            if !fine {
                problems.push(Problem::new([key], message).expected(expected));
            }
        };
        check(
            (SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&window),
            "window",
            format!("a window of {} cannot be counted over", self.window),
            "100ms to 10m",
        );
        for (key, share) in [
            ("failure_rate", self.failure_rate),
            ("slow_rate", self.slow_rate),
        ] {
            let fine = share > 0.0 && share <= 1.0;
            check(
                fine,
                key,
                format!("{share} is no share of calls"),
                "above 0, at most 1",
            );
        }
        for (key, count) in [
            ("min_calls", self.min_calls),
            ("consecutive", self.consecutive),
        ] {
            check(count > 0, key, format!("{key} is 0"), "at least 1");
        }
        check(
            !self.open_for.get().is_zero(),
            "open_for",
            "a circuit that opens for no time does not open".to_owned(),
            "more than 0s",
        );
        check(
            self.open_max >= self.open_for,
            "open_max",
            format!(
                "{} is shorter than `open_for`, {}",
                self.open_max, self.open_for
            ),
            "at least `open_for`",
        );
        problems
    }
}

/// How many tries beyond the first a route may make, over all its requests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Retries earned by each request, 0 to 1: 0.2 allows one retry for five requests.
    pub share: f64,
    /// Retries per second that are always there, so that a quiet route may retry too.
    pub floor: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            share: 0.2,
            floor: 10.0,
        }
    }
}

/// More retries per second than this are no floor but a flood.
const HIGHEST_FLOOR: f64 = 100_000.0;

impl Budget {
    /// What is wrong with them; paths start at the key.
    pub fn problems(&self) -> Vec<Problem> {
        let share = (!(0.0..=1.0).contains(&self.share)).then(|| {
            let message = format!("{} retries for each request multiply an outage", self.share);
            Problem::new(["share"], message).expected("0 to 1")
        });
        let floor = (!(0.0..=HIGHEST_FLOOR).contains(&self.floor)).then(|| {
            let message = format!("{} is no number of retries per second", self.floor);
            Problem::new(["floor"], message).expected("0 to 100000")
        });
        [share, floor].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(yaml: &str) -> Vec<String> {
        let settings: Breaker = serde_saphyr::from_str(yaml).unwrap();
        let problems = settings.problems();
        problems.into_iter().flat_map(|found| found.path).collect()
    }

    #[test]
    fn the_defaults_are_fine_and_every_bad_range_is_named() {
        assert_eq!(Breaker::default().problems(), []);
        assert_eq!(
            paths("{window: 50ms, failure_rate: 0, slow_rate: 1.1, min_calls: 0, consecutive: 0}"),
            [
                "window",
                "failure_rate",
                "slow_rate",
                "min_calls",
                "consecutive"
            ]
        );
        assert_eq!(paths("{failure_rate: .nan}"), ["failure_rate"]);
        assert_eq!(paths("{open_for: 10m}"), ["open_max"]);
        assert_eq!(paths("{open_for: 0s}"), ["open_for"]);
        assert!(serde_saphyr::from_str::<Breaker>("{open: 5s}").is_err());
    }

    #[test]
    fn a_budget_has_its_ranges_too() {
        assert_eq!(Budget::default().problems(), []);
        for (share, floor) in [
            (-0.1, 1.0),
            (1.5, 1.0),
            (f64::NAN, 1.0),
            (0.2, -1.0),
            (0.2, f64::INFINITY),
        ] {
            let problems = Budget { share, floor }.problems();
            assert_eq!(problems.len(), 1, "{share} {floor}");
        }
    }
}
