//! Read-only SQL.
//!
//! Three walls, one behind the other: the [`gate`] passes what is known to only read; the statement runs alone in a
//! read-only transaction with limits on its time, rows and bytes ([`database`]); and the role it runs as may do nothing
//! by itself but read the tables it was granted, which is checked when a connection is opened. The first alone keeps
//! from functions of the database's own that everybody may call and that run with their owner's rights.

mod address;
#[doc(hidden)]
pub mod columns;
pub mod database;
mod exact;
mod fault;
pub mod gate;
mod meter;
pub mod role;
mod rows;
mod settings;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::{
    problem::Problem,
    tools::{Fault, FaultClass, Kind, Materials, Output, Run, Stop},
};

use database::{Allowance, Database};
use gate::{Gate, MAX_STATEMENT};
pub use rows::Table;
pub use settings::{Settings, Tls};

#[derive(Debug)]
struct Postgres {
    gate: Gate,
    database: Database,
    max_rows: u32,
    max_bytes: usize,
    timeout: Duration,
}

/// Builds the kind.
pub(crate) fn build(
    settings: &Settings,
    materials: &mut Materials<'_>,
) -> Result<Box<dyn Kind>, Vec<Problem>> {
    let mut problems = settings.problems();
    if settings.url.is_empty() {
        let problem = Problem::new(["url"], "there is no database");
        problems.push(problem.expected("`env:NAME` or `file:PATH`"));
        return Err(problems);
    }
    let url = (materials.secret)(&settings.url, &["url"]);
    // What cannot be read is reported where it was tried.
    let Some(url) = url else {
        return Err(problems);
    };
    let database = Database::at(&url, settings);
    let database = database.map_err(|message| problems.push(Problem::new(["url"], message)));
    match database {
        Ok(database) if problems.is_empty() => Ok(Box::new(Postgres {
            gate: Gate::new(settings.functions.iter().cloned()),
            database,
            max_rows: settings.max_rows,
            max_bytes: settings.max_bytes as usize,
            timeout: settings.statement_timeout.get(),
        })),
        _ => Err(problems),
    }
}

impl Kind for Postgres {
    fn is_silent(&self) -> bool {
        true
    }

    fn input_schema(&self) -> Option<Map<String, Value>> {
        members(json!({
            "type": "object",
            "required": ["sql"],
            "properties": {
                "sql": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": MAX_STATEMENT,
                    "description": "One SELECT (or EXPLAIN SELECT) statement for PostgreSQL.",
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_rows,
                    "default": self.max_rows,
                    "description": "The most rows to give.",
                },
                "timeout": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": self.timeout.as_secs_f64(),
                    "default": self.timeout.as_secs_f64(),
                    "description": "The longest it may run, in seconds.",
                },
            },
        }))
    }

    fn output_schema(&self) -> Option<Map<String, Value>> {
        let column = json!({
            "type": "object",
            "required": ["name", "type"],
            "properties": { "name": { "type": "string" }, "type": { "type": "string" } },
        });
        members(json!({
            "type": "object",
            "required": ["columns", "rows", "row_count", "truncated"],
            "properties": {
                "columns": { "type": "array", "items": column },
                "rows": { "type": "array", "items": { "type": "array" } },
                "row_count": { "type": "integer" },
                "truncated": { "type": "boolean", "description": "There are more rows than these." },
            },
        }))
    }

    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(async move {
            let sql = run.arguments.get("sql").and_then(Value::as_str);
            let refused = |refused: gate::Refused| {
                Fault::new(FaultClass::InvalidArguments, refused.to_string())
            };
            let statement = self.gate.check(sql.unwrap_or_default()).map_err(refused)?;
            let allowed = self.allowance(&run);
            let table = self.database.run(&statement, allowed).await?;
            Ok(Output::structured(table.json()))
        })
    }
}

impl Postgres {
    /// What a call may take: what it asks for, and never more than is allowed. A schema of the operator's own may
    /// have let anything through.
    fn allowance(&self, run: &Run<'_>) -> Allowance {
        let rows = run.arguments.get("limit").and_then(Value::as_u64);
        let rows = rows.and_then(|rows| u32::try_from(rows).ok());
        let seconds = run.arguments.get("timeout").and_then(Value::as_f64);
        let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        // No time at all would mean no limit to the server.
        let least = Duration::from_millis(1);
        Allowance {
            rows: rows.map_or(self.max_rows, |rows| rows.clamp(1, self.max_rows)),
            bytes: self.max_bytes,
            result: run
                .tool
                .common
                .most_result(run.tool.output_schema.is_some()),
            time: time.map_or(self.timeout, |time| time.clamp(least, self.timeout)),
            deadline: run.deadline,
        }
    }
}

fn members(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
}
