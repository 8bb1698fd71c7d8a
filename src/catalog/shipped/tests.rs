use std::collections::BTreeSet;

use super::*;
use crate::{
    catalog::{Ability, Auth, Card, Mode, Model, Rate, resolve},
    chat::Effort,
};

/// Every shipped card as an operator would have it who wrote no more than an address where none is shipped.
fn cards() -> Vec<Card> {
    shipped_names()
        .map(|name| {
            let base_url = shipped(name).unwrap().base_url.is_none();
            let settings = CardSettings {
                base_url: base_url.then(|| "https://example.com".to_owned()),
                ..CardSettings::default()
            };
            resolve(name, &settings, None).unwrap_or_else(|problems| panic!("{name}: {problems:?}"))
        })
        .collect()
}

fn model(provider: &str, id: &str) -> Model {
    let card = shipped(provider).unwrap();
    let model = card.models.get(id);
    model.unwrap_or_else(|| panic!("{provider}/{id}")).clone()
}

#[test]
fn every_shipped_card_parses() {
    for card in &REGISTER {
        let parsed = serde_saphyr::from_str::<CardSettings>(card.yaml);
        let settings = parsed.unwrap_or_else(|error| panic!("{}: {error}", card.name));
        assert!(
            settings.checked.is_some(),
            "{} was never checked",
            card.name
        );
        assert!(
            card.yaml.starts_with("# "),
            "{} says nothing of itself",
            card.name
        );
        for key in ["base_url", "key_env"] {
            let parsed = match key {
                "base_url" => &settings.base_url,
                _ => &settings.key_env,
            };
            assert_eq!(card.value(key), parsed.as_deref(), "{} {key}", card.name);
        }
    }
}

#[test]
fn every_shipped_card_resolves() {
    assert_eq!(cards().len(), REGISTER.len());
}

#[test]
fn names_are_unique_and_in_order() {
    let names: Vec<_> = shipped_names().collect();
    let sorted: BTreeSet<_> = names.iter().copied().collect();
    assert_eq!(names, sorted.into_iter().collect::<Vec<_>>());
}

#[test]
fn aliases_lead_to_cards_and_hide_none() {
    for (alias, name) in ALIASES {
        assert!(shipped(alias).is_some());
        assert_eq!(shipped(alias), shipped(name));
        assert!(!shipped_names().any(|shipped| shipped == alias));
    }
}

#[test]
fn what_is_not_shipped_is_not_found() {
    for name in ["", "openai2", "OpenAI", "../openai"] {
        assert!(shipped(name).is_none(), "{name}");
    }
}

#[test]
fn many_models_are_known_and_most_have_a_price() {
    let cards = cards();
    let models: Vec<_> = cards.iter().flat_map(|card| card.models.values()).collect();
    let priced = models.iter().filter(|model| model.price.is_some()).count();
    assert!(models.len() > 250, "{}", models.len());
    assert!(
        priced * 100 >= models.len() * 95,
        "{priced} of {}",
        models.len()
    );
}

#[test]
fn prices_are_those_of_the_list_and_not_of_a_slipped_decimal() {
    for card in cards() {
        for (id, model) in &card.models {
            let Some(price) = &model.price else { continue };
            let dollars = |rate: Rate| f64::from(rate);
            let output = price.output.map_or(0.0, dollars);
            assert!(dollars(price.input) <= 60.0, "{}/{id}", card.name);
            assert!(output <= 300.0, "{}/{id}", card.name);
            let read = price.cache_read.unwrap_or(price.input);
            assert!(
                read <= price.input,
                "{}/{id} reads the cache dearer",
                card.name
            );
            assert!(
                model.mode == Mode::Embedding
                    || model.mode == Mode::Rerank
                    || price.output.is_some(),
                "{}/{id} has no output price",
                card.name
            );
        }
    }
}

#[test]
fn efforts_ascend() {
    for card in cards() {
        for (id, model) in &card.models {
            assert!(model.efforts.is_sorted(), "{}/{id}", card.name);
        }
    }
}

