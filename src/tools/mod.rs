//! Tools: what they are, who may call them, and the life of one call.
//!
//! A tool is configuration: a name, schemas, a policy, and a [`Kind`] that says how it is executed. Whoever calls
//! one, by whatever protocol, goes through [`call`]: *find, authorise, validate the input, take limits, look in the
//! idempotency and result caches, run the kind under timeout, retry and breaker, validate the output, record.*
//!
//! Dropping the future of a call ends it: kinds clean up behind themselves when they are dropped.
//!
//! # Adding a kind
//! A file in `kinds/` with its settings and a type that implements [`Kind`], a variant of [`KindSettings`] and its
//! line in `kind.rs`, and its chapter in `docs/tools.md`.

mod allow;
mod approval;
mod arguments;
mod attentive;
pub mod builtin;
mod call;
mod clean;
mod digest;
#[cfg(test)]
mod ear;
mod explain;
mod fault;
mod gauges;
mod hygiene;
mod input;
mod job;
mod kind;
pub mod kinds;
mod level;
mod line;
mod memory;
mod model;
mod name;
mod next;
mod once;
pub mod openapi;
mod output;
mod pages;
mod places;
mod prompt;
mod receipt;
mod redact;
mod refused;
mod retry;
mod settings;
mod sharing;
mod shelf;
mod size;
#[cfg(test)]
mod stage;
mod standing;
mod taint;
mod tool;
mod toolbox;

pub use crate::telemetry::{Completion, Notes};
use call::after;
pub use call::{Call, Outcome, Refusal, Surface, call};
pub(crate) use clean::{clean_content, clean_text};
pub use explain::{Called, Unexplained};
pub use fault::{Fault, FaultClass, ProtocolError, Stop};
pub use gauges::{ToolState, gauges, states};
pub use input::Input;
pub use kind::{About, Kind, KindSettings, Materials, ReadPages, Run};
pub use level::Level;
pub use line::{Abilities, Answers, Line, Listing, Nobody, Question, Unanswered};
pub use memory::{Conversation, Memory};
pub use model::Wanted;
pub use name::{problem as name_problem, wire_name};
pub use output::{Content, Output};
pub use places::Concurrency;
pub(crate) use refused::admit;
pub use refused::{Refused, out_of_scope};
pub use retry::Retry;
pub use settings::{Annotations, Common, Settings, TaskSupport};
pub use sharing::{Cache, Idempotency, Scope};
pub(crate) use taint::Reader;
pub use taint::{Approval, UNTRUSTED, Untrusted};
pub use tool::Tool;
pub use toolbox::Toolbox;
