//! A model as a value: its limits, what it can do, what it costs.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Price;
use crate::chat::{Effort, Needs};

/// One model of one provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// What it is for.
    pub mode: Mode,
    /// The most input tokens it takes.
    pub context: Option<u64>,
    /// The most output tokens it gives.
    pub max_output: Option<u64>,
    /// What its tokens cost, in US dollars per million; unknown when absent, and counted as unknown.
    pub price: Option<Price>,
    /// What it is known to do.
    pub can: BTreeSet<Ability>,
    /// What it is known not to do. What stands in neither list is unknown, and tried.
    pub cannot: BTreeSet<Ability>,
    /// The reasoning efforts it takes; unknown when empty.
    pub efforts: Vec<Effort>,
    /// The day it is switched off (YYYY-MM-DD).
    pub retires: Option<String>,
    /// Embeddings: length of its vectors.
    pub dimensions: Option<u64>,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Conversations.
    #[default]
    Chat,
    /// Conversations, over OpenAI's Responses API only.
    Responses,
    /// Vectors.
    Embedding,
    /// Ordering documents.
    Rerank,
}

/// Something a model can or cannot do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Take images.
    Vision,
    /// Call tools.
    Tools,
    /// Call several tools in one answer.
    ParallelTools,
    /// Obey `tool_choice`.
    ToolChoice,
    /// Answer JSON that fits a schema.
    JsonSchema,
    /// Think before answering.
    Reasoning,
    /// Take sound.
    AudioInput,
    /// Answer with sound.
    AudioOutput,
    /// Take PDF documents.
    Pdf,
    /// Reuse a cached prompt prefix.
    PromptCaching,
    /// Take system messages.
    System,
    /// Take temperature and top_p.
    Sampling,
    /// Be forced to call a tool (`tool_choice` required or named).
    ForcedToolChoice,
    /// Decide by itself how much to think.
    AdaptiveThinking,
    /// Answer without thinking.
    ThinkingOff,
    /// Take system messages in mid-conversation.
    MidConversationSystem,
    /// Go on from a last assistant message.
    AssistantPrefill,
}

impl Ability {
    /// Its name, as cards spell it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Vision => "vision",
            Self::Tools => "tools",
            Self::ParallelTools => "parallel_tools",
            Self::ToolChoice => "tool_choice",
            Self::JsonSchema => "json_schema",
            Self::Reasoning => "reasoning",
            Self::AudioInput => "audio_input",
            Self::AudioOutput => "audio_output",
            Self::Pdf => "pdf",
            Self::PromptCaching => "prompt_caching",
            Self::System => "system",
            Self::Sampling => "sampling",
            Self::ForcedToolChoice => "forced_tool_choice",
            Self::AdaptiveThinking => "adaptive_thinking",
            Self::ThinkingOff => "thinking_off",
            Self::MidConversationSystem => "mid_conversation_system",
            Self::AssistantPrefill => "assistant_prefill",
        }
    }

    /// The abilities that needs come to.
    pub fn needed(needs: &Needs) -> Vec<Self> {
        let pairs = [
            (needs.tools, Self::Tools),
            (needs.parallel_tools, Self::ParallelTools),
            (needs.forced_tool, Self::ToolChoice),
            (needs.forced_tool, Self::ForcedToolChoice),
            (needs.json_schema, Self::JsonSchema),
            (needs.reasoning, Self::Reasoning),
            (needs.images, Self::Vision),
            (needs.sounds, Self::AudioInput),
            (needs.documents, Self::Pdf),
        ];
        let needed = pairs.into_iter().filter(|(needed, _)| *needed);
        needed.map(|(_, ability)| ability).collect()
    }

    /// Whether a request for it can be sent without it to a model that is known to lack it, the caller being told:
    /// `tool_choice` becomes `auto`, an effort is left out. What else is needed cannot be left out without the answer
    /// being one to another question.
    pub fn may_be_left_out(self) -> bool {
        use Ability::*;
        matches!(
            self,
            ParallelTools | ToolChoice | ForcedToolChoice | Reasoning
        )
    }
}

impl Model {
    /// Whether the model can do it; `None` when unknown.
    pub fn can(&self, ability: Ability) -> Option<bool> {
        if self.cannot.contains(&ability) {
            return Some(false);
        }
        self.can.contains(&ability).then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abilities_have_the_names_cards_give_them() {
        let everything = Needs {
            tools: true,
            parallel_tools: true,
            forced_tool: true,
            json_schema: true,
            reasoning: true,
            images: true,
            sounds: true,
            documents: true,
        };
        for ability in Ability::needed(&everything) {
            assert_eq!(serde_json::to_value(ability).unwrap(), ability.label());
        }
    }
}