#[test]
fn models_do_what_their_makers_say() {
    use Ability::*;
    let check = |target: &str, ability, expected| {
        let (provider, id) = target.split_once('/').unwrap();
        assert_eq!(
            model(provider, id).can(ability),
            expected,
            "{target} {ability:?}"
        );
    };
    check("anthropic/claude-haiku-4-5", Sampling, Some(true));
    check("anthropic/claude-haiku-4-5", AdaptiveThinking, Some(false));
    check("anthropic/claude-opus-4-8", AdaptiveThinking, Some(true));
    check(
        "anthropic/claude-opus-4-8",
        MidConversationSystem,
        Some(true),
    );
    check("anthropic/claude-opus-4-8", Sampling, Some(false));
    check("anthropic/claude-opus-5-5", ThinkingOff, Some(false));
    check("anthropic/claude-opus-5-5", ForcedToolChoice, Some(false));
    check("moonshot/kimi-k3", Sampling, Some(false));
    check("openai/gpt-5.1", Sampling, None);
    check("openai/gpt-5", Sampling, Some(false));
    for (id, facts) in shipped("anthropic").unwrap().models {
        assert_eq!(facts.can(AudioInput), Some(false), "{id}");
    }
}

#[test]
fn models_have_the_efforts_their_makers_name() {
    use Effort::*;
    let check = |provider, id, expected: &[Effort]| {
        assert_eq!(model(provider, id).efforts, expected, "{provider}/{id}");
    };
    check("moonshot", "kimi-k3", &[Low, High, Max]);
    check("mistral", "mistral-large-4", &[None, High]);
    check("deepseek", "deepseek-v4-pro", &[None, Low, High, Max]);
    check("openai", "gpt-5.1", &[None, Low, Medium, High]);
    check("openai", "gpt-6-astra", &[Low, Medium, High, Xhigh, Max]);
    check(
        "anthropic",
        "claude-opus-5-5",
        &[Low, Medium, High, Xhigh, Max],
    );
    check(
        "anthropic",
        "claude-opus-4-6",
        &[None, Low, Medium, High, Max],
    );
    check("anthropic", "claude-haiku-4-5", &[]);
}

#[test]
fn a_start_without_config_takes_the_cards_whose_key_is_set() {
    let check = |set: &[&str], expected: &[&str]| {
        assert_eq!(enabled_by(|name| set.contains(&name)), expected, "{set:?}");
    };
    check(&[], &[]);
    check(&["PATH", "HOME"], &[]);
    check(&["OPENAI_API_KEY"], &["openai"]);
    check(
        &["MISTRAL_API_KEY", "ANTHROPIC_API_KEY"],
        &["anthropic", "mistral"],
    );
    // Its address is not known without config.
    check(&["AZURE_OPENAI_API_KEY"], &[]);
    let all = enabled_by(|_| true);
    assert!(!all.contains(&"simulated") && !all.contains(&"ollama"));
    for name in all {
        assert!(
            resolve(name, &CardSettings::default(), None).is_ok(),
            "{name}"
        );
    }
}

/// The card, its address and its model name as the golden translations expect them.
fn check_vector(file: &std::path::Path) {
    let text = std::fs::read_to_string(file).unwrap();
    let vector: serde_json::Value = serde_json::from_str(&text).unwrap();
    let name = vector["config"]["provider"].as_str().unwrap();
    let mut config = vector["config"].clone();
    config.as_object_mut().unwrap().remove("provider");
    let mut settings: CardSettings = serde_json::from_value(config).unwrap();
    settings.base_url = match name {
        "azure" => Some("https://r.openai.azure.com".to_owned()),
        "generic" => Some("http://localhost/v1".to_owned()),
        _ => None,
    };
    let card = resolve(name, &settings, None).unwrap();
    let model = vector["openai_request"]["model"].as_str().unwrap();
    assert!(
        card.models.is_empty() || card.models.contains_key(model),
        "{file:?}: {model} is unknown"
    );

    let expected = &vector["expected_upstream_request"];
    if expected.is_null() {
        return;
    }
    let url: http::Uri = format!("{}{}", card.base_url, card.paths.chat)
        .parse()
        .unwrap();
    assert_eq!(url.path(), expected["path"].as_str().unwrap(), "{file:?}");
    assert_eq!(url.query(), expected["query"].as_str(), "{file:?}");
    let header = match &card.auth {
        Auth::Bearer => "authorization",
        Auth::Header(name) => name,
        Auth::None => panic!("{file:?}: the key goes nowhere"),
    };
    assert!(expected["headers"][header].is_string(), "{file:?}");
    let sent = card.model_override.as_deref().unwrap_or(model);
    assert_eq!(expected["body"]["model"].as_str(), Some(sent), "{file:?}");
}

#[test]
fn cards_agree_with_the_golden_translations() {
    for dialect in ["anthropic", "openai_compat"] {
        let vectors = format!("{}/tests/vectors/{dialect}", env!("CARGO_MANIFEST_DIR"));
        let mut files = 0;
        for entry in std::fs::read_dir(vectors).unwrap() {
            check_vector(&entry.unwrap().path());
            files += 1;
        }
        assert!(files > 10, "{dialect}: {files}");
    }
}
