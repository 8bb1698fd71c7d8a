//! A statement's words: taken apart, each looked at by itself, and written anew.

use sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, Tokenizer, Word},
};

use super::{Refused, SHOWN, names, several};
use crate::schema::shown_text;

/// Words of the language that may stand before a bracket without being a function.
const BEFORE_BRACKETS: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "bit",
    "by",
    "case",
    "cast",
    "char",
    "character",
    "cross",
    "cube",
    "decimal",
    "distinct",
    "else",
    "escape",
    "except",
    "exists",
    "explain",
    "extract",
    "filter",
    "first",
    "float",
    "from",
    "full",
    "group",
    "having",
    "ilike",
    "in",
    "inner",
    "intersect",
    "interval",
    "is",
    "join",
    "lateral",
    "like",
    "limit",
    "materialized",
    "next",
    "not",
    "numeric",
    "offset",
    "on",
    "or",
    "over",
    "overlay",
    "position",
    "precision",
    "recursive",
    "rollup",
    "row",
    "select",
    "sets",
    "similar",
    "some",
    "substring",
    "then",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "to",
    "trim",
    "union",
    "using",
    "values",
    "varbit",
    "varchar",
    "varying",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "within",
];

/// Words that are refused wherever they stand unquoted, with what to do instead.
const NEVER: &[(&str, &str)] = &[
    ("current_catalog", "who you are to the database is not told"),
    ("current_role", "who you are to the database is not told"),
    ("current_schema", "who you are to the database is not told"),
    ("current_user", "who you are to the database is not told"),
    ("session_user", "who you are to the database is not told"),
    ("system_user", "who you are to the database is not told"),
    ("user", "a column of that name is written \"user\""),
    ("into", "a query cannot make tables; leave INTO out"),
    ("operator", "write the operator itself"),
    ("variadic", "write the arguments out"),
    ("xmltable", "XML is not read here"),
];

/// The longest name of the database, in bytes; a longer one it would cut, and read as another (NAMEDATALEN).
const MAX_NAME: usize = 63;

/// The words of a statement.
#[derive(Debug)]
pub(super) struct Words(Vec<Token>);

impl Words {
    /// Takes a statement apart.
    pub(super) fn read(sql: &str) -> Result<Self, Refused> {
        let dialect = PostgreSqlDialect {};
        let tokens = Tokenizer::new(&dialect, sql).tokenize();
        let tokens = tokens.map_err(|error| {
            let why = shown_text(&error.to_string(), SHOWN);
            Refused::new(format!("it cannot be read as PostgreSQL ({why})"))
        })?;
        let mut words: Vec<Token> = tokens
            .into_iter()
            .filter(|token| !matches!(token, Token::Whitespace(_) | Token::EOF))
            .map(plain)
            .collect();
        while words.last() == Some(&Token::SemiColon) {
            words.pop();
        }
        words.iter().try_for_each(check)?;
        Ok(Self(words))
    }

    /// The words.
    pub(super) fn tokens(&self) -> &[Token] {
        &self.0
    }

    /// The statement written anew.
    pub(super) fn text(&self) -> String {
        let words: Vec<String> = self.0.iter().map(written).collect();
        words.join(" ")
    }

    /// Whether every word before a bracket is of the language or one that `may` be there. The forms of the statement
    /// are walked for calls as well; this sees calls in places the walk might miss.
    pub(super) fn calls_only(&self, may: impl Fn(&str) -> bool) -> Result<(), Refused> {
        for pair in self.0.windows(2) {
            let [Token::Word(word), Token::LParen] = pair else {
                continue;
            };
            let name = names::folded(&word.value, word.quote_style);
            let is_language = word.quote_style.is_none() && BEFORE_BRACKETS.contains(&&*name);
            if !is_language && !may(&name) {
                return Err(names::not_callable(&name));
            }
        }
        Ok(())
    }

    /// Whether every dot stands between names, or a name and `*`: behind a bracket it may make a call.
    pub(super) fn dots_in_names_only(&self) -> Result<(), Refused> {
        for (at, token) in self.0.iter().enumerate() {
            if *token != Token::Period {
                continue;
            }
            let before = at.checked_sub(1).and_then(|at| self.0.get(at));
            let behind = self.0.get(at + 1);
            let fine = matches!(before, Some(Token::Word(_)))
                && matches!(behind, Some(Token::Word(_) | Token::Mul));
            if !fine {
                return Err(Refused::new("members of rows are not; name the columns"));
            }
        }
        Ok(())
    }
}

