//! What a failure of the database means, and what the model is told of it.

use std::{error::Error, time::Duration};

use tokio_postgres::error::{DbError, SqlState};

use crate::{
    schema::shown_text,
    tools::{Fault, FaultClass},
};

/// How much of the server's words is told, in letters. They may quote values, which the role can read anyway.
const SHOWN: usize = 300;

/// The fault of a connection that cannot be had. Why is for the log: it may name hosts.
pub(super) fn unreachable() -> Fault {
    let message = "The database cannot be reached. Try again later";
    Fault::new(FaultClass::Unavailable, message)
}

/// The fault of a row or value that is larger than is read or given.
pub(super) fn too_large(max_bytes: usize) -> Fault {
    let message = format!(
        "A row is larger than {max_bytes} bytes. Choose fewer columns, or a part of a long one with left(column, 1000)"
    );
    Fault::new(FaultClass::TooLarge, message)
}

/// The fault of a database that takes no statement.
pub(super) fn deaf() -> Fault {
    let message = "The database does not answer. Try again later";
    Fault::new(FaultClass::Timeout, message)
}

/// The fault of a statement that takes too long. Not one of the tool: others' statements are none the slower for it, so
/// no circuit may open.
pub(super) fn stopped(patience: Duration) -> Fault {
    let message = format!(
        "The statement did not finish within {patience:?} and was stopped. Ask for less: narrow it with WHERE, \
         join on keys, or aggregate fewer rows"
    );
    Fault::new(FaultClass::InvalidArguments, message)
}

/// The fault of what the server said to a statement.
pub(super) fn of_statement(error: &tokio_postgres::Error, patience: Duration) -> Fault {
    match error.as_db_error() {
        Some(said) => of_server(said, patience),
        None => unreachable(),
    }
}

fn of_server(said: &DbError, patience: Duration) -> Fault {
    let code = said.code();
    if *code == SqlState::QUERY_CANCELED {
        return stopped(patience);
    }
    let class = class(code);
    let mut message = match class {
        FaultClass::Unavailable => return unreachable(),
        FaultClass::Forbidden => "The database does not allow it: ".to_owned(),
        _ => "The database refused the statement: ".to_owned(),
    };
    message += &shown_text(said.message(), SHOWN);
    if let Some(hint) = said.hint() {
        message += ". ";
        message += &shown_text(hint, SHOWN);
    }
    Fault::new(class, message)
}

/// Who is to blame, by the SQLSTATE (PostgreSQL's documentation, appendix A). The connection is open and took the
/// statement, so whatever went wrong is the statement's, unless the server leaves: one that makes functions raise what
/// it likes, or asks for what the server does not get from elsewhere, should close the tool to nobody.
fn class(code: &SqlState) -> FaultClass {
    match code.code() {
        "42501" | "25006" => FaultClass::Forbidden,
        "53300" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => FaultClass::Unavailable,
        _ => FaultClass::InvalidArguments,
    }
}

/// An error with its causes, for the log.
pub(super) fn whole(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += ": ";
        text += &cause.to_string();
        source = cause.source();
    }
    text
}
