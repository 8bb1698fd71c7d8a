//! The types values may be cast to: those whose input functions only read the text they are given.

use sqlparser::ast::{ArrayElemTypeDef, CharacterLength, DataType};

use super::{Refused, names};
use crate::schema::shown_text;

/// The longest text that is filled up to its length, in letters or bits: the database would make up to 10 MB of one.
const LONGEST: u64 = 10_000;

/// Types the parser has no word of its own for.
const NAMED: &[&str] = &[
    "bpchar",
    "cidr",
    "citext",
    "daterange",
    "inet",
    "int4range",
    "int8range",
    "macaddr",
    "money",
    "name",
    "numrange",
    "timestamptz",
    "timetz",
    "tsquery",
    "tsrange",
    "tstzrange",
    "tsvector",
    "vector",
];

/// Whether values may be cast to a type.
pub(super) fn check(data_type: &DataType) -> Result<(), Refused> {
    use DataType as D;
    let fine = match data_type {
        D::Character(length) | D::Char(length) => match length {
            None => true,
            Some(CharacterLength::IntegerLength { length, .. }) => *length <= LONGEST,
            Some(CharacterLength::Max) => false,
        },
        D::Bit(length) => length.is_none_or(|length| length <= LONGEST),
        D::CharacterVarying(_)
        | D::CharVarying(_)
        | D::Varchar(_)
        | D::Uuid
        | D::Numeric(_)
        | D::Decimal(_)
        | D::Dec(_)
        | D::Float(_)
        | D::Int2(_)
        | D::SmallInt(_)
        | D::Int(_)
        | D::Int4(_)
        | D::Int8(_)
        | D::Integer(_)
        | D::BigInt(_)
        | D::Float4
        | D::Float8
        | D::Real
        | D::DoublePrecision
        | D::Bool
        | D::Boolean
        | D::Date
        | D::Time(..)
        | D::Timestamp(..)
        | D::Interval { .. }
        | D::JSON
        | D::JSONB
        | D::Text
        | D::Bytea
        | D::BitVarying(_)
        | D::TsVector
        | D::TsQuery => true,
        D::Custom(name, modifiers) => {
            let parts = names::parts(name).unwrap_or_default();
            modifiers
                .iter()
                .all(|word| word.parse().is_ok_and(|length: u64| length <= LONGEST))
                && matches!(&parts[..], [only] if NAMED.contains(&&**only))
        }
        D::Array(ArrayElemTypeDef::SquareBracket(inner, _)) => return check(inner),
        _ => false,
    };
    if fine {
        return Ok(());
    }
    Err(Refused::new(format!(
        "values cannot be cast to `{}`. Cast to the usual types for numbers, texts, dates and JSON",
        shown_text(&data_type.to_string(), 70)
    )))
}
