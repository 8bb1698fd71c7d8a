//! Whether the names of a statement mean what the gate takes them for: asked of the catalogue, in the transaction the
//! statement runs in, before it is prepared.

use std::collections::BTreeSet;

use tokio_postgres::{Client, Error, Row, types::Type};

use super::gate::{
    Refused, Statement,
    scope::{Catalogue, Relation},
};

/// Which relations ($1) have which of the columns that stand behind dots ($2);
/// functions and types of such names; and functions with a name of the system's ($3) that come neither with it nor
/// with an extension, and that the role may call.
const NAMES: &str = r"
SELECT 'column', r.at::int4, a.attname::text
    FROM pg_catalog.unnest($1) WITH ORDINALITY AS r (name, at)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = pg_catalog.to_regclass(r.name)
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY ($2::name[])
UNION ALL
SELECT 'callable', 0, p.proname::text FROM pg_catalog.pg_proc p WHERE p.proname = ANY ($2::name[])
UNION ALL
SELECT 'callable', 0, t.typname::text FROM pg_catalog.pg_type t WHERE t.typname = ANY ($2::name[])
UNION ALL
SELECT 'overloaded', 0, p.proname::text FROM pg_catalog.pg_proc p
    WHERE p.proname = ANY ($3::name[]) AND p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
      AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
          WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')";

/// Refuses a statement one of whose names may call what it must not.
#[doc(hidden)]
pub async fn check(client: &Client, statement: &Statement) -> Result<Result<(), Refused>, Error> {
    let scope = &statement.scope;
    if scope.is_plain() {
        return Ok(Ok(()));
    }
    let relations: Vec<&Relation> = scope.relations().into_iter().collect();
    let named: Vec<String> = relations.iter().copied().map(written).collect();
    let columns: Vec<&str> = scope.names().into_iter().collect();
    let called = scope.called();
    let rows = client
        .query_typed(
            NAMES,
            &[
                (&named, Type::TEXT_ARRAY),
                (&columns, Type::TEXT_ARRAY),
                (&called, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    let mut catalogue = Catalogue::default();
    for row in &rows {
        note(row, &relations, &mut catalogue)?;
    }
    Ok(scope.judge(&catalogue))
}

fn note(row: &Row, relations: &[&Relation], catalogue: &mut Catalogue) -> Result<(), Error> {
    let (kind, at): (&str, i32) = (row.try_get(0)?, row.try_get(1)?);
    let name: Option<String> = row.try_get(2)?;
    // Counted from one.
    let relation = usize::try_from(at).ok().and_then(|at| at.checked_sub(1));
    let relation = relation.and_then(|at| relations.get(at)).copied();
    let names: &mut BTreeSet<String> = match (kind, relation) {
        ("callable", _) => &mut catalogue.callable,
        ("overloaded", _) => &mut catalogue.overloaded,
        (_, Some(relation)) => catalogue.columns.entry(relation.clone()).or_default(),
        (_, None) => return Ok(()),
    };
    names.extend(name);
    Ok(())
}

/// A relation as `to_regclass` reads it.
fn written((schema, name): &Relation) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    match schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(name)),
        None => quoted(name),
    }
}
