//! A provider as a value, ready for use.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Model, Quirks, Simulation};
use crate::{outcome::Failure, secret::Secret, span::Span};

/// One provider: where it is, how it is spoken to, what it offers.
#[derive(Clone, Debug)]
pub struct Card {
    /// The operator's name for it; the first half of `provider/model`.
    pub name: Arc<str>,
    /// The wire format it speaks, or that it is simulated.
    pub dialect: DialectName,
    /// What the provider's own SDK takes as base URL, without a slash at the end.
    pub base_url: String,
    /// Our keys, in the operator's order; none where it wants none. Targets are asked with one of them each time.
    pub credentials: Vec<Credential>,
    /// Where the key goes.
    pub auth: Auth,
    /// Headers sent with every request.
    pub headers: BTreeMap<String, String>,
    /// Where its endpoints are, below the base URL.
    pub paths: Paths,
    /// Where it departs from its dialect.
    pub quirks: Quirks,
    /// The models it offers, by id.
    pub models: BTreeMap<String, Arc<Model>>,
    /// What happens to models not listed.
    pub unknown_models: UnknownModels,
    /// The model name sent instead of the target's (Azure's deployment name on its v1 surface).
    pub model_override: Option<String>,
    /// `anthropic-version` to send; default: the newest, or the older where the request needs it.
    pub anthropic_version: Option<String>,
    /// Output limit sent where the caller set none and the provider requires one.
    pub default_max_tokens: u64,
    /// The most requests one of its models may have at once, and how long more may wait for a place.
    pub concurrency: Option<Concurrency>,
    /// What the operator says of it, like a region; routes may ask for tags.
    pub tags: BTreeSet<String>,
    /// How a simulated provider behaves.
    pub simulation: Simulation,
}

impl Card {
    /// The same failure with none of our keys in the provider's words: some quote the key they refuse.
    pub fn conceal(&self, mut failure: Failure) -> Failure {
        for credential in &self.credentials {
            let key = credential.secret.reveal();
            if !key.is_empty() && failure.message.contains(key) {
                failure.message = failure.message.replace(key, "[key]");
            }
        }
        failure
    }
}

/// One of our keys at a provider.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What logs and records call it: its place among the provider's keys, from 1.
    pub label: Arc<str>,
    /// The key.
    pub secret: Secret,
}

impl Credential {
    /// The key at `place`, counted from 0.
    pub fn new(place: usize, secret: Secret) -> Self {
        Self {
            label: (place + 1).to_string().into(),
            secret,
        }
    }
}

/// A cap on requests at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// The most requests at once, for each model; at least 1.
    pub limit: u32,
    /// How long one more may wait for a place before another target is tried; default 200ms.
    #[serde(default = "short")]
    pub queue: Span,
}

/// What somebody in front of a screen does not notice.
fn short() -> Span {
    Span::millis(200)
}

/// The wire formats a provider can speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DialectName {
    /// OpenAI chat completions, and whoever copies them.
    #[default]
    Openai,
    /// Anthropic Messages.
    Anthropic,
    /// Nobody: answers are made inside the process.
    Simulated,
}

/// Where the key goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// `Authorization: Bearer KEY`.
    #[default]
    Bearer,
    /// `NAME: KEY`.
    Header(String),
    /// Nowhere.
    None,
}

/// Where endpoints are, below the base URL. A query string may follow. The dialect puts the model's name, encoded
/// for a path, in place of `{model}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Chat completions, or messages.
    pub chat: String,
    /// Embeddings.
    pub embeddings: String,
}

/// What happens to models a card does not list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownModels {
    /// They are tried; their price is unknown and counted as unknown.
    #[default]
    Pass,
    /// They are refused.
    Reject,
}
