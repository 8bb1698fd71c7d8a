//! Laying an operator's entry over a shipped card.
//!
//! The result is a [`Card`] with nothing left open, or every problem of the entry at once. Pure: the key is
//! handed in, files and the environment are `config`'s business.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Api, Auth, Card, CardSettings, Credential, DialectName, Simulation, address, check, shipped,
    shipped_names,
};
use crate::{problem::Problem, secret::Secret, span::Span};

/// Output limit where the caller set none and the provider requires one.
const DEFAULT_MAX_TOKENS: u64 = 4096;
/// Median time to the first token of a simulated provider.
const FIRST_TOKEN: Span = Span::millis(300);
/// Output speed of a simulated provider, in tokens per second.
const TOKENS_PER_SECOND: f64 = 80.0;

/// The card that `settings`, written under the provider name `name`, come to: laid over the shipped card they
/// start from, with every default filled in. Paths of problems start inside the entry.
pub fn resolve(
    name: &str,
    settings: &CardSettings,
    keys: impl IntoIterator<Item = Secret>,
) -> Result<Card, Vec<Problem>> {
    let keys: Vec<Secret> = keys.into_iter().collect();
    let mut problems = Vec::new();
    let card = start(name, settings, &mut problems).overlaid(settings.clone());
    let dialect = card.dialect.unwrap_or_default();
    let (surface, api) = api(&card, &mut problems);
    check::card(&card, &keys, &mut problems);
    let address = address::of(name, &card, &surface, &api, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut quirks = card.quirks.unwrap_or_default();
    if let Some(stream_usage) = api.stream_usage {
        quirks.stream_usage = stream_usage;
    }
    Ok(Card {
        name: name.into(),
        dialect,
        base_url: address.base_url,
        credentials: keys
            .into_iter()
            .enumerate()
            .map(|(place, key)| Credential::new(place, key))
            .collect(),
        auth: card.auth.unwrap_or_else(|| default_auth(dialect)),
        headers: card.headers,
        paths: address.paths,
        quirks,
        models: card
            .models
            .into_iter()
            .map(|(id, model)| (id, Arc::new(model)))
            .collect(),
        unknown_models: card.unknown_models.unwrap_or_default(),
        model_override: address.model,
        anthropic_version: card.anthropic_version,
        default_max_tokens: card.default_max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
        concurrency: card.concurrency,
        tags: card.tags,
        simulation: Simulation {
            first_token: card.first_token.unwrap_or(FIRST_TOKEN).get(),
            tokens_per_second: card.tokens_per_second.unwrap_or(TOKENS_PER_SECOND),
            error_rate: card.error_rate.unwrap_or(0.0),
            seed: card.seed.unwrap_or(0),
            faults: card.faults,
            outage: card.outage,
        },
    })
}

/// The shipped card an entry starts from; an empty one where there is none.
fn start(name: &str, settings: &CardSettings, problems: &mut Vec<Problem>) -> CardSettings {
    let Some(wanted) = &settings.card else {
        return shipped(name).unwrap_or_default();
    };
    shipped(wanted).unwrap_or_else(|| {
        let message = format!("there is no shipped card `{wanted}`");
        problems.push(Problem::new(["card"], message).suggest(wanted, shipped_names()));
        CardSettings::default()
    })
}

impl CardSettings {
    /// This card with what `over` says laid over it: maps by key, everything else as a whole.
    fn overlaid(self, over: Self) -> Self {
        Self {
            card: over.card.or(self.card),
            checked: over.checked.or(self.checked),
            dialect: over.dialect.or(self.dialect),
            base_url: over.base_url.or(self.base_url),
            api_key: over.api_key.or(self.api_key),
            api_keys: if over.api_keys.is_empty() {
                self.api_keys
            } else {
                over.api_keys
            },
            key_env: over.key_env.or(self.key_env),
            auth: over.auth.or(self.auth),
            headers: merged(lower_case(self.headers), lower_case(over.headers)),
            api: over.api.or(self.api),
            apis: merged(self.apis, over.apis),
            deployment: over.deployment.or(self.deployment),
            api_version: over.api_version.or(self.api_version),
            anthropic_version: over.anthropic_version.or(self.anthropic_version),
            default_max_tokens: over.default_max_tokens.or(self.default_max_tokens),
            quirks: over.quirks.or(self.quirks),
            models: merged(self.models, over.models),
            unknown_models: over.unknown_models.or(self.unknown_models),
            concurrency: over.concurrency.or(self.concurrency),
            tags: if over.tags.is_empty() {
                self.tags
            } else {
                over.tags
            },
            first_token: over.first_token.or(self.first_token),
            tokens_per_second: over.tokens_per_second.or(self.tokens_per_second),
            error_rate: over.error_rate.or(self.error_rate),
            seed: over.seed.or(self.seed),
            faults: if over.faults.is_empty() {
                self.faults
            } else {
                over.faults
            },
            outage: over.outage.or(self.outage),
        }
    }
}

fn merged<T>(mut base: BTreeMap<String, T>, over: BTreeMap<String, T>) -> BTreeMap<String, T> {
    base.extend(over);
    base
}

/// Header names are the same in any case; one spelling lets the operator's win over the shipped.
fn lower_case(headers: BTreeMap<String, String>) -> BTreeMap<String, String> {
    headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect()
}

/// The surface in use and its name; an empty one for providers that have but one.
fn api(card: &CardSettings, problems: &mut Vec<Problem>) -> (String, Api) {
    let Some(wanted) = &card.api else {
        let first = card.apis.first_key_value();
        return first
            .map(|(name, api)| (name.clone(), api.clone()))
            .unwrap_or_default();
    };
    if let Some(api) = card.apis.get(wanted) {
        return (wanted.clone(), api.clone());
    }
    let known = || card.apis.keys().map(String::as_str);
    let mut problem = Problem::new(["api"], format!("this provider has no api `{wanted}`"));
    if !card.apis.is_empty() {
        problem = problem
            .expected(known().collect::<Vec<_>>().join(" or "))
            .suggest(wanted, known());
    }
    problems.push(problem);
    Default::default()
}

fn default_auth(dialect: DialectName) -> Auth {
    match dialect {
        DialectName::Openai => Auth::Bearer,
        // The newest SDK sends a bearer token; this header works under both API versions.
        DialectName::Anthropic => Auth::Header("x-api-key".to_owned()),
        DialectName::Simulated => Auth::None,
    }
}

#[cfg(test)]
mod tests;
