//! Tasks: calls that go on while the client comes and asks how far they are (extension `io.modelcontextprotocol/tasks`).
//!
//! rmcp has a manager of tasks, but its tasks are anybody's who knows their id, without number, and a cancelled one
//! is asked to stop. Ours belong to the caller whose key began them, from whatever connection; they are counted, and
//! cancelling one drops its work.

mod board;
mod line;
mod methods;
mod settings;
mod task;
#[cfg(test)]
mod tests;

pub(super) use board::{Board, Handle};
pub(super) use line::TaskLine;
pub(super) use methods::{cancel, get, update};
pub use settings::Settings;
