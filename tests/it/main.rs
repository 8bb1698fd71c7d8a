//! One test binary: journeys through a real gateway, golden vectors, and the rules of the house.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot read its own case has failed"
)]

mod config_files;
mod house;
mod support;
mod vectors;
mod vectors_over_http;

mod access;
mod chat;
mod docs;
mod drain;
mod embeddings;
mod faults;
mod guards;
mod hostile;
mod limits;
mod listener;
mod made_keys;
mod mcp;
mod messages;
mod pool;
mod program;
mod reload;
mod simulated;
mod sql;
mod telemetry;
mod tools;
