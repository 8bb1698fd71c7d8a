//! A card as written: in `providers/*.yaml` and, in the same shape, under `providers:` in the config.
//!
//! Every field is optional. An operator's entry is laid over the shipped card of the same name (or the one
//! named by `card:`), field by field; what neither says takes the default stated here.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Auth, Concurrency, DialectName, Model, Quirks, UnknownModels};
use crate::span::Span;

/// One provider, as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CardSettings {
    /// The shipped card to start from; default: the one of the provider's own name, if there is one.
    pub card: Option<String>,
    /// The day its facts were last compared with the provider's documentation (YYYY-MM-DD).
    pub checked: Option<String>,
    /// The wire format: `openai`, `anthropic` or `simulated`.
    pub dialect: Option<DialectName>,
    /// What the provider's own SDK takes as base URL.
    pub base_url: Option<String>,
    /// The key: `env:NAME`, `file:PATH`, or the key itself (with a warning).
    pub api_key: Option<String>,
    /// Several keys instead of `api_key`: used in turn, and one that is refused or at its limit is left for the others.
    pub api_keys: Vec<String>,
    /// The environment variable that holds the key when `api_key` is not given, and that enables the provider in a start without config.
    pub key_env: Option<String>,
    /// Where the key goes: `bearer`, `none`, or `{header: NAME}`.
    pub auth: Option<Auth>,
    /// Headers sent with every request.
    pub headers: BTreeMap<String, String>,
    /// Which of the provider's surfaces to use, where it has several (see `apis`).
    pub api: Option<String>,
    /// The provider's surfaces by name; the first is the default unless `api` picks one.
    pub apis: BTreeMap<String, Api>,
    /// Azure: the deployment, used where a surface's paths or model name ask for it.
    pub deployment: Option<String>,
    /// Azure: the `api-version` of the deployments surface.
    pub api_version: Option<String>,
    /// `anthropic-version` to send; default: 2026-10-21, or 2023-06-01 where the request samples and the model takes it.
    pub anthropic_version: Option<String>,
    /// Output limit sent where the caller set none and the provider requires one (Anthropic); default 4096.
    pub default_max_tokens: Option<u64>,
    /// Where the provider departs from its dialect. Given here, it replaces the shipped card's quirks as a whole.
    pub quirks: Option<Quirks>,
    /// Models by id; an operator's entry replaces the shipped model of the same id, others stay.
    pub models: BTreeMap<String, Model>,
    /// What happens to models not listed: `pass` (default) or `reject`.
    pub unknown_models: Option<UnknownModels>,
    /// The most requests each of its models may have at once; unlimited when absent.
    pub concurrency: Option<Concurrency>,
    /// What the operator says of it, like a region; routes may ask for tags.
    pub tags: BTreeSet<String>,

    /// Simulated: median time to the first token; default 300ms.
    pub first_token: Option<Span>,
    /// Simulated: output speed; default 80.
    pub tokens_per_second: Option<f64>,
    /// Simulated: share of requests that fail, 0 to 1; default 0.
    pub error_rate: Option<f64>,
    /// Simulated: seed of its chance; the same seed and requests give the same answers and times.
    pub seed: Option<u64>,
    /// Simulated: faults that happen to the first requests, in order, one each; then chance decides.
    pub faults: Vec<Fault>,
    /// Simulated: an outage that comes back.
    pub outage: Option<Outage>,
}

/// One of a provider's surfaces: paths below the base URL. `{deployment}`, `{api_version}` and `{model}` are
/// filled in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Chat completions, or messages.
    pub chat: Option<String>,
    /// Embeddings.
    pub embeddings: Option<String>,
    /// The model name to send; default: the target's.
    pub model: Option<String>,
    /// How the usage of a stream is had on this surface, where it differs from `quirks.stream_usage`.
    pub stream_usage: Option<super::StreamUsage>,
}

/// How a simulated provider behaves, with nothing left open.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// Median time to the first token.
    pub first_token: std::time::Duration,
    /// Output speed in tokens per second, above 0.
    pub tokens_per_second: f64,
    /// Share of requests that fail, 0 to 1.
    pub error_rate: f64,
    /// Seed of its chance.
    pub seed: u64,
    /// Faults of the first requests.
    pub faults: Vec<Fault>,
    /// An outage that comes back.
    pub outage: Option<Outage>,
}

/// A scripted fault of a simulated provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// No fault: this request goes well.
    None,
    /// HTTP 429 with `retry-after: 1`.
    RateLimit,
    /// HTTP 503.
    Overloaded,
    /// HTTP 500.
    ServerError,
    /// HTTP 401.
    Auth,
    /// HTTP 400, as for a bad request.
    InvalidRequest,
    /// HTTP 400, context length exceeded.
    ContextLength,
    /// Accepts the request and never answers.
    Hang,
    /// A stream whose first event is an error; a 500 when not streamed.
    ErrorFirst,
    /// A stream that is cut after a few tokens; a cut body when not streamed.
    Cut,
    /// A stream that ends without finish or terminator.
    NoTerminator,
    /// An answer that carries no usage.
    NoUsage,
    /// An answer whose first token takes ten times as long.
    Slow,
    /// An answer that says nothing.
    Empty,
    /// Where JSON or arguments were asked for: some that fit no schema.
    OffSchema,
    /// Where tools may be called: a call of one that nobody offered.
    UnknownTool,
}

/// An outage that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Time from the beginning of one to the beginning of the next, by the clock and shifted by the seed.
    pub every: Span,
    /// How long each lasts.
    pub lasts: Span,
    /// What happens to every request in it; default `overloaded`.
    #[serde(default = "overloaded")]
    pub fault: Fault,
}

fn overloaded() -> Fault {
    Fault::Overloaded
}
