//! The settings of a completion.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::route::{Strategy, Within};

/// The settings of the kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// The route that answers. Whoever may call the tool may use it so, whatever routes their key lists.
    pub route: Option<String>,
    /// One target that answers, as `provider/model`, instead of a route.
    pub target: Option<String>,
    /// The instructions, with `${input.NAME}` for arguments.
    pub system: Option<String>,
    /// What the user says, with `${input.NAME}` for arguments.
    pub prompt: Option<String>,
    /// A conversation, instead of `prompt`.
    pub messages: Vec<Message>,
    /// How the route's pool is ordered for this tool, instead of the route's own way.
    pub strategy: Option<Strategy>,
    /// Limits for this tool, besides those of the route; the stricter counts.
    pub within: Within,
    /// The most tokens of an answer; the provider's own limit when absent.
    pub max_tokens: Option<u32>,
    /// How freely the model chooses its words, 0 to 2; the provider's default when absent.
    pub temperature: Option<f64>,
    /// Whether the answer must be a JSON object, the structured result. With an `output_schema` it always is, and must fit it.
    pub json: bool,
    /// Whether callers that ask for progress read the text while it is written. What they have read cannot be taken back: a model that fails in the middle is not replaced by another.
    pub stream: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            route: None,
            target: None,
            system: None,
            prompt: None,
            messages: Vec::new(),
            strategy: None,
            within: Within::default(),
            max_tokens: None,
            temperature: None,
            json: false,
            stream: true,
        }
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said, with `${input.NAME}` for arguments.
    pub content: String,
}

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Role {
    /// The operator.
    System,
    /// The caller.
    User,
    /// The model: examples of answers.
    Assistant,
}
