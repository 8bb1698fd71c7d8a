//! A call's arguments, as expressions see them.

use serde_json::Value as Json;

use crate::expr::{Roots, Value};

/// The roots of an expression about one call: `input` (the arguments) and `caller.name`.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The arguments, an object.
    pub arguments: &'a Json,
    /// The name of the caller's key.
    pub caller: &'a str,
}

impl Input<'_> {
    /// Whether an expression may mention this name.
    pub fn knows(name: &str) -> bool {
        name == "input" || name.starts_with("input.") || name == "caller.name"
    }
}

impl Roots for Input<'_> {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        // An argument that was left out is null, so that `input.limit == null` can be asked.
        const ABSENT: &Json = &Json::Null;
        match name {
            "input" => Some(Value::Json(self.arguments)),
            "caller.name" => Some(Value::Text(self.caller.into())),
            _ => {
                let member = name.strip_prefix("input.")?;
                Some(Value::Json(self.arguments.get(member).unwrap_or(ABSENT)))
            }
        }
    }
}
