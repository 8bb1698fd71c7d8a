//! `waypost postgres-role`: SQL for a role that may only read.

use clap::Args;

use super::{Outcome, say::say};
use crate::tools::kinds::postgres::role::{CONNECTING, FAMILIES, pattern};

/// Options of `postgres-role`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("readable").required(true).args(["table", "all_tables"]))]
pub(super) struct Options {
    /// The role to make.
    #[arg(long, default_value = "waypost_reader")]
    role: String,
    /// The database it may connect to.
    #[arg(long)]
    database: String,
    /// A schema it may look into. Can be given several times.
    #[arg(long, default_value = "public")]
    schema: Vec<String>,
    /// A table it may read, as `table` (in the first schema) or `schema.table`. Can be given several times.
    #[arg(long)]
    table: Vec<String>,
    /// It may read every table the schemas have now.
    #[arg(long)]
    all_tables: bool,
    /// The most connections it may have, over all gateways.
    #[arg(long, default_value_t = 8)]
    connections: u16,
    /// Leave the functions with side effects open to every role, as PostgreSQL has them. The tool takes the role with `keep_functions: true` only.
    #[arg(long)]
    keep_functions: bool,
}

/// The longest name PostgreSQL does not cut, in bytes (NAMEDATALEN).
const MAX_NAME: usize = 63;

/// Limits on the role, which hold whatever its connections ask for first. `temp_file_limit` can be raised by a
/// superuser only; the others are where a connection starts.
const LIMITS: &[(&str, &str)] = &[
    ("default_transaction_read_only", "on"),
    ("statement_timeout", "'5s'"),
    ("lock_timeout", "'1s'"),
    ("idle_in_transaction_session_timeout", "'10s'"),
    ("temp_file_limit", "'64MB'"),
    ("work_mem", "'8MB'"),
    ("max_parallel_workers_per_gather", "0"),
];

/// Prints the SQL.
pub(super) fn run(options: &Options) -> Outcome {
    match script(options) {
        Ok(script) => say(&script, Outcome::Good),
        Err(reason) => Outcome::Bad(format!("waypost: {reason}")),
    }
}

/// The whole script. Names stand in quoted identifiers and literals only, never in comments.
fn script(options: &Options) -> Result<String, String> {
    let tables: Vec<(&str, &str)> = options
        .table
        .iter()
        .map(|table| table.split_once('.').unwrap_or((first(options), table)))
        .collect();
    let mut names = vec![options.role.as_str(), &options.database];
    names.extend(options.schema.iter().map(String::as_str));
    names.extend(tables.iter().flat_map(|(schema, table)| [*schema, *table]));
    if let Some(bad) = names
        .iter()
        .find(|name| !(1..=MAX_NAME).contains(&name.len()))
    {
        return Err(format!(
            "{bad:?} is no name: they have 1 to {MAX_NAME} bytes"
        ));
    }
    let (role, database) = (identifier(&options.role), identifier(&options.database));
    let mut lines = vec![
        "-- A role that may only read. Run this as a superuser in its database, with `psql --set ON_ERROR_STOP=1`;"
            .to_owned(),
        "-- then give it a password with `\\password`. Running it again is harmless.".to_owned(),
        "BEGIN;".to_owned(),
        "SET LOCAL standard_conforming_strings = on;".to_owned(),
        "\n-- It can log in, and nothing else.".to_owned(),
        format!("DO {};", literal(&create(&options.role))),
        format!(
            "ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT CONNECTION LIMIT {};",
            options.connections
        ),
    ];
    let limit = |(name, value): &(&str, &str)| format!("ALTER ROLE {role} SET {name} = {value};");
    lines.extend(LIMITS.iter().map(limit));
    lines.push("\n-- What it may read.".to_owned());
    lines.push(format!("GRANT CONNECT ON DATABASE {database} TO {role};"));
    let mut schemas: Vec<&str> = options.schema.iter().map(String::as_str).collect();
    schemas.extend(tables.iter().map(|(schema, _)| *schema));
    let mut seen = std::collections::BTreeSet::new();
    schemas.retain(|schema| seen.insert(*schema));
    for schema in &schemas {
        let schema = identifier(schema);
        lines.push(format!("REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC;"));
        lines.push(format!("GRANT USAGE ON SCHEMA {schema} TO {role};"));
        if options.all_tables {
            lines.push(format!(
                "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};"
            ));
        }
    }
    for (schema, table) in &tables {
        let (schema, table) = (identifier(schema), identifier(table));
        lines.push(format!("GRANT SELECT ON TABLE {schema}.{table} TO {role};"));
    }
    if !options.keep_functions {
        lines.push(
            "\n-- Functions with side effects, which PostgreSQL lets every role call. Where another role needs one, grant it\n\
             -- back to that role; `--keep-functions` leaves this part out."
                .to_owned(),
        );
        lines.push(revoke());
    }
    lines.push("\nCOMMIT;\n".to_owned());
    Ok(lines.join("\n"))
}

fn first(options: &Options) -> &str {
    options.schema.first().map_or("public", String::as_str)
}

fn create(role: &str) -> String {
    let name = literal(role);
    format!(
        "BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name}) \
         THEN EXECUTE pg_catalog.format('CREATE ROLE %I', {name}); END IF; END"
    )
}

/// By pattern over the catalogue, so that it fits every version's signatures. Nothing in it is from outside.
fn revoke() -> String {
    let patterns = FAMILIES.iter().map(|family| literal(&pattern(family)));
    let patterns: Vec<String> = patterns.collect();
    format!(
        "DO $families$
DECLARE f pg_catalog.regprocedure;
BEGIN
    FOR f IN SELECT p.oid FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.proname LIKE ANY (ARRAY[
            {}])
            OR p.proname LIKE {}
    LOOP EXECUTE pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $families$;",
        patterns.join(",\n            "),
        literal(&pattern(CONNECTING))
    )
}

/// A name as SQL has it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL has it, under `standard_conforming_strings`, which the script turns on.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
