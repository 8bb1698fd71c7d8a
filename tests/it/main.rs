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
mod broker;
mod chat;
mod docs;
mod drain;
mod embeddings;
mod faults;
mod federation;
mod guards;
mod hostile;
mod limits;
mod listener;
mod made_keys;
mod mcp;
mod messages;
mod oauth;
mod pool;
mod program;
mod reload;
mod servers;
mod simulated;
mod sql;
mod telemetry;
mod tools;
