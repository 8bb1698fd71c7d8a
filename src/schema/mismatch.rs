//! Why a value does not fit: sentences of our own making around truncated, escaped values.
//!
//! They reach callers, and models that are asked again. Whatever stands in a value or a schema can only appear
//! in them as a short quotation.

use std::{fmt::Write as _, io};

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use serde::Serialize;

/// The longest quotation, in characters.
const QUOTED: usize = 80;

/// The longest path, in characters: the names in it are the model's.
const PATH: usize = 200;

/// Where a value does not fit its schema, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The place in the value as a JSON pointer; empty for the value as a whole.
    pub path: String,
    /// What is wrong there, as the end of a sentence: `"x" is not of type integer`.
    pub message: String,
}

impl Mismatch {
    /// A value that is wrong as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            message: message.into(),
        }
    }

    pub(super) fn of(error: &ValidationError<'_>) -> Self {
        Self {
            path: shown_text(error.instance_path().as_str(), PATH),
            message: message(error),
        }
    }
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{} (at {path})", self.message),
        }
    }
}

fn message(error: &ValidationError<'_>) -> String {
    let value = shown(error.instance().as_ref());
    let names = |names: &[String]| {
        let quoted: Vec<String> = names.iter().take(3).map(shown).collect();
        quoted.join(", ")
    };
    match error.kind() {
        Kind::Type { kind } => format!("{value} is not of type {}", types(kind)),
        Kind::Required { property } => format!("the member {} is missing", shown(property)),
        Kind::Enum { options } => format!("{value} is none of {}", shown(options.as_ref())),
        Kind::Constant { expected_value } => {
            format!("{value} is not {}", shown(expected_value.as_ref()))
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("there may be no member {}", names(unexpected))
        }
        Kind::PropertyNames { .. } => "a member has a name that is not allowed".to_owned(),
        Kind::Pattern { pattern } => {
            format!("{value} does not match the pattern {}", shown(pattern))
        }
        Kind::Format { format } => format!("{value} is no {}", shown_text(format, QUOTED)),
        Kind::Minimum { limit } => format!("{value} is less than {}", shown(limit)),
        Kind::Maximum { limit } => format!("{value} is more than {}", shown(limit)),
        Kind::ExclusiveMinimum { limit } => format!("{value} is not more than {}", shown(limit)),
        Kind::ExclusiveMaximum { limit } => format!("{value} is not less than {}", shown(limit)),
        Kind::MultipleOf { multiple_of } => format!("{value} is no multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("{value} has fewer than {limit} characters"),
        Kind::MaxLength { limit } => format!("{value} has more than {limit} characters"),
        Kind::MinItems { limit } => format!("there are fewer than {limit} items"),
        Kind::MaxItems { limit } => format!("there are more than {limit} items"),
        Kind::UniqueItems => "an item stands there twice".to_owned(),
        Kind::MinProperties { limit } => format!("there are fewer than {limit} members"),
        Kind::MaxProperties { limit } => format!("there are more than {limit} members"),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            format!("{value} fits none of the allowed shapes")
        }
        Kind::OneOfMultipleValid { .. } => {
            format!("{value} fits more than one of the shapes of which one is allowed")
        }
        Kind::FalseSchema => "nothing may stand there".to_owned(),
        other => format!("{value} breaks the rule {}", shown(other.keyword())),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(several) => {
            let names: Vec<String> = several.iter().map(|one| one.to_string()).collect();
            names.join(" or ")
        }
    }
}

/// A value as a short quotation: JSON text, cut behind 80 characters.
pub fn shown(value: &(impl Serialize + ?Sized)) -> String {
    // A character has at most four bytes.
    let mut start = Start(Vec::new(), 4 * QUOTED + 4);
    // Fails when there is enough, so that a value of megabytes is not written out for eighty characters.
    let _ = serde_json::to_writer(&mut start, value);
    shown_text(&String::from_utf8_lossy(&start.0), QUOTED)
}

/// The first characters of a text, with everything escaped that does not print: line ends, terminal controls,
/// marks that turn the direction of writing.
pub fn shown_text(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most.saturating_mul(2)));
    let mut characters = text.chars();
    for character in characters.by_ref().take(most) {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            other => {
                let _ = write!(shown, "{}", other.escape_debug());
            }
        }
    }
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// The start of what is written to it.
struct Start(Vec<u8>, usize);

impl io::Write for Start {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.1 - self.0.len();
        if room == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
