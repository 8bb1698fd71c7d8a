//! A problem with its place in a file: what `check` prints and what editors read.
//!
//! Rooms know paths of keys ([`Problem`]); only here do paths meet lines and columns.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::problem::Problem;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, and the operator should look at this.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// Where something stands in the text: line and column from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// How many characters of that line it covers, at least 1.
    pub width: usize,
}

impl Place {
    /// The first character of the file.
    pub const START: Self = Self {
        line: 1,
        column: 1,
        width: 1,
    };
}

/// One problem at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The keys that lead to it, outermost first; list positions as numbers from 0.
    pub path: Vec<String>,
    /// The file, as the operator named it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// How many characters to underline.
    pub width: usize,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What was expected there.
    pub expected: Option<String>,
    /// The nearest name that would have been right.
    pub nearest: Option<String>,
    /// How much it matters.
    pub severity: Severity,
}

impl Diagnostic {
    /// `problem` at `place` of `file`, as an error.
    pub fn new(file: &Arc<str>, place: Place, problem: Problem) -> Self {
        Self {
            path: problem.path,
            file: file.clone(),
            line: place.line,
            column: place.column,
            width: place.width,
            message: problem.message,
            expected: problem.expected,
            nearest: problem.nearest,
            severity: Severity::Error,
        }
    }

    /// The same, as a warning.
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

/// On one line, for logs.
impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file, line, column, ..
        } = self;
        write!(
            formatter,
            "{file}:{line}:{column}: {}: {}",
            self.severity, self.message
        )?;
        if let Some(nearest) = &self.nearest {
            write!(formatter, "; did you mean `{nearest}`?")?;
        }
        if let Some(expected) = &self.expected {
            write!(formatter, "; expected {expected}")?;
        }
        Ok(())
    }
}
