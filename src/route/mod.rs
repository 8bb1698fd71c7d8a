//! Where to try, in which order, and why. Pure: the same route, caller's rights and seed give the same plan.
//!
//! A route is the name callers send as `model`. Its pool is ordered by a strategy (one file each); its fallback
//! list follows. A plan keeps a reason beside every candidate, kept or dropped: that *is* `explain`.
//!
//! # Adding a strategy
//! A file here with an `order` function over candidates, a variant of [`Strategy`] with its sentence, and its
//! line in [`Strategy::order`].

mod plan;
mod priority;
mod router;
mod rules;
mod settings;
mod subject;
mod weighted;

pub use plan::{Candidate, NoPlan, Plan, Verdict};
pub use router::{Rights, Route, Router};
pub use rules::{Choice, Erring, RuleSettings, Rules};
pub use settings::{Entry, Retry, Settings, Strategy, Timeouts, WeightedTarget};
pub use subject::Subject;
