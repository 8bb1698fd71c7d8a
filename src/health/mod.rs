//! How targets are doing: whether they may be asked, with which key, how long they take, how often one may try
//! again. Measures; `route` judges by what it says ([`crate::facts::Facts`]).
//!
//! A [`Condition`] gives a [`Permit`] for each try, and the permit is closed once, as success, failure or
//! neutral; a dropped one counts as neutral. What closing has changed is returned as [`Change`]s, for this
//! room logs and counts nothing. Time and chance are arguments, so the same calls give the same states, and
//! nothing waits but [`Condition::place`]. Every number a provider controls is clamped here once more.
//!
//! # Where failsafe ends
//! The circuit is failsafe's state machine with our own policy ([`window`]) and instrument. Not used are:
//! - its policies: the success rate is weighted by elapsed time, so two million failures within a quarter of
//!   a second do not open it; ours counts calls;
//! - its futures and streams: they count each piece of a stream as a success and a dropped call as nothing;
//! - its backoffs, in whole seconds and on a clock of their own: our policy opens for no time, and the gate
//!   ([`breaker`]) holds the end by the time it is given;
//! - its half-open state as a gate: it lets everybody in and closes at the first success, however old. Ours
//!   lets one probe in at a time, wants three, and ignores results from before the opening.

mod allowance;
mod breaker;
mod budget;
mod chance;
mod change;
mod circuit;
mod condition;
mod credential;
mod histogram;
mod latency;
mod learned;
mod load;
mod machine;
mod memory;
mod opening;
mod permit;
mod ratio;
mod recent;
mod registry;
mod window;

pub use budget::{Budget, Cost};
pub use change::Change;
pub use circuit::{Circuit, Passage};
pub use condition::{Condition, Leave, Shut, TargetState};
pub use credential::KeyState;
pub use latency::Shape;
pub use learned::Learned;
pub use load::Place;
pub use opening::Opening;
pub use permit::{Permit, Timing};
pub use registry::Health;
pub use window::Trip;

pub use crate::policy::{Breaker as Settings, Budget as BudgetSettings};
