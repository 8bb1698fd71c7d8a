//! The types values may be cast to: those whose input functions only read the text they are given.

use sqlparser::ast::{ArrayElemTypeDef, DataType};

use super::{Refused, names};
use crate::schema::shown_text;

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
        D::Character(_)
        | D::Char(_)
        | D::CharacterVarying(_)
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
        | D::Bit(_)
        | D::BitVarying(_)
        | D::TsVector
        | D::TsQuery => true,
        D::Custom(name, modifiers) => {
            let parts = names::parts(name).unwrap_or_default();
            modifiers
                .iter()
                .all(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
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
