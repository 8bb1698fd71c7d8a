//! How large a schema may be, as written and with its references followed.
//!
//! The validator remembers results only inside of circles. Definitions that name the next one twice each would cost
//! it two to the power of their number, so their sum is taken here, before anything is compiled. Only references
//! into the schema itself can be followed (`#/$defs/name`); with others it is not used.

use std::collections::HashMap;

use serde_json::{Value, value::RawValue};

use super::Unusable;

/// The longest schema, in bytes of its text. The largest tools of public MCP servers have some 50 KiB.
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// The deepest nesting of JSON in a schema. Each level of a nested object takes two: `properties` and its name.
const MAX_DEPTH: usize = 64;

/// The most references behind each other. Following one is a call inside a call: the stack sets the limit.
const MAX_CHAIN: usize = 32;

/// The most objects and booleans in a schema (at least as many as its subschemas), each counted as often as
/// references lead to it.
const MAX_PARTS: u64 = 10_000;

/// A schema that keeps the bounds.
#[derive(Debug)]
pub(super) struct Bounded {
    /// The schema.
    pub(super) schema: Value,
    /// References lead in a circle.
    pub(super) recursive: bool,
}

/// Reads a schema that keeps the bounds.
pub(super) fn read(schema: &RawValue) -> Result<Bounded, Unusable> {
    let bytes = schema.get().len();
    if bytes > MAX_BYTES {
        return refuse(format!("it has {bytes} bytes, and {MAX_BYTES} are allowed"));
    }
    // The parser's own limit of 128 levels keeps it from running out of stack.
    let schema: Value =
        serde_json::from_str(schema.get()).map_err(|error| Unusable(error.to_string()))?;
    let mut walk = Walk {
        root: &schema,
        known: HashMap::new(),
        recursive: false,
    };
    walk.measure(&schema, 1, 0)?;
    let recursive = walk.recursive;
    Ok(Bounded { schema, recursive })
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Unusable> {
    Err(Unusable(why.into()))
}

/// The measure of a schema with what it refers to.
#[derive(Clone, Copy, Default)]
struct Size {
    parts: u64,
    /// References behind each other.
    chain: usize,
}

struct Walk<'a> {
    root: &'a Value,
    /// What references lead to, by pointer; `None` while it is being measured.
    known: HashMap<&'a str, Option<Size>>,
    recursive: bool,
}

impl<'a> Walk<'a> {
    /// Measures what stands in a value. `open` references led here.
    fn measure(&mut self, value: &'a Value, depth: usize, open: usize) -> Result<Size, Unusable> {
        if depth > MAX_DEPTH {
            return refuse(format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        let mut size = Size::default();
        match value {
            Value::Object(members) => {
                size.parts = 1;
                for (key, value) in members {
                    let inside = match value {
                        Value::String(text) => self.word(key, text, depth, open)?,
                        value => self.measure(value, depth + 1, open)?,
                    };
                    size.add(inside)?;
                }
            }
            Value::Array(items) => {
                for item in items {
                    size.add(self.measure(item, depth + 1, open)?)?;
                }
            }
            Value::Bool(_) => size.parts = 1,
            _ => {}
        }
        Ok(size)
    }

    /// A member that is a string: it may be a reference, or a name that would give references another meaning.
    fn word(
        &mut self,
        key: &str,
        text: &'a str,
        depth: usize,
        open: usize,
    ) -> Result<Size, Unusable> {
        match key {
            "$ref" => self.follow(text, open),
            "$dynamicRef" | "$recursiveRef" => refuse(format!("it has a {key}")),
            "$id" | "id" if depth > 1 => refuse("a part of it has an id of its own"),
            _ => Ok(Size::default()),
        }
    }

    fn follow(&mut self, reference: &'a str, open: usize) -> Result<Size, Unusable> {
        let pointer = reference
            .strip_prefix('#')
            .filter(|pointer| pointer.is_empty() || pointer.starts_with('/'))
            // Escapes of URLs would need another reading.
            .filter(|pointer| !pointer.contains('%'));
        let Some(target) = pointer.and_then(|pointer| self.root.pointer(pointer)) else {
            return refuse("it refers to something that is not in it");
        };
        let size = match self.known.get(reference) {
            Some(Some(size)) => *size,
            Some(None) => {
                self.recursive = true;
                Size::default()
            }
            None if open == MAX_CHAIN => return too_long(),
            None => {
                self.known.insert(reference, None);
                let size = self.measure(target, 1, open + 1)?;
                self.known.insert(reference, Some(size));
                size
            }
        };
        let chain = size.chain + 1;
        if chain > MAX_CHAIN {
            return too_long();
        }
        Ok(Size { chain, ..size })
    }
}

fn too_long<T>() -> Result<T, Unusable> {
    refuse(format!(
        "more than {MAX_CHAIN} references follow each other"
    ))
}

impl Size {
    fn add(&mut self, other: Self) -> Result<(), Unusable> {
        self.parts = self.parts.saturating_add(other.parts);
        self.chain = self.chain.max(other.chain);
        if self.parts > MAX_PARTS {
            return refuse(format!(
                "it has more than {MAX_PARTS} subschemas, references followed"
            ));
        }
        Ok(())
    }
}
