//! The tool that queries PostgreSQL, on a real one.

mod attacks;
mod corpus;
mod generated;
mod limits;
mod queries;
mod roles;
mod server;
mod tool;

use std::time::Duration;

use tokio::time::Instant;
use waypost::{
    secret::Secret,
    tools::kinds::postgres::{
        Settings,
        database::{Allowance, Database},
    },
};

/// A database by its address, without the gate in front.
fn behind_the_gate(url: &str, settings: &Settings) -> Database {
    Database::at(&Secret::new(url), settings).unwrap()
}

/// What a statement may take, if it may run so long.
fn for_millis(millis: u64) -> Allowance {
    Allowance {
        rows: 1000,
        bytes: 1024 * 1024,
        result: usize::MAX,
        time: Duration::from_millis(millis),
        deadline: Instant::now() + Duration::from_secs(60),
    }
}
