//! What the role of a connection may do: more than reading is refused.

use tokio_postgres::Client;

use crate::{
    schema::shown_text,
    tools::{Fault, FaultClass},
};

/// Says what the role may do beside reading, as an array of texts. Rights count that it has through other roles.
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
    (SELECT 'is a member of ' || min(g.rolname) FROM pg_catalog.pg_roles g
        WHERE g.rolname IN ('pg_checkpoint', 'pg_create_subscription', 'pg_execute_server_program', 'pg_maintain',
                            'pg_read_server_files', 'pg_signal_backend', 'pg_write_all_data', 'pg_write_server_files')
          AND pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER')),
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
        THEN 'may create schemas' END
]::text[], NULL)
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";

/// Refuses a connection whose role may do more than read.
pub(super) async fn check(client: &Client) -> Result<(), Fault> {
    let asked = client.query_typed(BESIDE_READING, &[]).await;
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
