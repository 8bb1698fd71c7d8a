//! The gate: what a model may send to the database, decided before a connection is opened.
//!
//! A closed world. A statement passes when every word, operator, called function, type and form of it is one that is
//! known to only read; whatever the gate does not know is refused, and the refusal says what to write instead. One
//! question is left to the open transaction: `a.f` is a call where `a` has no column `f`, and the columns there are
//! only the catalogue knows ([`scope`]).
//!
//! What passes is not the text that came, but the same words written anew ([`words`]): one space between any two, no
//! comments, one way of quoting. So the database cannot read another statement than the one that was judged.

mod forms;
mod functions;
mod items;
mod names;
mod operators;
pub(super) mod scope;
#[cfg(test)]
mod tests;
mod types;
mod words;

use std::collections::BTreeSet;

use sqlparser::{
    ast::{DescribeAlias, Statement as Parsed, Visit},
    dialect::PostgreSqlDialect,
    parser::{Parser, ParserError},
};

use crate::schema::shown_text;
use words::Words;

/// The longest statement, in bytes. Statements of models are a few hundred; the rest is room for lists of values.
pub const MAX_STATEMENT: usize = 16 * 1024;

/// How deep a statement may nest: the parser recurses, and so does the database.
const MAX_DEPTH: usize = 50;

/// How much of a parser's complaint is told, in letters.
const SHOWN: usize = 160;

/// A statement that only reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub(super) text: String,
    pub(super) shape: Shape,
    pub(super) scope: scope::Scope,
}

/// What a statement gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Rows: it can stand in the brackets of another `SELECT`.
    Query,
    /// The lines of a plan: it stands alone.
    Plan,
}

impl Statement {
    /// The statement as the database gets it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A statement nobody judged: what tests send to see that the database refuses it by itself.
    #[doc(hidden)]
    pub fn unjudged(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            shape: Shape::Plan,
            scope: scope::Scope::default(),
        }
    }
}

/// Why a statement is not sent: sentences for the model, with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The statement is not allowed: {0}")]
pub struct Refused(String);

impl Refused {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// The gate of one tool.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// Functions the operator allows beside the known ones: `name` or `schema.name`, in lower case.
    extra: BTreeSet<String>,
}

impl Gate {
    /// A gate that knows these functions too.
    pub fn new(extra: impl IntoIterator<Item = String>) -> Self {
        Self {
            extra: extra.into_iter().collect(),
        }
    }

    /// Judges one statement.
    pub fn check(&self, sql: &str) -> Result<Statement, Refused> {
        if sql.len() > MAX_STATEMENT {
            let why = format!("it has more than {MAX_STATEMENT} bytes. Send a shorter one");
            return Err(Refused::new(why));
        }
        let words = Words::read(sql)?;
        let parsed = parse(&words)?;
        let shape = match &parsed {
            Parsed::Query(_) => Shape::Query,
            Parsed::Explain { .. } => plan(&parsed)?,
            _ => {
                return Err(Refused::new(
                    "only SELECT (also with WITH) and plain EXPLAIN are. Send one SELECT statement",
                ));
            }
        };
        let mut forms = forms::Forms::of(self);
        if let std::ops::ControlFlow::Break(refused) = parsed.visit(&mut forms) {
            return Err(refused);
        }
        words.calls_only(|name| self.knows_somewhere(name) || forms.names_columns(name))?;
        words.dots_in_names_only()?;
        let scope = forms.into_scope();
        scope.check()?;
        Ok(Statement {
            text: words.text(),
            shape,
            scope,
        })
    }

    /// Whether the operator allows this function.
    fn adds(&self, name: &str) -> bool {
        self.extra.contains(name)
    }

    /// Whether a function may be called without a schema or by one.
    fn knows_somewhere(&self, name: &str) -> bool {
        let is_it = |extra: &String| extra.rsplit('.').next() == Some(name);
        functions::is_known(name) || self.extra.iter().any(is_it)
    }
}

fn parse(words: &Words) -> Result<Parsed, Refused> {
    let mut parser = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(MAX_DEPTH)
        .with_tokens(words.tokens().to_vec());
    let mut parsed = parser.parse_statements().map_err(|error| {
        Refused::new(match error {
            ParserError::RecursionLimitExceeded => {
                format!("it nests deeper than {MAX_DEPTH} levels. Send a flatter one")
            }
            ParserError::ParserError(why) | ParserError::TokenizerError(why) => {
                format!(
                    "it cannot be read as PostgreSQL ({}). Send one SELECT statement in PostgreSQL's syntax",
                    shown_text(&why, SHOWN)
                )
            }
        })
    })?;
    match (parsed.pop(), parsed.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Refused::new("it is empty. Send one SELECT statement")),
        (Some(_), false) => Err(several()),
    }
}

fn several() -> Refused {
    Refused::new("there is more than one. Send one SELECT statement in each call")
}

/// An `EXPLAIN` that runs nothing.
fn plan(parsed: &Parsed) -> Result<Shape, Refused> {
    match parsed {
        Parsed::Explain {
            describe_alias: DescribeAlias::Explain,
            analyze: false,
            verbose: _,
            query_plan: false,
            estimate: false,
            statement,
            format: None,
            options: None,
        } if matches!(**statement, Parsed::Query(_)) => Ok(Shape::Plan),
        _ => Err(Refused::new(
            "of EXPLAIN only `EXPLAIN SELECT …` is, without ANALYZE or other options",
        )),
    }
}
