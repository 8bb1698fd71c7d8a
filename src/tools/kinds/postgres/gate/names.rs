//! Names: as the database folds them, and which belong to the system.

use std::borrow::Cow;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

use super::Refused;
use crate::schema::shown_text;

/// How much of a name is told, in letters.
const SHOWN: usize = 70;

/// Types whose text is looked up in the catalogue, and families of functions with side effects: no table of a user's
/// has such names, and refusing them everywhere closes the ways nobody thought of.
const SYSTEM: &[&str] = &[
    "information_schema",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "set_config",
    "setval",
    "nextval",
    "current_setting",
    "txid_current",
    "currval",
    "lastval",
    "setseed",
    "to_regclass",
    "to_regcollation",
    "to_regnamespace",
    "to_regoper",
    "to_regoperator",
    "to_regproc",
    "to_regprocedure",
    "to_regrole",
    "to_regtype",
    "to_regtypemod",
    "ts_rewrite",
    "ts_stat",
];

/// Beginnings of such names.
const SYSTEM_STARTS: &[&str] = &["pg_", "lo_", "dblink", "query_to_", "cursor_to_xml"];

/// Words that are no names unless they stand in quotes: PostgreSQL's, reserved wholly or but for functions and types
/// (its documentation, appendix C). Where the parser takes one for a name, the database reads something else.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

/// A name as the database has it: unquoted ones in lower case.
pub(super) fn folded(name: &str, quote: Option<char>) -> Cow<'_, str> {
    match quote {
        None if name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Cow::Owned(name.to_ascii_lowercase())
        }
        _ => Cow::Borrowed(name),
    }
}

/// Whether a folded name belongs to the system. `pg_catalog` is judged where it stands: functions may have it.
pub(super) fn is_of_the_system(name: &str) -> bool {
    let starts = SYSTEM_STARTS.iter().any(|start| name.starts_with(start));
    name != "pg_catalog" && (starts || SYSTEM.contains(&name))
}

/// The refusal of a name of the system.
pub(super) fn system(name: &str) -> Refused {
    Refused::new(format!(
        "`{}` belongs to the database system, which is not open to queries. Query the tables themselves",
        shown_text(name, SHOWN)
    ))
}

/// The refusal of a function.
pub(super) fn not_callable(name: &str) -> Refused {
    Refused::new(format!(
        "the function `{}` is not among those that may be called. Use the usual functions for numbers, texts, \
         dates, JSON and aggregates",
        shown_text(name, SHOWN)
    ))
}

/// The folded parts of a name; none if a part is anything but a name.
pub(super) fn parts(name: &ObjectName) -> Option<Vec<Cow<'_, str>>> {
    let parts = name.0.iter().map(|part| match part {
        ObjectNamePart::Identifier(ident) => Some(folded(&ident.value, ident.quote_style)),
        ObjectNamePart::Function(_) => None,
    });
    parts.collect()
}

/// Whether a name is this word of the language, which it is not in quotes.
pub(super) fn is_word(name: &ObjectName, word: &str) -> bool {
    match &name.0[..] {
        [ObjectNamePart::Identifier(ident)] => {
            ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case(word)
        }
        _ => false,
    }
}

/// Whether a word is no name as it stands.
pub(super) fn is_reserved(ident: &Ident) -> bool {
    let name = folded(&ident.value, ident.quote_style);
    ident.quote_style.is_none() && RESERVED.contains(&&*name)
}

/// Whether a word may be the name of a relation, an item of FROM or one of its columns.
pub(super) fn check_name(ident: &Ident) -> Result<(), Refused> {
    if !is_reserved(ident) && matches!(ident.quote_style, None | Some('"')) {
        return Ok(());
    }
    Err(Refused::new(format!(
        "`{}` is no name where it stands. Names that are words of SQL stand in double quotes",
        shown_text(&ident.value, SHOWN)
    )))
}

/// The refusal of a name behind a dot that may be a function's or a type's.
pub(super) fn not_a_column(of: &str, name: &str) -> Refused {
    let (of, name) = (shown_text(of, SHOWN), shown_text(name, SHOWN));
    Refused::new(format!(
        "`{name}` is no column of `{of}` for certain. Name columns of tables, and give those of functions and queries \
         names: `FROM f() AS {of} (column)`, `SELECT … AS column`"
    ))
}

/// The refusal of a name that another function has too.
pub(super) fn overloaded(name: &str) -> Refused {
    Refused::new(format!(
        "the function `{0}` means several in this database. Write `pg_catalog.{0}`",
        shown_text(name, SHOWN)
    ))
}

/// Whether queries may name this relation.
pub(super) fn check_relation(name: &ObjectName) -> Result<(), Refused> {
    for part in &name.0 {
        if let ObjectNamePart::Identifier(ident) = part {
            check_name(ident)?;
        }
    }
    let parts = parts(name).unwrap_or_default();
    if !(1..=2).contains(&parts.len()) {
        return Err(Refused::new("tables are named `table` or `schema.table`"));
    }
    let system = parts
        .iter()
        .find(|part| is_of_the_system(part) || *part == "pg_catalog");
    system.map_or(Ok(()), |part| Err(self::system(part)))
}
