//! What must be known of a request before anything is planned: enough to authorise, limit and route it.
//!
//! Reading an outline is one pass over the top level of the body. The conversation itself is parsed only
//! where a translation needs it.

use super::Effort;

/// The outline of a completion or embedding request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The model as the caller named it: a route, or `provider/model`.
    pub model: String,
    /// Whether the answer is wanted as a stream.
    pub stream: bool,
    /// Whether a streamed answer should show its usage.
    pub include_usage: bool,
    /// The most output tokens wanted.
    pub max_tokens: Option<u64>,
    /// How many answers are wanted.
    pub n: u64,
    /// What the model must be able to do.
    pub needs: Needs,
    /// The shape of the answer's text.
    pub shape: Shape,
    /// How much the model should think; `None` where the caller did not say.
    pub effort: Option<Effort>,
    /// Size of the prompt as JSON text (messages and tools), in bytes. Media count as [`super::look`] says.
    pub prompt_bytes: u64,
}

/// What a model must be able to do for a request, as far as its top level and the kinds of its parts tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Call tools: some are on offer.
    pub tools: bool,
    /// Call several at once: the caller says so.
    pub parallel_tools: bool,
    /// Call a tool because it must: any, or the one named.
    pub forced_tool: bool,
    /// Answer JSON that fits a schema.
    pub json_schema: bool,
    /// Think before answering.
    pub reasoning: bool,
    /// See images.
    pub images: bool,
    /// Hear sounds.
    pub sounds: bool,
    /// Read documents.
    pub documents: bool,
}

/// The shape of an answer's text, without its schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Free text.
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema,
}

impl Shape {
    /// OpenAI's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::JsonObject => "json_object",
            Self::JsonSchema => "json_schema",
        }
    }
}

/// JSON text of a chat holds about one token in four bytes; the usual rule of thumb for English, and on the
/// safe side for JSON, whose punctuation costs more bytes than tokens.
pub(super) const BYTES_PER_TOKEN: u64 = 4;

/// What an answer without a stated limit is taken to cost when tokens are reserved for it.
const UNSTATED_OUTPUT: u64 = 1024;

impl Outline {
    /// An estimate of the input tokens: for routing and reservations, never for billing when the provider counts.
    pub fn input_tokens(&self) -> u64 {
        estimate_tokens(self.prompt_bytes).max(1)
    }

    /// The most output tokens the caller allows, over all answers wanted.
    pub fn max_output(&self) -> Option<u64> {
        let answers = self.n.max(1);
        self.max_tokens.map(|most| most.saturating_mul(answers))
    }

    /// The output tokens to be expected where nothing better is known, over all answers wanted.
    pub fn expected_output(&self) -> u64 {
        self.max_output()
            .unwrap_or(UNSTATED_OUTPUT.saturating_mul(self.n.max(1)))
    }

    /// Tokens to reserve before the call: the estimated input and the output the caller allows.
    pub fn reserved_tokens(&self) -> u64 {
        self.input_tokens().saturating_add(self.expected_output())
    }
}

/// Estimated tokens of `bytes` bytes of text.
pub fn estimate_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}
