//! What an answer cost in tokens.

use serde::Serialize;

/// No answer has a trillion tokens: a larger count is a mistake, or an attack on the books, and is none.
pub const MOST_TOKENS: u64 = 1 << 40;

/// Token counts of one answer. Parts are included in their totals: cached and cache-written tokens in
/// `input`, reasoning in `output`. `None` means the provider did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// All input tokens.
    pub input: u64,
    /// All output tokens.
    pub output: u64,
    /// Of `input`: read from the provider's prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
    /// Of `input`: written to the prompt cache, whatever its lifetime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// Of `cache_write`: written for one hour (dearer at some providers).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// Of `output`: reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Of `input`: sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_audio: Option<u64>,
    /// Of `output`: sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_audio: Option<u64>,
    /// The counts are ours, because the provider gave none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl Usage {
    /// Input and output together, saturating: the counts are a provider's word.
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}
