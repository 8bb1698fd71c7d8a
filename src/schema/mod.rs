//! JSON Schemas that callers and tools bring, compiled so that answers can be judged by them.
//!
//! They come from outside, so compiling one must be safe whatever it says: nothing is fetched, patterns run in
//! linear time, and size, depth and number of subschemas are bounded. A schema that cannot be compiled within
//! those bounds is [`Unusable`], which means that nothing is checked by it; it is no error of the caller's,
//! because the provider may well understand it.

mod bounds;
mod cache;
pub mod header;
mod mismatch;
#[cfg(test)]
mod tests;

use jsonschema::{PatternOptions, Validator};
use serde_json::{Value, value::RawValue};

pub use cache::Schemas;
pub use mismatch::{Mismatch, shown, shown_text};

/// The most memory one compiled pattern may take, in bytes. The engine's own limit is ten times as much, and a
/// schema may hold a thousand patterns.
const MAX_PATTERN: usize = 1024 * 1024;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    /// References in it lead in a circle.
    recursive: bool,
}

/// Why a schema is not used: one sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The schema is not used: {0}")]
pub struct Unusable(String);

impl Schema {
    /// Compiles a schema. Without `$schema` it is read as Draft 2020-12. `format` is an annotation only, as
    /// that draft has it: models are not refused for a date the caller's own library would take.
    pub fn compile(schema: &RawValue) -> Result<Self, Unusable> {
        Self::build(schema, false)
    }

    /// Compiles a schema whose `format` is held to as well: the operator wrote it to keep a tool from what it names.
    pub fn compile_with_formats(schema: &RawValue) -> Result<Self, Unusable> {
        Self::build(schema, true)
    }

    fn build(schema: &RawValue, formats: bool) -> Result<Self, Unusable> {
        let bounded = bounds::read(schema)?;
        // Not `with_draft`: it would overrule the schema's own `$schema`. The default for schemas without one
        // is the newest draft, and a test holds it there.
        let validator = jsonschema::options()
            .offline()
            .should_validate_formats(formats)
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN))
            .build(&bounded.schema)
            // The library's message may hold parts of the schema of any length.
            .map_err(|error| Unusable(shown_text(&error.to_string(), 200)))?;
        Ok(Self {
            validator,
            recursive: bounded.recursive,
        })
    }

    /// Whether a value fits; if not, where it does not and why: the first place found.
    pub fn check(&self, value: &Value) -> Result<(), Mismatch> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        // The library remembers results in a circle only while it does not collect reasons. Looking for them, it
        // would take seconds for sixteen levels that are looked at twice each.
        if self.recursive {
            return Err(Mismatch::whole("it does not fit its schema"));
        }
        let found = self.validator.validate(value);
        found.map_err(|error| Mismatch::of(&error))
    }

    /// Where a value does not fit and why: the first `most` places found, none if it fits.
    pub fn mismatches(&self, value: &Value, most: usize) -> Vec<Mismatch> {
        match self.check(value) {
            Ok(()) => Vec::new(),
            // Reasons in a circle are not looked for, as said above.
            Err(first) if self.recursive => vec![first],
            Err(_) => {
                let errors = self.validator.iter_errors(value).take(most);
                errors.map(|error| Mismatch::of(&error)).collect()
            }
        }
    }
}
