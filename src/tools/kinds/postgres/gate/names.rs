//! Names: as the database folds them, and which belong to the system.

use std::borrow::Cow;

use sqlparser::ast::{ObjectName, ObjectNamePart};

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
];

/// Beginnings of such names.
const SYSTEM_STARTS: &[&str] = &["pg_", "lo_", "dblink", "query_to_", "cursor_to_xml"];

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

/// Whether queries may name this relation.
pub(super) fn check_relation(name: &ObjectName) -> Result<(), Refused> {
    let parts = parts(name).unwrap_or_default();
    if !(1..=2).contains(&parts.len()) {
        return Err(Refused::new("tables are named `table` or `schema.table`"));
    }
    let system = parts
        .iter()
        .find(|part| is_of_the_system(part) || *part == "pg_catalog");
    system.map_or(Ok(()), |part| Err(self::system(part)))
}
