//! What rules see of a request: names, their types, and where each value comes from.
//!
//! Values are read when a rule mentions them. Some only the parsed conversation knows; it is parsed once, and only
//! if one of those is asked for.

use std::borrow::Cow;

use crate::{
    chat::{Message, Request, Role, ToolChoice},
    dialect::{Ask, Work},
    expr::{Roots, Value},
    json::Object,
};

/// The longest list a rule may see. Loops over two lists cost the product of their lengths.
const LONGEST_LIST: usize = 256;

/// The longest name of a tool, as in MCP. Such names are remembered.
pub const LONGEST_TOOL: usize = 128;

/// The member of `metadata` that names the tool on whose behalf a completion is asked, where no header does.
const TOOL_MEMBER: &str = "x-waypost-tool";

/// The names there are, with a sample of each one's type.
pub(super) static NAMES: [(&str, Value<'static>); 25] = [
    ("request.model", TEXT),
    ("request.stream", Value::Bool(true)),
    ("request.input_tokens", Value::Whole(1)),
    ("request.max_tokens", Value::Whole(1)),
    ("request.n", Value::Whole(1)),
    ("request.surface", TEXT),
    ("request.tool", TEXT),
    ("request.has_tools", Value::Bool(true)),
    ("request.tools", Value::Texts(Vec::new())),
    ("request.tool_choice", TEXT),
    ("request.forced_tool", TEXT),
    ("request.response_format", TEXT),
    ("request.schema_name", TEXT),
    ("request.reasoning_effort", TEXT),
    ("request.has_images", Value::Bool(true)),
    ("request.has_audio", Value::Bool(true)),
    ("request.has_files", Value::Bool(true)),
    ("request.messages", Value::Whole(1)),
    ("request.last_role", TEXT),
    ("request.system_bytes", Value::Whole(1)),
    ("request.metadata", Value::Map(Vec::new())),
    ("tool.name", TEXT),
    ("tool.digesting", TEXT),
    ("tool.offered", Value::Texts(Vec::new())),
    ("caller.name", TEXT),
];

const TEXT: Value<'static> = Value::Text(Cow::Borrowed("text"));

/// One request, as rules see it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The request.
    pub ask: &'a Ask,
    /// The surface it came to: `chat`, `messages` …
    pub surface: &'a str,
    /// The name of the caller's key.
    pub caller: &'a str,
    /// The tool on whose behalf a completion is asked, as the request's head names it.
    pub tool: Option<&'a str>,
}

impl Roots for Subject<'_> {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        let outline = &self.ask.outline;
        Some(match name {
            "request.model" => text(&outline.model),
            "request.stream" => Value::Bool(outline.stream),
            "request.input_tokens" => Value::Whole(outline.input_tokens()),
            "request.max_tokens" => Value::Whole(outline.max_tokens.unwrap_or(0)),
            "request.n" => Value::Whole(outline.n),
            "request.surface" => text(self.surface),
            "request.tool" | "tool.name" => Value::Text(self.tool()),
            "request.has_tools" => Value::Bool(outline.needs.tools),
            "request.response_format" => text(outline.shape.name()),
            "request.reasoning_effort" => text(outline.effort.map_or("", |effort| effort.name())),
            "request.has_images" => Value::Bool(outline.needs.images),
            "request.has_audio" => Value::Bool(outline.needs.sounds),
            "request.has_files" => Value::Bool(outline.needs.documents),
            "request.metadata" => self.metadata()?,
            "caller.name" => text(self.caller),
            _ => return self.of_conversation(name),
        })
    }
}

impl<'a> Subject<'a> {
    fn of_conversation(&self, name: &str) -> Option<Value<'a>> {
        static NOTHING: std::sync::LazyLock<Request> = std::sync::LazyLock::new(Request::default);
        let request = match self.ask.work {
            Work::Completion => self.ask.conversation().ok()?,
            Work::Embeddings => &NOTHING,
        };
        Some(match name {
            "request.tools" | "tool.offered" => {
                let names = request.tools.iter().map(|tool| tool.name.as_str().into());
                Value::Texts((names.len() <= LONGEST_LIST).then(|| names.collect())?)
            }
            "request.tool_choice" => text(match &request.tool_choice {
                None => "",
                Some(ToolChoice::Auto) => "auto",
                Some(ToolChoice::None) => "none",
                Some(ToolChoice::Required) => "required",
                Some(ToolChoice::Named(_)) => "named",
            }),
            "request.forced_tool" => text(match &request.tool_choice {
                Some(ToolChoice::Named(name)) => name,
                _ => "",
            }),
            "request.schema_name" => text(match &request.format {
                crate::chat::Format::JsonSchema { name, .. } => name,
                _ => "",
            }),
            "request.messages" => Value::Whole(request.messages.len() as u64),
            "request.last_role" => text(request.messages.last().map_or("", |last| role(last.role))),
            "request.system_bytes" => Value::Whole(system_bytes(&request.messages)),
            "tool.digesting" => text(digesting(&request.messages).unwrap_or_default()),
            _ => return None,
        })
    }

    /// The tool on whose behalf a completion is asked: by the head, else by `metadata`, where any text may stand;
    /// one that is too long is none.
    pub fn tool(&self) -> Cow<'a, str> {
        match self.tool {
            Some(tool) => tool.into(),
            None => {
                let request = self.ask.request();
                let metadata = request.get("metadata").and_then(|raw| Object::of(raw).ok());
                let named = metadata.and_then(|metadata| metadata.peek::<String>(TOOL_MEMBER));
                let named = named.filter(|tool| tool.len() <= LONGEST_TOOL);
                named.unwrap_or_default().into()
            }
        }
    }

    /// The texts in `metadata`; other values are left out. `None` where there are too many.
    fn metadata(&self) -> Option<Value<'a>> {
        let request = self.ask.request();
        let metadata = request.get("metadata").and_then(|raw| Object::of(raw).ok());
        let metadata = metadata.unwrap_or_default();
        let members = metadata.iter().filter_map(|(key, raw)| {
            let value: String = serde_json::from_str(raw.get()).ok()?;
            Some((Cow::Owned(key.to_owned()), Cow::Owned(value)))
        });
        let members: Vec<_> = members.take(LONGEST_LIST + 1).collect();
        (members.len() <= LONGEST_LIST).then_some(Value::Map(members))
    }
}

fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

fn system_bytes(messages: &[Message]) -> u64 {
    let instructions = messages
        .iter()
        .filter(|message| matches!(message.role, Role::System | Role::Developer));
    instructions
        .map(|message| message.content.text().len() as u64)
        .sum()
}

/// The tool whose result the model has not seen yet: the last one answered since it last spoke.
fn digesting(messages: &[Message]) -> Option<&str> {
    let spoke = messages
        .iter()
        .rposition(|message| message.role == Role::Assistant);
    let (before, since) = messages.split_at(spoke.map_or(0, |at| at + 1));
    let result = since.iter().rfind(|message| message.role == Role::Tool)?;
    let calls = before.iter().rev().flat_map(|message| &message.tool_calls);
    let mut called = calls.filter(|call| Some(&call.id) == result.tool_call_id.as_ref());
    let name = called.next().map(|call| call.name.as_str());
    name.or(result.name.as_deref())
}
