//! Where the completion of a tool's call would go: what `waypost explain` shows of an MCP `tools/call`.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{About, Tool, wire_name};
use crate::{
    access::Caller,
    problem::nearest,
    relay::{Desk, Explained, Inquiry, explain_inquiry},
    route::Subject,
    schema::shown_text,
};

/// The most characters of a name that are quoted.
const LONGEST_NAME: usize = 80;

/// A call as MCP writes it.
#[derive(Debug, Deserialize)]
pub struct Called {
    method: String,
    #[serde(default)]
    params: Params,
}

#[derive(Debug, Default, Deserialize)]
struct Params {
    #[serde(default)]
    name: String,
    #[serde(default)]
    arguments: Map<String, Value>,
}

/// Why a call cannot be explained.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexplained {
    /// There is no such tool.
    #[error("there is no tool `{name}`{}", .nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownTool {
        /// The name that was sent.
        name: String,
        /// The nearest that there is.
        nearest: Option<String>,
    },
    /// It asks no model.
    #[error("the tool `{id}` makes no completion: its kind is `{kind}`")]
    NoCompletion {
        /// Its name.
        id: String,
        /// The name of its kind.
        kind: &'static str,
    },
    /// The call would fail before a model is asked.
    #[error("the call would be refused: {0}")]
    Refused(String),
}

impl Called {
    /// Reads a body, if it is a call of a tool. A chat completion's is none: it has no `method`.
    pub fn read(body: &[u8]) -> Option<Self> {
        let called: Self = serde_json::from_slice(body).ok()?;
        (called.method == "tools/call").then_some(called)
    }

    /// Explains where its completion would go. Asks nobody.
    pub fn explain<'a>(
        self,
        tools: impl Iterator<Item = &'a Tool> + Clone,
        desk: &Desk,
        caller: &Caller,
        seed: u64,
    ) -> Result<Explained, Unexplained> {
        let Params { name, arguments } = self.params;
        let wire = wire_name(&name);
        let tool = tools.clone().find(|tool| tool.wire == wire);
        let tool = tool.ok_or_else(|| Unexplained::UnknownTool {
            nearest: nearest(&wire, tools.map(|tool| &*tool.wire)).map(str::to_owned),
            name: shown_text(&name, LONGEST_NAME),
        })?;
        let arguments = Value::Object(arguments);
        let mismatch = tool.input.check(&arguments);
        mismatch.map_err(|mismatch| Unexplained::Refused(mismatch.to_string()))?;
        let about = About {
            arguments: &arguments,
            caller,
            desk,
            tool,
        };
        let wanted = tool.kind.wanted(&about);
        let wanted = wanted.ok_or_else(|| Unexplained::NoCompletion {
            id: tool.id.clone(),
            kind: tool.kind_name,
        })?;
        let refused = |fault: super::Fault| Unexplained::Refused(fault.message);
        let wanted = wanted.map_err(refused)?;
        let ask = wanted.ask().map_err(refused)?;
        let inquiry = Inquiry {
            subject: Subject {
                ask: &ask,
                surface: wanted.surface().label(),
                caller: &caller.name,
                tool: Some(&tool.id),
            },
            caller,
            hints: &wanted.hints,
            rights: wanted.rights,
            affinity: 0,
            seed,
        };
        Ok(explain_inquiry(desk, &inquiry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_is_no_call() {
        let is_call = |body: &str| Called::read(body.as_bytes()).is_some();
        assert!(is_call(r#"{"method":"tools/call","params":{"name":"t"}}"#));
        assert!(is_call(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#));
        assert!(!is_call(r#"{"model":"m","messages":[]}"#));
        assert!(!is_call(r#"{"method":"tools/list"}"#));
        assert!(!is_call("no JSON"));
    }
}
