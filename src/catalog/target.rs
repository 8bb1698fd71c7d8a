//! All providers of a configuration, and the smallest thing that can be tried.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use super::{Card, Model, UnknownModels};

/// One model of one provider, with the provider's credential.
#[derive(Clone, Debug)]
pub struct Target {
    /// The provider.
    pub card: Arc<Card>,
    /// The model's id at the provider.
    pub model: Arc<str>,
    /// What is known of the model; `None` for one the card does not list.
    pub facts: Option<Arc<Model>>,
}

impl Target {
    /// The model name to put on the wire.
    pub fn wire_model(&self) -> &str {
        self.card.model_override.as_deref().unwrap_or(&self.model)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.card.name, self.model)
    }
}

/// The providers of one configuration.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    cards: BTreeMap<Arc<str>, Arc<Card>>,
    /// Providers that are written but cannot be used.
    wrong: BTreeSet<String>,
}

/// Why a name is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// There is no slash in it.
    #[error("`{0}` is no target: write `provider/model`")]
    NotATarget(String),
    /// No such provider.
    #[error("there is no provider `{0}`")]
    UnknownProvider(String),
    /// The provider is written, but there is something wrong with it, which was told.
    #[error("the provider `{0}` cannot be used")]
    WrongProvider(String),
    /// The provider takes listed models only.
    #[error("the provider `{provider}` has no model `{model}`")]
    UnknownModel {
        /// The provider.
        provider: String,
        /// The model.
        model: String,
    },
}

impl Catalog {
    /// A catalogue of these providers.
    pub fn new(cards: impl IntoIterator<Item = Card>) -> Self {
        Self {
            cards: cards
                .into_iter()
                .map(|card| (card.name.clone(), Arc::new(card)))
                .collect(),
            wrong: BTreeSet::new(),
        }
    }

    /// The same, of a configuration that has these providers as well, but with mistakes in them.
    pub fn without(mut self, wrong: impl IntoIterator<Item: Into<String>>) -> Self {
        self.wrong = wrong.into_iter().map(Into::into).collect();
        self
    }

    /// The providers, by name.
    pub fn cards(&self) -> impl Iterator<Item = &Arc<Card>> {
        self.cards.values()
    }

    /// The provider of this name.
    pub fn card(&self, name: &str) -> Option<&Arc<Card>> {
        self.cards.get(name)
    }

    /// The target of this name, `provider/model`; the model may have slashes of its own.
    pub fn target(&self, name: &str) -> Result<Target, NoTarget> {
        let (provider, model) = name
            .split_once('/')
            .ok_or_else(|| NoTarget::NotATarget(name.to_owned()))?;
        let card = self.cards.get(provider).ok_or_else(|| {
            if self.wrong.contains(provider) {
                NoTarget::WrongProvider(provider.to_owned())
            } else {
                NoTarget::UnknownProvider(provider.to_owned())
            }
        })?;
        let facts = card.models.get(model).cloned();
        if model.is_empty() || (facts.is_none() && card.unknown_models == UnknownModels::Reject) {
            return Err(NoTarget::UnknownModel {
                provider: provider.to_owned(),
                model: model.to_owned(),
            });
        }
        Ok(Target {
            card: card.clone(),
            model: model.into(),
            facts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{CardSettings, resolve};

    fn catalog() -> Catalog {
        let card = |name: &str, yaml: &str| {
            let settings: CardSettings = serde_saphyr::from_str(yaml).unwrap();
            resolve(name, &settings, None).unwrap()
        };
        Catalog::new([
            card(
                "open",
                "{base_url: http://localhost, models: {known: {}, a/b: {}}}",
            ),
            card(
                "closed",
                "{base_url: http://localhost, unknown_models: reject, models: {known: {}}}",
            ),
            card(
                "azure",
                "{base_url: https://r.openai.azure.com, deployment: mine}",
            ),
        ])
    }

    #[test]
    fn what_is_no_target_says_why() {
        let check = |name: &str, expected: &str| {
            assert_eq!(catalog().target(name).unwrap_err().to_string(), expected);
        };
        check("", "`` is no target: write `provider/model`");
        check("known", "`known` is no target: write `provider/model`");
        check("nobody/known", "there is no provider `nobody`");
        check("/known", "there is no provider ``");
        check("open/", "the provider `open` has no model ``");
        check("closed/other", "the provider `closed` has no model `other`");
    }

    #[test]
    fn a_target_has_the_facts_of_listed_models() {
        let check = |name: &str, wire_model: &str, listed: bool| {
            let target = catalog().target(name).unwrap();
            assert_eq!(target.to_string(), name);
            assert_eq!(target.wire_model(), wire_model, "{name}");
            assert_eq!(target.facts.is_some(), listed, "{name}");
        };
        check("open/known", "known", true);
        check("open/a/b", "a/b", true);
        check("open/other", "other", false);
        check("closed/known", "known", true);
        check("azure/gpt-6-sol", "mine", true);
        check("azure/gpt-7", "mine", false);
    }
}
