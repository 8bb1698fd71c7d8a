//! The settings of the kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{problem::Problem, span::Span};

/// The settings of the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// The database, as `env:NAME` or `file:PATH` of `postgres://user:password@host/database`. `waypost postgres-role` prints SQL for a role that may only read.
    pub url: String,
    /// How the server proves who it is: `verify` (TLS, by the system's certificates), or `disable` (no TLS). Absent: `verify`, except on this machine.
    pub tls: Option<Tls>,
    /// The most rows one call gives, and the default of its `limit`.
    pub max_rows: u32,
    /// The most bytes of values one call gives, and the largest single row that is read at all.
    pub max_bytes: u32,
    /// The longest a statement may run, and the default of the call's `timeout`.
    pub statement_timeout: Span,
    /// The most connections, and so the most statements at once.
    pub connections: u32,
    /// Functions that may be called beside the built-in ones that only read, as `name` or `schema.name` in lower case.
    pub functions: Vec<String>,
    /// Whether a role that can do more than read is refused.
    pub role_check: bool,
    /// Whether a role is taken that may call functions with side effects, for servers that do not let them be revoked.
    pub keep_functions: bool,
}

/// How the server proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// TLS, with a certificate for the name in the URL.
    Verify,
    /// No TLS.
    Disable,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: String::new(),
            tls: None,
            max_rows: 1000,
            max_bytes: 1024 * 1024,
            statement_timeout: Span::secs(3),
            connections: 4,
            functions: Vec::new(),
            role_check: true,
            keep_functions: false,
        }
    }
}

/// More rows are no answer to a model but an export.
const MOST_ROWS: u32 = 100_000;

/// Each connection may hold as much, and the server's own limit of one value is 1 GiB.
const MOST_BYTES: u32 = 64 * 1024 * 1024;

/// A server has 100 connections unless told otherwise, and they are not for tools alone.
const MOST_CONNECTIONS: u32 = 64;

impl Settings {
    /// What is wrong with them; paths start at the key.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |key: &str, value: u32, least: u32, most: u32| {
            if !(least..=most).contains(&value) {
                let problem = Problem::new([key], format!("{value} is out of range"));
                problems.push(problem.expected(format!("{least} to {most}")));
            }
        };
        check("max_rows", self.max_rows, 1, MOST_ROWS);
        check("max_bytes", self.max_bytes, 1024, MOST_BYTES);
        check("connections", self.connections, 1, MOST_CONNECTIONS);
        if self.statement_timeout.get().as_millis() < 10 || self.statement_timeout > Span::secs(600)
        {
            let problem = Problem::new(
                ["statement_timeout"],
                format!("{} is out of range", self.statement_timeout),
            );
            problems.push(problem.expected("10ms to 10m"));
        }
        for (at, name) in self.functions.iter().enumerate() {
            let part = |part: &str| {
                let sane =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                !part.is_empty() && part.bytes().all(sane)
            };
            if !name.split('.').all(part) || name.split('.').count() > 2 {
                let problem = Problem::new(
                    ["functions", &at.to_string()],
                    format!("`{name}` is no name of a function"),
                );
                problems.push(problem.expected("`name` or `schema.name`, in lower case"));
            }
        }
        problems
    }
}
