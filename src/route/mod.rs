//! Where to try, in which order, and why. Pure: the same route, question, facts and seed give the same plan.
//!
//! A route is the name callers send as `model`. Its plan is made in four steps, each in its own file: `filter`
//! drops who may not or cannot, `within` who would break a limit, a `strategy` orders who is left, and `standing`
//! puts the unwell behind the well. The fallback list follows. A plan keeps a reason beside every candidate, kept
//! or dropped: that *is* `explain`.
//!
//! How targets have behaved is not known here; the facts come with the question. `docs/routing.md` tells all of
//! this in words.
//!
//! # Adding a strategy
//! A file in `strategy/` with an `order` function over one pool, and a variant of [`Strategy`] with its sentence
//! and its lines in [`Strategy::order`], [`Strategy::label`] and [`Strategy::needs_times`].

mod build;
mod candidate;
mod chance;
mod dollars;
mod filter;
mod head;
mod hints;
mod no_plan;
mod patience;
mod plan;
mod planner;
mod pools;
mod question;
mod router;
mod rules;
mod settings;
mod standing;
mod strategy;
mod subject;
mod within;

pub use candidate::Candidate;
pub use dollars::Dollars;
pub use hints::{Hints, MaxPrice, Sort};
pub use no_plan::NoPlan;
pub use patience::{Retry, Timeouts};
pub use plan::{Plan, Turn, Verdict};
pub use question::{Detail, Everything, Gather, Question, Rights};
pub use router::{Route, Router};
pub use rules::{Choice, Erring, RuleSettings, Rules};
pub use settings::{Entry, Listed, Settings};
pub use strategy::{Strategy, Weights};
pub use subject::{LONGEST_TOOL, Subject};
pub use within::{Limit, Within};
