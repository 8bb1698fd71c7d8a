//! MCP from outside: what a client sends and what it reads, and each gap the library leaves open, by name.

mod asks;
mod eras;
mod lists;
mod parking;
mod refusals;
mod resume;
mod said;
mod sessions;
mod soak;
mod speaker;
mod stage;
mod tasks;
