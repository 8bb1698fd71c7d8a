//! What a chat request asks of the simulator. The body is a stranger's: anything wrong is an error in words.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::directive::Directives;
use crate::{
    dialect::{Dialect, Malformed, openai::OpenAi},
    json::{Object, Raw},
};

/// Most tools one request may offer. OpenAI's own limit.
pub(super) const MOST_TOOLS: usize = 128;

/// Most answers to one request.
const MOST_CHOICES: u64 = 8;

/// A chat request, read.
pub(super) struct Ask {
    pub(super) model: String,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    /// How many answers.
    pub(super) choices: u64,
    /// Most tokens of one answer, from 1.
    pub(super) limit: Option<u64>,
    pub(super) format: Format,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: Choice,
    pub(super) parallel: bool,
    /// What the last message of the user tells the simulator.
    pub(super) directives: Directives,
    /// That message without the directives.
    pub(super) user: String,
    /// Whether it stands last, so that a tool may be called.
    pub(super) user_is_last: bool,
    /// The tool results that stand behind everything else.
    pub(super) results: Vec<String>,
    /// Size of the prompt.
    pub(super) prompt_tokens: u64,
}

/// What the answer must look like.
pub(super) enum Format {
    Text,
    /// Some JSON object.
    Object,
    /// JSON that matches this schema.
    Schema(Raw),
}

/// An offered function.
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) parameters: Option<Raw>,
}

/// Which tools may or must be called.
pub(super) enum Choice {
    None,
    Auto,
    Required,
    Named(String),
}

impl Ask {
    /// Reads a body.
    pub(super) fn read(body: &[u8]) -> Result<Self, Malformed> {
        let object = Object::parse(body)
            .map_err(|error| Malformed::new(format!("This is no JSON object: {error}.")))?;
        // A provider refuses what is no request of its dialect; so does this one.
        OpenAi.read_request(&object)?;
        let messages: Vec<Message> = needed(&object, "messages")?;
        let tools = tools(&object)?;
        let last = messages.iter().rfind(|message| message.role == "user");
        let (directives, user) = Directives::read(&last.map(Message::text).unwrap_or_default())?;
        Ok(Self {
            model: needed(&object, "model")?,
            stream: object.read("stream")?.unwrap_or_default(),
            include_usage: object
                .read::<StreamOptions>("stream_options")?
                .is_some_and(|options| options.include_usage),
            choices: between(&object, "n", 1, MOST_CHOICES)?.unwrap_or(1),
            limit: match between(&object, "max_completion_tokens", 1, u64::MAX)? {
                None => between(&object, "max_tokens", 1, u64::MAX)?,
                limit => limit,
            },
            format: format(&object)?,
            choice: choice(&object, &tools)?,
            parallel: object.read("parallel_tool_calls")?.unwrap_or(true),
            directives,
            user,
            user_is_last: messages.last().ok_or_else(empty)?.role == "user",
            results: results(&messages),
            prompt_tokens: super::tokens_of_bytes(prompt_bytes(&messages, &object)),
            tools,
        })
    }
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Content>,
    tool_calls: Option<Raw>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl Message {
    fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
                texts.join("\n").trim().to_owned()
            }
        }
    }

    fn bytes(&self) -> usize {
        let calls = self.tool_calls.as_ref().map_or(0, |raw| raw.get().len());
        let text = match &self.content {
            None => 0,
            Some(Content::Text(text)) => text.len(),
            Some(Content::Parts(parts)) => parts.iter().map(|part| part.text.len()).sum(),
        };
        text + calls
    }
}

fn empty() -> Malformed {
    Malformed::at("messages", "`messages` must not be empty.")
}

fn needed<T: serde::de::DeserializeOwned>(object: &Object<'_>, key: &str) -> Result<T, Malformed> {
    object
        .read(key)?
        .ok_or_else(|| Malformed::at(key, format!("Missing required parameter: '{key}'.")))
}

fn between(object: &Object<'_>, key: &str, low: u64, high: u64) -> Result<Option<u64>, Malformed> {
    let value: Option<u64> = object.read(key)?;
    match value {
        Some(value) if !(low..=high).contains(&value) => Err(Malformed::at(
            key,
            format!("`{key}` must be from {low} to {high}."),
        )),
        value => Ok(value),
    }
}

fn format(object: &Object<'_>) -> Result<Format, Malformed> {
    #[derive(Deserialize)]
    struct Wanted {
        r#type: String,
        json_schema: Option<JsonSchema>,
    }
    #[derive(Deserialize)]
    struct JsonSchema {
        schema: Option<Raw>,
    }
    let Some(wanted) = object.read::<Wanted>("response_format")? else {
        return Ok(Format::Text);
    };
    let unknown = || Malformed::at("response_format.type", "This is no response format.");
    match wanted.r#type.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::Object),
        "json_schema" => match wanted.json_schema.and_then(|named| named.schema) {
            Some(schema) => Ok(Format::Schema(schema)),
            None => Ok(Format::Object),
        },
        _ => Err(unknown()),
    }
}

/// Only functions can be called; tools of other types are accepted and left alone.
fn tools(object: &Object<'_>) -> Result<Vec<Tool>, Malformed> {
    #[derive(Deserialize)]
    struct Offered {
        function: Option<Function>,
    }
    #[derive(Deserialize)]
    struct Function {
        name: String,
        parameters: Option<Raw>,
    }
    let offered: Vec<Offered> = object.read("tools")?.unwrap_or_default();
    if offered.len() > MOST_TOOLS {
        let message = format!("At most {MOST_TOOLS} tools can be offered.");
        return Err(Malformed::at("tools", message));
    }
    let functions = offered.into_iter().filter_map(|tool| tool.function);
    let tool = |function: Function| Tool {
        name: function.name,
        parameters: function.parameters,
    };
    Ok(functions.map(tool).collect())
}

fn choice(object: &Object<'_>, tools: &[Tool]) -> Result<Choice, Malformed> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Wanted {
        Mode(String),
        Tool { function: Name },
    }
    #[derive(Deserialize)]
    struct Name {
        name: String,
    }
    let wrong = |message: &str| Err(Malformed::at("tool_choice", message));
    match object.read::<Wanted>("tool_choice")? {
        None => Ok(Choice::Auto),
        Some(Wanted::Mode(mode)) => match mode.as_str() {
            "none" => Ok(Choice::None),
            "auto" => Ok(Choice::Auto),
            "required" if tools.is_empty() => wrong("`tool_choice` needs `tools`."),
            "required" => Ok(Choice::Required),
            _ => wrong("`tool_choice` must be none, auto, required or a function."),
        },
        Some(Wanted::Tool { function }) => {
            if tools.iter().any(|tool| tool.name == function.name) {
                Ok(Choice::Named(function.name))
            } else {
                wrong("`tool_choice` names a function that is not in `tools`.")
            }
        }
    }
}

fn results(messages: &[Message]) -> Vec<String> {
    let at_the_end = messages.iter().rev().take_while(|one| one.role == "tool");
    let mut results: Vec<String> = at_the_end.map(Message::text).collect();
    results.reverse();
    results
}

fn prompt_bytes(messages: &[Message], object: &Object<'_>) -> usize {
    let tools = object
        .get("tools")
        .map_or(0, |raw: &RawValue| raw.get().len());
    messages.iter().map(Message::bytes).sum::<usize>() + tools
}
