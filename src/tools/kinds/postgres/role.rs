//! What the role of a connection may do: more than reading is refused.

use tokio_postgres::{
    Client,
    types::{ToSql, Type},
};

use crate::{
    schema::shown_text,
    tools::{Fault, FaultClass},
};

/// Functions that every role may call unless that is taken from it, and that do more than compute: patterns of their
/// names in `pg_catalog`. Locks and messages reach other sessions; large objects and write-ahead log are written even
/// by readers; settings undo the limits; sleep and XML exports hold the server busy; some run a text as SQL.
pub const FAMILIES: &[&str] = &[
    "pg_advisory_%",
    "pg_try_advisory_%",
    "lo_%",
    "lowrite",
    "loread",
    "set_config",
    "pg_notify",
    "pg_logical_emit_message",
    "pg_sleep%",
    "pg_cancel_backend",
    "pg_terminate_backend",
    "pg_export_snapshot",
    "%_to_xml%",
    "ts_rewrite",
    "ts_stat",
    "txid_current",
    "pg_current_xact_id",
];

/// The family that an extension brings, in any schema: it opens connections of its own.
pub const CONNECTING: &str = "dblink%";

/// The pattern of a family as `LIKE` reads it, in which `_` is no letter but itself.
pub fn pattern(family: &str) -> String {
    family.replace('_', "\\_")
}

/// Says what the role may do beside reading, as an array of texts. It is the role that logged in, whatever it has set
/// since; and it is a member of no other, so that its rights are its own and those of everybody. $1 are the patterns of
/// the families, $2 is that of the one in any schema.
const BESIDE_READING: &str = r"
WITH relations AS (
    SELECT c.oid, c.relkind, c.relowner, n.nspname || '.' || c.relname AS name
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_t%'
)
SELECT pg_catalog.array_remove(ARRAY[
    CASE WHEN r.rolsuper THEN 'is a superuser' END,
    CASE WHEN r.rolbypassrls THEN 'bypasses row security' END,
    CASE WHEN r.rolcreaterole THEN 'may create roles' END,
    CASE WHEN r.rolcreatedb THEN 'may create databases' END,
    CASE WHEN r.rolreplication THEN 'may replicate' END,
    (SELECT 'is a member of ' || min(g.rolname) FROM pg_catalog.pg_auth_members m
        JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid),
    (SELECT 'owns ' || min(name) FROM relations
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND pg_catalog.pg_has_role(r.oid, relowner, 'MEMBER')),
    (SELECT 'may write to ' || min(name) FROM relations
        WHERE relkind IN ('r', 'p', 'v', 'f')
          AND (pg_catalog.has_table_privilege(r.oid, oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
               OR pg_catalog.has_any_column_privilege(r.oid, oid, 'INSERT, UPDATE'))),
    (SELECT 'may advance ' || min(name) FROM relations
        WHERE CASE WHEN relkind = 'S' THEN pg_catalog.has_sequence_privilege(r.oid, oid, 'USAGE, UPDATE') END),
    (SELECT 'may create in schema ' || min(n.nspname) FROM pg_catalog.pg_namespace n
        WHERE n.nspname NOT LIKE 'pg\_t%' AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'CREATE')),
    CASE WHEN pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CREATE')
        THEN 'may create schemas' END,
    -- What not everybody may call, and what everybody may but should not.
    (SELECT 'may call ' || min(p.proname) FROM pg_catalog.pg_proc p
        WHERE (p.proname LIKE $2
               OR p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
                  AND (p.proname LIKE ANY ($1)
                       OR p.proacl IS NOT NULL AND NOT EXISTS (
                           SELECT FROM pg_catalog.aclexplode(p.proacl) a WHERE a.grantee = 0)))
          AND pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE'))
]::text[], NULL)
FROM pg_catalog.pg_roles r WHERE r.rolname = session_user";

/// Refuses a connection whose role may do more than read; with `keep_functions`, calling the families is no more.
pub(super) async fn check(client: &Client, keep_functions: bool) -> Result<(), Fault> {
    let families = if keep_functions { &[] } else { FAMILIES };
    let families: Vec<String> = families.iter().map(|family| pattern(family)).collect();
    let connecting = if keep_functions { "" } else { CONNECTING };
    let patterns: [(&(dyn ToSql + Sync), Type); 2] =
        [(&families, Type::TEXT_ARRAY), (&connecting, Type::TEXT)];
    let asked = client.query_typed(BESIDE_READING, &patterns).await;
    let told = asked.map(|rows| {
        let row = rows.first()?;
        row.try_get::<_, Vec<String>>(0).ok()
    });
    let more = match told {
        Ok(Some(more)) => more,
        Ok(None) => vec!["cannot be told".to_owned()],
        Err(error) => {
            let error = super::fault::whole(&error);
            tracing::warn!(
                error,
                "the rights of a tool's database role cannot be read: {error}"
            );
            return Err(super::fault::unreachable());
        }
    };
    if more.is_empty() {
        return Ok(());
    }
    let rights = shown_text(&more.join(", "), 300);
    tracing::warn!(
        rights,
        "a tool's database role can do more than read: it {rights}"
    );
    let message = format!(
        "The tool is refused its database, because its role there {rights}. Its operator gives it a role that may \
         only read; `waypost postgres-role` prints the SQL for one"
    );
    Err(Fault::new(FaultClass::Failed, message))
}
