//! The MCP endpoint over HTTP: each gap its library leaves open, by name.

mod eras;
mod parking;
mod refusals;
mod resume;
mod sessions;
mod soak;
mod stage;
