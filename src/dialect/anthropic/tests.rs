//! What each side of the dialect does by itself, what both do together, and what no order of events may break.
//! The golden vectors are run in `tests/it`.

mod bridged;
mod face;
mod provider;
mod streams;

use std::sync::Arc;

use serde_json::Value;

use crate::{
    catalog::{CardSettings, Model, Target, resolve, shipped},
    json::Object,
    secret::Secret,
};

/// A vector of `tests/vectors/`.
fn vector(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A target of the shipped card, with these facts and `anthropic_version`.
fn target(model: &str, facts: Option<Model>, version: Option<&str>) -> Target {
    let settings = CardSettings {
        card: Some("anthropic".to_owned()),
        anthropic_version: version.map(str::to_owned),
        ..CardSettings::default()
    };
    let credential = Some(Secret::new("k"));
    Target {
        card: Arc::new(resolve("anthropic", &settings, credential).unwrap()),
        model: model.into(),
        facts: facts.map(Arc::new),
    }
}

/// What the shipped card says of a model.
fn facts(model: &str) -> Model {
    shipped("anthropic").unwrap().models[model].clone()
}

fn object(text: &str) -> Object<'static> {
    Object::parse(text.as_bytes()).unwrap().into_owned()
}
