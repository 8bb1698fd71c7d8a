//! Whether a call's arguments may reach its tool: their size, their characters, their schema.
//!
//! They come from a model, so what is wrong is told so that a model can put it right: every place, and what was
//! expected there, in sentences of ours with at most short, escaped quotations of what came. Arguments are never
//! altered: neither are defaults of the schema filled in, nor is anything taken away.

use serde_json::Value;

use super::{Fault, FaultClass};
use crate::{
    character::{Harm, first_harm},
    schema::{Mismatch, Schema, shown_text},
};

/// The most places told at once: more would not help, and fill the model's context.
const MOST_TOLD: usize = 5;

/// The deepest nesting, the object itself being the first level. Schemas of tools rarely go beyond five.
const MAX_DEPTH: usize = 32;

/// The most text in all, in bytes: what a face takes as one message by default, for calls that come from inside.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The most values: checking a schema takes up to a microsecond for each.
const MAX_VALUES: usize = 100_000;

/// The longest path told, in characters: the names in it are the model's.
const PATH: usize = 200;

/// Whether the arguments may reach the tool.
pub(super) fn check(schema: &Schema, arguments: &Value) -> Result<(), Fault> {
    let mut walk = Walk::default();
    walk.value(arguments, 1);
    let mut found = match walk.excess {
        // What is too large is not looked at any longer.
        Some(excess) => vec![Mismatch::whole(excess)],
        None => walk.found,
    };
    if found.is_empty() {
        found = schema.mismatches(arguments, MOST_TOLD);
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Fault::new(FaultClass::InvalidArguments, sentence(&found)))
}

fn sentence(found: &[Mismatch]) -> String {
    let told: Vec<String> = found.iter().map(Mismatch::to_string).collect();
    format!("Invalid arguments: {}", told.join("; "))
}

/// What was found on the way through the arguments.
#[derive(Default)]
struct Walk {
    /// With paths that grow on the way back, so that none is made where all is well.
    found: Vec<Mismatch>,
    excess: Option<String>,
    bytes: usize,
    values: usize,
}

impl Walk {
    fn value(&mut self, value: &Value, depth: usize) {
        self.values += 1;
        if depth > MAX_DEPTH {
            self.exceed(format!("they are nested deeper than {MAX_DEPTH} levels"));
        } else if self.values > MAX_VALUES {
            self.exceed(format!("they hold more than {MAX_VALUES} values"));
        }
        if self.excess.is_some() {
            return;
        }
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let before = self.found.len();
                    self.value(item, depth + 1);
                    self.stands_in(before, || at.to_string());
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    let before = self.found.len();
                    self.text(name);
                    self.value(value, depth + 1);
                    self.stands_in(before, || {
                        // As RFC 6901 has it.
                        shown_text(name, PATH).replace('~', "~0").replace('/', "~1")
                    });
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > MAX_BYTES {
            self.exceed(format!("they hold more than {MAX_BYTES} bytes of text"));
        }
        if self.found.len() < MOST_TOLD
            && let Some((character, harm)) = first_harm(text)
        {
            self.found.push(Mismatch::whole(unwanted(character, harm)));
        }
    }

    fn exceed(&mut self, why: String) {
        self.excess.get_or_insert(why);
    }

    /// Puts a step in front of the places found since there were `before`.
    fn stands_in(&mut self, before: usize, step: impl Fn() -> String) {
        for found in &mut self.found[before..] {
            let path = format!("/{}{}", step(), found.path);
            found.path = path.chars().take(PATH).collect();
        }
    }
}

fn unwanted(character: char, harm: Harm) -> String {
    format!(
        "the text holds {} (U+{:04X}); write it without",
        harm.name(),
        u32::from(character)
    )
}

#[cfg(test)]
#[path = "arguments_tests.rs"]
mod tests;
