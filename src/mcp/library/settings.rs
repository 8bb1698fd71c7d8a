//! Prompts, resources and templates as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One prompt: messages that a user picks by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PromptSettings {
    /// A short name for people.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it is given; in its texts `${input.NAME}`, and empty where an optional one is left out.
    pub arguments: Vec<ArgumentSettings>,
    /// What the user is asked before it is made, by a name for each question; the members of the answers are `${input.NAME}` as well.
    pub ask: BTreeMap<String, AskSettings>,
    /// The messages, in order.
    pub messages: Vec<MessageSettings>,
}

/// One argument of a prompt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ArgumentSettings {
    /// Its name: letters, digits and `_`.
    pub name: String,
    /// A short name for people.
    pub title: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// Values to offer while it is typed; others are taken too.
    pub complete: Vec<String>,
}

/// One question to the user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AskSettings {
    /// What the user reads.
    pub message: String,
    /// JSON Schema of the answer: an object of plain members.
    pub schema: Map<String, Value>,
}

/// One message of a prompt: a role, and one of the other keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MessageSettings {
    /// Who says it.
    pub role: Role,
    /// A text.
    pub text: Option<String>,
    /// An image.
    pub image: Option<MediaSettings>,
    /// Sound.
    pub audio: Option<MediaSettings>,
    /// A text with an address of its own.
    pub resource: Option<EmbeddedSettings>,
    /// The name of one of `mcp.resources`, which the client may read.
    pub link: Option<String>,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The user.
    #[default]
    User,
    /// The model.
    Assistant,
}

/// An image or sound: its MIME type, and one of the other keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MediaSettings {
    /// Its MIME type.
    pub mime: String,
    /// The file it is read from when the configuration is; relative to the working directory.
    pub file: Option<String>,
    /// Its bytes in base64.
    pub base64: Option<String>,
}

/// A text with an address, inside of a prompt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddedSettings {
    /// Its address; may have `${input.NAME}`.
    pub uri: String,
    /// Its MIME type.
    pub mime: Option<String>,
    /// The text; may have `${input.NAME}`.
    pub text: String,
}

/// One resource: something a client may read, and one of `text`, `file` and `base64`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResourceSettings {
    /// Its address, with a scheme of your own.
    pub uri: String,
    /// A short name for people.
    pub title: Option<String>,
    /// What is in it.
    pub description: Option<String>,
    /// Its MIME type.
    pub mime: Option<String>,
    /// Its text, as it stands.
    pub text: Option<String>,
    /// The file it is read from when the configuration is; relative to the working directory. Text if its MIME type is one of text, else bytes.
    pub file: Option<String>,
    /// Its bytes in base64.
    pub base64: Option<String>,
}

/// A text for each address of one form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateSettings {
    /// The form of its addresses, with a `{NAME}` for each part that is free and has no slash.
    pub uri: String,
    /// A short name for people.
    pub title: Option<String>,
    /// What is in it.
    pub description: Option<String>,
    /// Its MIME type.
    pub mime: Option<String>,
    /// The text; parts of the address are `${input.NAME}`.
    pub text: String,
    /// Values to offer for a part while it is typed; others are taken too.
    pub complete: BTreeMap<String, Vec<String>>,
}
