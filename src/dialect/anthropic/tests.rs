//! The golden vectors of this dialect, as far as one dialect can answer them, and what no order of events may
//! break.

mod face;
mod provider;
mod streams;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    catalog::{
        Ability, Auth, Card, DialectName, Model, Paths, Quirks, Simulation, Target, UnknownModels,
    },
    chat::Effort,
    json::Object,
};

/// A vector of `tests/vectors/`.
fn vector(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A target of this dialect. `version` as on the card.
fn target(model: &str, facts: Option<Model>, version: Option<&str>) -> Target {
    let card = Card {
        name: "anthropic".into(),
        dialect: DialectName::Anthropic,
        base_url: String::new(),
        credential: None,
        auth: Auth::default(),
        headers: BTreeMap::new(),
        paths: Paths {
            chat: "/v1/messages".to_owned(),
            embeddings: String::new(),
        },
        quirks: Quirks::default(),
        models: BTreeMap::new(),
        unknown_models: UnknownModels::default(),
        model_override: None,
        anthropic_version: version.map(str::to_owned),
        default_max_tokens: 4096,
        simulation: Simulation {
            first_token: std::time::Duration::ZERO,
            tokens_per_second: 1.0,
            error_rate: 0.0,
            seed: 0,
            faults: Vec::new(),
        },
    };
    Target {
        card: Arc::new(card),
        model: model.into(),
        facts: facts.map(Arc::new),
    }
}

/// What the shipped card says of the models in the vectors.
fn facts(model: &str) -> Model {
    use Ability::*;
    let (can, cannot): (&[Ability], &[Ability]) = match model {
        "claude-haiku-4-5" => (&[AssistantPrefill], &[]),
        "claude-opus-4-8" => (
            &[AdaptiveThinking, MidConversationSystem],
            &[Sampling, AssistantPrefill],
        ),
        "claude-opus-5-5" => (
            &[AdaptiveThinking, MidConversationSystem],
            &[Sampling, AssistantPrefill, ForcedToolChoice, ThinkingOff],
        ),
        other => panic!("no facts about {other}"),
    };
    Model {
        can: can.iter().copied().collect(),
        cannot: cannot.iter().copied().collect(),
        efforts: match can.contains(&AdaptiveThinking) {
            true => vec![
                Effort::Low,
                Effort::Medium,
                Effort::High,
                Effort::Xhigh,
                Effort::Max,
            ],
            false => Vec::new(),
        },
        ..Model::default()
    }
}

fn object(text: &str) -> Object<'static> {
    Object::parse(text.as_bytes()).unwrap().into_owned()
}