/// The one way strings are quoted from here on, whatever they were.
fn plain(token: Token) -> Token {
    match token {
        Token::EscapedStringLiteral(text) | Token::UnicodeStringLiteral(text) => {
            Token::SingleQuotedString(text)
        }
        Token::DollarQuotedString(text) => Token::SingleQuotedString(text.value),
        other => other,
    }
}

/// Whether a word is one of those that are known.
fn check(token: &Token) -> Result<(), Refused> {
    let why = match token {
        Token::Word(word) => return check_word(word),
        Token::Number(digits, false) if digits.bytes().all(is_of_a_number) => return Ok(()),
        Token::SingleQuotedString(text) if !text.contains('\0') => return Ok(()),
        Token::SemiColon => return Err(several()),
        Token::Placeholder(_) => {
            "there are no parameters: write the value itself, strings in single quotes".to_owned()
        }
        operator if is_known(operator) => return Ok(()),
        other => format!("it has {}", shown_text(&other.to_string(), SHOWN)),
    };
    Err(Refused::new(why))
}

fn check_word(word: &Word) -> Result<(), Refused> {
    let shown = shown_text(&word.value, SHOWN);
    let name = names::folded(&word.value, word.quote_style);
    let quoted = match word.quote_style {
        None => false,
        Some('"') => true,
        Some(_) => return Err(Refused::new("names are quoted with \" only")),
    };
    // Letters beyond ASCII are folded by other rules there than here: `ſelect` is `SELECT` to some.
    if !quoted && !word.value.is_ascii() {
        let why = format!("the name {shown} must stand in double quotes");
        return Err(Refused::new(why));
    }
    if word.value.is_empty() || word.value.len() > MAX_NAME || word.value.contains('\0') {
        let why = format!("{shown} is no name: they have 1 to {MAX_NAME} bytes");
        return Err(Refused::new(why));
    }
    if names::is_of_the_system(&name) {
        return Err(names::system(&name));
    }
    match NEVER.iter().find(|(never, _)| !quoted && *never == name) {
        Some((never, instead)) => {
            let why = format!("it has the word {}: {instead}", never.to_uppercase());
            Err(Refused::new(why))
        }
        None => Ok(()),
    }
}

fn is_of_a_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')
}

/// Whether a word is an operator or a mark of a query.
fn is_known(token: &Token) -> bool {
    use Token as T;
    matches!(
        token,
        T::Comma
            | T::Period
            | T::LParen
            | T::RParen
            | T::LBracket
            | T::RBracket
            | T::Colon
            | T::DoubleColon
            | T::RArrow
            | T::Eq
            | T::Neq
            | T::Lt
            | T::Gt
            | T::LtEq
            | T::GtEq
            | T::Plus
            | T::Minus
            | T::Mul
            | T::Div
            | T::Mod
            | T::Caret
            | T::StringConcat
            | T::Ampersand
            | T::Pipe
            | T::Sharp
            | T::Tilde
            | T::TildeAsterisk
            | T::ExclamationMarkTilde
            | T::ExclamationMarkTildeAsterisk
            | T::DoubleTilde
            | T::DoubleTildeAsterisk
            | T::ExclamationMarkDoubleTilde
            | T::ExclamationMarkDoubleTildeAsterisk
            | T::ShiftLeft
            | T::ShiftRight
            | T::Overlap
            | T::CaretAt
            | T::Arrow
            | T::LongArrow
            | T::HashArrow
            | T::HashLongArrow
            | T::AtArrow
            | T::ArrowAt
            | T::HashMinus
            | T::AtQuestion
            | T::AtAt
            | T::Question
            | T::QuestionAnd
            | T::QuestionPipe
            | T::TwoWayArrow
    )
}

/// A word as the database reads it without doubt.
fn written(token: &Token) -> String {
    match token {
        Token::Word(word) if word.quote_style.is_some() => {
            format!("\"{}\"", word.value.replace('"', "\"\""))
        }
        Token::Word(word) => word.value.clone(),
        Token::SingleQuotedString(text) => format!("'{}'", text.replace('\'', "''")),
        other => other.to_string(),
    }
}
