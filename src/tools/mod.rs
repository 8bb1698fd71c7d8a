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

mod call;
mod fault;
mod input;
mod kind;
pub mod kinds;
mod line;
mod memory;
mod name;
pub mod openapi;
mod output;
mod settings;
mod tool;
mod toolbox;

pub use call::{Call, Outcome, Refusal, call};
pub use fault::{Fault, FaultClass, Stop};
pub use input::Input;
pub use kind::{Kind, KindSettings, Materials, Run};
pub use line::{Abilities, Answers, Level, Line, Nobody, Question, Unanswered};
pub use memory::{Conversation, Memory};
pub use name::wire_name;
pub use output::{Completion, Content, Notes, Output};
pub use settings::{Annotations, Common, Settings, TaskSupport};
pub use tool::Tool;
pub use toolbox::Toolbox;
