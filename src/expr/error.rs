//! What is wrong with an expression, and why one could not be tested.

use std::fmt;

use cel::{ExecutionError, ParseErrors};

/// A place in an expression, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// The place of the character at `offset`.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before: Vec<char> = text.chars().take(offset).collect();
        let line = before.iter().filter(|&&letter| letter == '\n').count();
        let column = before
            .iter()
            .rev()
            .take_while(|&&letter| letter != '\n')
            .count();
        Self {
            line: line + 1,
            column: column + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            1 => write!(formatter, "at column {}", self.column),
            line => write!(formatter, "in line {line} at column {}", self.column),
        }
    }
}

/// A text that is no expression, or one that could cost too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadExpr {
    /// Where, unless it is the whole.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
    /// What was expected there.
    pub expected: Option<String>,
    /// The nearest name that would have been right.
    pub nearest: Option<String>,
}

impl BadExpr {
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self {
            place: None,
            message: message.into(),
            expected: None,
            nearest: None,
        }
    }

    pub(super) fn at(place: Place, message: impl Into<String>) -> Self {
        Self {
            place: Some(place),
            ..Self::whole(message)
        }
    }

    pub(super) fn expected(self, expected: impl Into<String>) -> Self {
        Self {
            expected: Some(expected.into()),
            ..self
        }
    }
}

impl fmt::Display for BadExpr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(formatter, "{place}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for BadExpr {}

/// The first error of the parser, without its drawing of the text.
pub(super) fn of_parser(text: &str, errors: &ParseErrors) -> BadExpr {
    let Some(error) = errors.errors.first() else {
        return BadExpr::whole("it is no expression");
    };
    if text.trim().is_empty() {
        return BadExpr::whole("it is empty").expected("a condition");
    }
    let said = error.msg.trim_start_matches("Syntax error: ");
    let said = said.replace("'<EOF>'", "the end");
    let (message, expected) = match said.split_once(" expecting ") {
        Some((message, wanted)) => (message.to_owned(), Some(in_words(wanted))),
        None if said.contains("Recursion limit") => ("it nests too deep".to_owned(), None),
        None => (said, None),
    };
    let place = match (usize::try_from(error.pos.0), usize::try_from(error.pos.1)) {
        (Ok(line @ 1..), Ok(column)) => Some(Place {
            line,
            column: column.max(1),
        }),
        _ => None,
    };
    BadExpr {
        place,
        message,
        expected,
        nearest: None,
    }
}

/// What the grammar would take, in words: its list names every token an operand can begin with.
fn in_words(wanted: &str) -> String {
    if wanted.contains("IDENTIFIER") {
        "a value".to_owned()
    } else if wanted.contains("<EOF>") {
        "an operator or the end".to_owned()
    } else {
        wanted.trim_matches(['{', '}']).replace('\'', "`")
    }
}

/// Why an expression could not be tested. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// It is true or false of nothing: its value has this type.
    #[error("the value is a {0}, neither true nor false")]
    NotBool(String),
    /// An operator or function does not take these types.
    #[error("{0}")]
    WrongTypes(String),
    /// A key, field or position that is not there.
    #[error("a key or position is not there")]
    Missing,
    /// A value that could not be read, or is too large.
    #[error("a value could not be read")]
    Unreadable,
    /// A value that stands in the middle of a text is null, for which no text has a word.
    #[error("a value that stands in a text is missing")]
    Absent,
    /// Its loops would take more steps than [`MOST_STEPS`](super::meter::MOST_STEPS).
    #[error(
        "it would take more than {} steps: its loops are over lists that are too long",
        super::meter::MOST_STEPS
    )]
    TooLong,
    /// Arithmetic beyond its bounds, and what else can go wrong.
    #[error("a value could not be computed")]
    Failed,
}

impl EvalError {
    /// Whether it would be so for any values.
    pub fn is_of_types(&self) -> bool {
        matches!(self, Self::NotBool(_) | Self::WrongTypes(_))
    }
}

impl From<ExecutionError> for EvalError {
    fn from(error: ExecutionError) -> Self {
        match error {
            // Names the operator and types, no values.
            ExecutionError::NoSuchOverload(overload) => Self::WrongTypes(overload.to_string()),
            ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_) => Self::Missing,
            ExecutionError::UndeclaredReference(_) => Self::Unreadable,
            _ => Self::Failed,
        }
    }
}
