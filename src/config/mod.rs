//! The papers: the configuration file as written, its problems with their places, and its changes.
//!
//! Rooms own their settings and say what is wrong by path of keys; this room reads files and the environment,
//! and turns paths into `file:line:column`. It knows nothing of what the settings mean.

mod check;
mod diagnostic;
mod file;
mod load;
mod mask;
mod read;
pub mod report;
mod scalar;
mod schema;
pub mod secrets;
mod tree;
pub mod watch;

pub use diagnostic::{Diagnostic, Place, Severity};
pub use file::{File, Read, Source};
pub use load::{Loaded, Malformed, parse};
pub use schema::json_schema;
pub use tree::{Entry, Node, Value};

#[cfg(test)]
mod tests;
