//! The register of shipped cards: one line each, the facts are in `providers/*.yaml`.
//!
//! A card is parsed when it is first asked for, so that a start pays only for the providers it uses. That every
//! card parses and resolves is a test's business; at run time a bad one would count as not shipped.

use std::sync::OnceLock;

use super::CardSettings;

/// One shipped card: its text, and the card once somebody wanted it.
struct Shipped {
    name: &'static str,
    yaml: &'static str,
    parsed: OnceLock<Option<CardSettings>>,
}

macro_rules! register {
    ($($name:literal),* $(,)?) => {
        [$(Shipped {
            name: $name,
            yaml: include_str!(concat!("../../providers/", $name, ".yaml")),
            parsed: OnceLock::new(),
        }),*]
    };
}

/// Every shipped card. To add one, write `providers/NAME.yaml` and its name here, in order.
static REGISTER: [Shipped; 30] = register![
    "anthropic",
    "azure",
    "azure_ai",
    "cerebras",
    "dashscope",
    "deepinfra",
    "deepseek",
    "fireworks",
    "generic",
    "groq",
    "jina",
    "litellm",
    "llama_cpp",
    "lm_studio",
    "minimax",
    "mistral",
    "moonshot",
    "ollama",
    "openai",
    "openrouter",
    "perplexity",
    "portkey",
    "simulated",
    "tgi",
    "together",
    "tokenmix",
    "vllm",
    "voyage",
    "xai",
    "zai",
];

/// Other names by which a card is known.
const ALIASES: [(&str, &str); 1] = [("litellm_proxy", "litellm")];

/// The shipped card of this name.
pub fn shipped(name: &str) -> Option<CardSettings> {
    let (_, name) = ALIASES
        .into_iter()
        .find(|(alias, _)| *alias == name)
        .unwrap_or((name, name));
    let card = REGISTER.iter().find(|card| card.name == name)?;
    card.parsed
        .get_or_init(|| serde_saphyr::from_str(card.yaml).ok())
        .clone()
}

/// The names of all shipped cards, in order.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    REGISTER.iter().map(|card| card.name)
}

/// The shipped cards that an environment enables by itself: a key is set and nothing else is needed.
/// `key_is_set` tells whether a variable of this name holds a key.
pub fn enabled_by(key_is_set: impl Fn(&str) -> bool) -> Vec<&'static str> {
    REGISTER
        .iter()
        .filter(|card| card.value("base_url").is_some())
        .filter(|card| card.value("key_env").is_some_and(&key_is_set))
        .map(|card| card.name)
        .collect()
}

impl Shipped {
    /// The value of a top-level key that holds a plain string, read from the text: parsing all cards to find
    /// the few that a start needs would take longer than the rest of it.
    fn value(&self, key: &str) -> Option<&'static str> {
        self.yaml
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
    }
}

#[cfg(test)]
mod tests;
