//! Access as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OAuth;
use crate::{problem::Problem, secret::Secret};

/// Who may call: `open`, or a list of keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Settings {
    /// Everybody, also off loopback.
    Open(Open),
    /// Holders of these keys.
    Keys(Keys),
}

/// The word `open`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Open {
    /// Everybody may call.
    Open,
}

/// The keys that may call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// One entry for each key.
    pub keys: Vec<KeySettings>,
    /// Tokens of authorization servers that are good too.
    pub oauth: Option<OAuth>,
}

/// One key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeySettings {
    /// What logs and metrics call its holder.
    pub name: String,
    /// The key: `env:NAME`, `file:PATH`, or the key itself (with a warning). At least 16 characters.
    pub key: String,
    /// The routes it may name; all when absent.
    pub routes: Option<Vec<String>>,
    /// The targets it may use, as `provider/model` or `provider/*`; all when absent, none directly when only `routes` is given.
    pub models: Option<Vec<String>>,
    /// The tools it may see and call, as `docs.search` or `docs.*`; all when absent, none for `[]`.
    pub tools: Option<Vec<String>>,
    /// The MCP prompts it may see and use, likewise.
    pub prompts: Option<Vec<String>>,
    /// The MCP resources and templates it may see and read, by their names in the configuration, likewise.
    pub resources: Option<Vec<String>>,
    /// Requests per minute.
    pub rpm: Option<u32>,
    /// Tokens per minute, input and output together.
    pub tpm: Option<u64>,
}

/// Shorter keys can be guessed.
const SHORTEST_KEY: usize = 16;

impl KeySettings {
    pub(super) fn problems(&self, secret: &Secret) -> impl Iterator<Item = Problem> {
        let name = self
            .name
            .is_empty()
            .then(|| Problem::new(["name"], "a key needs a name, to be told apart in logs"));
        let short = Self::too_short(secret).map(|problem| problem.under(["key"]));
        let zero = |limit: &'static str| {
            Problem::new([limit], format!("{limit} is 0")).expected("at least 1")
        };
        let rpm = (self.rpm == Some(0)).then(|| zero("rpm"));
        let tpm = (self.tpm == Some(0)).then(|| zero("tpm"));
        [name, short, rpm, tpm].into_iter().flatten()
    }

    /// What is wrong with a key that can be guessed, whoever holds it.
    pub(super) fn too_short(secret: &Secret) -> Option<Problem> {
        let length = secret.reveal().len();
        let message = format!("the key is only {length} characters long");
        let problem = Problem::new(std::iter::empty::<String>(), message);
        (length < SHORTEST_KEY)
            .then(|| problem.expected(format!("at least {SHORTEST_KEY}, and random")))
    }
}
