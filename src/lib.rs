//! Waypost: a multi-provider model gateway around one router. This page is the map.
//!
//! Rooms from the ground up; each imports rooms on lower lines only, and `tests/it/house.rs` keeps it so.
//! `docs/architecture.md` walks one request through them.
//!
//! Invariants, mostly about absence:
//! - `chat`, `catalog`, `dialect` and `route` never await, never read the clock, never touch network, files or
//!   environment: the same facts give the same plan.
//! - Only the faces, `http` and `mcp`, know the status codes callers see; only `upstream` knows reqwest, and `cli` as a
//!   client of a gateway; only papers and `store` read files.
//! - No room imports `config`. Each owns its `Settings`.
//! - No provider's name appears in Rust outside `catalog/shipped.rs` and tests.
//! - After the first delta reached the caller there is no other attempt: the *commit point*.
//! - Every hold and receipt is closed exactly once; dropping one only records "abandoned".
//! - Every number a provider controls goes through checked arithmetic and a clamp.

// Words: plain data every room speaks.
pub mod catalog;
pub mod character;
pub mod chat;
pub mod expr;
pub mod facts;
pub mod json;
pub mod outcome;
pub mod policy;
pub mod problem;
pub mod schema;
pub mod secret;
pub mod span;

// Languages, ledger.
pub mod dialect;
pub mod telemetry;

// Judgement: pure, or with the time as an argument.
pub mod access;
pub mod health;
pub mod limit;
pub mod route;

// Hands.
pub mod intake;
pub mod process;
pub mod store;
pub mod upstream;

// Will.
pub mod federation;
pub mod identity;
pub mod relay;

// Tools.
pub mod tools;

// Face.
pub mod http;
pub mod mcp;

// Papers.
pub mod app;
pub mod cli;
pub mod config;
