//! Running a statement, and reading what it gives.

use std::fmt::Write;

use futures_util::{StreamExt, pin_mut};
use serde_json::{Value, json};
use tokio_postgres::{
    Client, Column, Error, Row,
    types::{Kind, Type},
};

use super::{
    database::Allowance,
    exact, fault,
    gate::{Shape, Statement},
};
use crate::tools::{Fault, size};

/// What the marks around a value take in JSON: two quotes and a comma.
const MARKS: usize = 3;

/// The marks around a row, and what stands beside the rows: the count of them.
const REST: usize = 32;

/// What a statement gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names and types of the columns.
    pub columns: Vec<(String, String)>,
    /// The values, row by row.
    pub rows: Vec<Vec<Value>>,
    /// There is more than was allowed to be read.
    pub truncated: bool,
}

impl Table {
    /// The table as data.
    pub(super) fn json(self) -> Value {
        let column = |(name, kind)| json!({ "name": name, "type": kind });
        let columns: Vec<Value> = self.columns.into_iter().map(column).collect();
        json!({
            "columns": columns,
            "row_count": self.rows.len(),
            "rows": self.rows,
            "truncated": self.truncated,
        })
    }
}

/// A table, and whether the connection is as it was.
pub(super) struct Read {
    pub(super) table: Result<Table, Fault>,
    pub(super) in_order: bool,
}

/// Runs a statement in the open transaction, and reads as much of it as is allowed.
///
/// By the extended protocol only, which takes one statement at a time. The statement is prepared first, which tells
/// its columns; then it stands in the brackets of a `SELECT` of ours that turns every value into text, so that types
/// nobody foresaw are read like any other, and that asks for one row more than is allowed.
pub(super) async fn read(
    client: &Client,
    statement: &Statement,
    allowed: &Allowance,
) -> Result<Read, Error> {
    let prepared = client.prepare(&statement.text).await?;
    let columns = prepared.columns();
    let text = match statement.shape {
        Shape::Query => in_brackets(&statement.text, columns, allowed.rows),
        Shape::Plan => statement.text.clone(),
    };
    let none: [(&str, Type); 0] = [];
    let rows = client.query_typed_raw(&text, none).await?;
    pin_mut!(rows);
    let mut table = Table {
        columns: columns.iter().map(named).collect(),
        ..Table::default()
    };
    let mut left = allowed.bytes;
    let mut room = allowed
        .result
        .saturating_sub(measure(&table.clone().json()) + REST);
    let mut too_large = false;
    while let Some(row) = rows.next().await {
        let row = row?;
        let size: usize = texts(&row)
            .map(|text| text.map_or(4, str::len) + MARKS)
            .sum();
        let full = table.rows.len() >= allowed.rows as usize;
        let values = columns.iter().zip(texts(&row));
        let values = values.map(|(column, text)| value(column.type_(), text));
        let values: Vec<Value> = if full || size > left {
            Vec::new()
        } else {
            values.collect()
        };
        let given = REST + values.iter().map(measure).sum::<usize>();
        if full || size > left || given > room {
            too_large = table.rows.is_empty();
            table.truncated = true;
            break;
        }
        (left, room) = (left - size, room - given);
        table.rows.push(values);
    }
    // The server may still be sending what is not read any more. And what the client remembers of types of others is
    // kept in prepared statements, which do not outlive the cleaning of a connection.
    let ended = !table.truncated || rows.next().await.is_none();
    let known = columns
        .iter()
        .all(|column| Type::from_oid(column.type_().oid()).is_some());
    let table = if too_large {
        Err(fault::too_large(allowed.bytes.min(allowed.result)))
    } else {
        Ok(table)
    };
    Ok(Read {
        table,
        in_order: ended && known,
    })
}

/// The statement in the brackets of ours.
fn in_brackets(statement: &str, columns: &[Column], rows: u32) -> String {
    if columns.is_empty() {
        return statement.to_owned();
    }
    let mut text = "SELECT ".to_owned();
    let mut names = String::new();
    for (at, column) in columns.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        // Arrays and rows have no text that is easy to read, but one as JSON.
        let composed = matches!(column.type_().kind(), Kind::Array(_) | Kind::Composite(_));
        let _ = if composed || *column.type_() == Type::RECORD {
            write!(text, "{comma}pg_catalog.to_jsonb(t.c{at})::pg_catalog.text")
        } else {
            write!(text, "{comma}(t.c{at})::pg_catalog.text")
        };
        let _ = write!(names, "{comma}c{at}");
    }
    let _ = write!(
        text,
        " FROM ({statement}) AS t ({names}) LIMIT {}",
        u64::from(rows) + 1
    );
    text
}

/// What a value takes of a tool's result, which is held as text and as data: the larger of both, and a comma.
fn measure(value: &Value) -> usize {
    size::of_value(value).max(value.to_string().len()) + 1
}

/// The values of a row; none where a value is null, or no text (which no statement of ours gives).
fn texts(row: &Row) -> impl Iterator<Item = Option<&str>> {
    (0..row.len()).map(|at| row.try_get::<_, Option<&str>>(at).ok().flatten())
}

fn named(column: &Column) -> (String, String) {
    let kind = match column.type_().kind() {
        Kind::Array(member) => format!("{}[]", member.name()),
        _ => column.type_().name().to_owned(),
    };
    (column.name().to_owned(), kind)
}

/// A value as data: numbers that JSON has without loss, booleans and JSON as themselves, all else as PostgreSQL
/// writes it. `numeric` is text, because whoever reads JSON numbers as doubles would round money.
fn value(kind: &Type, text: Option<&str>) -> Value {
    let Some(text) = text else {
        return Value::Null;
    };
    let as_text = || Value::from(text);
    match *kind {
        Type::BOOL => Value::Bool(text == "true"),
        Type::INT2 | Type::INT4 | Type::INT8 => match text.parse::<i64>() {
            Ok(number) if exact::holds(number) => number.into(),
            _ => as_text(),
        },
        Type::FLOAT4 | Type::FLOAT8 => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => number.into(),
            _ => as_text(),
        },
        Type::JSON | Type::JSONB | Type::RECORD => parsed(text),
        _ if matches!(kind.kind(), Kind::Array(_) | Kind::Composite(_)) => parsed(text),
        _ => as_text(),
    }
}

/// JSON, with every number that would be rounded as text; as text where it nests deeper than is read.
fn parsed(text: &str) -> Value {
    serde_json::from_str(&exact::json(text)).unwrap_or_else(|_| text.into())
}
