//! Where a provider is: its base URL, the paths below it, and the model name that goes with them.

use http::Uri;

use super::{Api, CardSettings, DialectName, Paths, shipped, shipped_names};
use crate::problem::Problem;

/// Where requests go.
pub(super) struct Address {
    /// Without a slash at the end.
    pub(super) base_url: String,
    /// Below the base URL. `{model}` is left in for the dialect, which knows the model of each request.
    pub(super) paths: Paths,
    /// The model name sent instead of the target's.
    pub(super) model: Option<String>,
}

/// The address of a card on its surface `api`, which is called `surface`; where there are problems, what is returned is not to be used.
pub(super) fn of(
    name: &str,
    card: &CardSettings,
    surface: &str,
    api: &Api,
    problems: &mut Vec<Problem>,
) -> Address {
    let dialect = card.dialect.unwrap_or_default();
    let base_url = base_url(name, card, dialect, problems);
    let (chat, embeddings) = match dialect {
        DialectName::Openai | DialectName::Simulated => ("/chat/completions", "/embeddings"),
        DialectName::Anthropic => ("/v1/messages", "/v1/embeddings"),
    };
    let mut fill = |key, given: &Option<String>, default: &str| {
        let template = given.as_deref().unwrap_or(default);
        path([surface, key], template, card, problems)
    };
    let paths = Paths {
        chat: fill("chat", &api.chat, chat),
        embeddings: fill("embeddings", &api.embeddings, embeddings),
    };
    Address {
        paths: not_doubled(&base_url, paths),
        base_url,
        model: model(card, surface, api, problems),
    }
}

fn base_url(
    name: &str,
    card: &CardSettings,
    dialect: DialectName,
    problems: &mut Vec<Problem>,
) -> String {
    let Some(written) = &card.base_url else {
        let card_is_unknown = problems.iter().any(|problem| problem.path == ["card"]);
        if dialect != DialectName::Simulated && !card_is_unknown {
            let message = "this provider has no default address: write base_url";
            let problem = Problem::new(["base_url"], message);
            let may_be_a_slip = card.card.is_none() && shipped(name).is_none();
            problems.push(match may_be_a_slip {
                true => problem.suggest(name, shipped_names()),
                false => problem,
            });
        }
        return String::new();
    };
    let wrong = match written.parse::<Uri>() {
        Err(_) => Some("is no URL"),
        Ok(url) if !matches!(url.scheme_str(), Some("http" | "https")) => {
            Some("is neither http:// nor https://")
        }
        Ok(url) if url.host().is_none_or(str::is_empty) => Some("names no host"),
        // Credentials in a URL would end up in logs.
        Ok(url) if url.authority().is_some_and(|at| at.as_str().contains('@')) => {
            Some("has a user name in it; the key belongs into api_key")
        }
        Ok(url) if url.query().is_some() || written.contains('#') => {
            Some("has a query or fragment, which cannot stand before a path")
        }
        Ok(_) => None,
    };
    if let Some(wrong) = wrong {
        // The URL itself is not repeated: it may hold a password.
        let message = format!("base_url {wrong}");
        let problem = Problem::new(["base_url"], message);
        problems.push(problem.expected("an address like https://api.example.com/v1"));
    }
    written.trim_end_matches('/').to_owned()
}

/// A path with everything filled in that is known before a request.
fn path(
    [surface, key]: [&str; 2],
    template: &str,
    card: &CardSettings,
    problems: &mut Vec<Problem>,
) -> String {
    let problem = |message: String| Problem::new(["apis", surface, key], message);
    if !template.starts_with('/') {
        let message = format!("the path `{template}` does not start with a slash");
        problems.push(problem(message));
    }
    let filled = template.replace(
        "{deployment}",
        card.deployment.as_deref().unwrap_or("{model}"),
    );
    let filled = match &card.api_version {
        Some(version) => filled.replace("{api_version}", version),
        None => filled,
    };
    let rest = filled.replace("{model}", "");
    if rest.contains("{api_version}") {
        // Said once, of the chat path: the other paths of a surface want it as well.
        if key == "chat" {
            let message = "this api needs an api_version";
            problems.push(Problem::new(["api_version"], message).expected("one like 2024-10-21"));
        }
    } else if rest.contains(['{', '}']) {
        let message = format!("the path `{template}` has an unknown placeholder");
        problems.push(problem(message).expected("{deployment}, {api_version} or {model}"));
    }
    filled
}

/// The paths without a start that the base URL already ends with: people copy addresses with and without it.
fn not_doubled(base_url: &str, paths: Paths) -> Paths {
    let shared = paths
        .chat
        .char_indices()
        .filter(|(index, character)| *index > 0 && *character == '/')
        .map(|(index, _)| paths.chat.split_at(index).0)
        .take_while(|start| {
            let rest = paths.embeddings.strip_prefix(start);
            rest.is_some_and(|rest| rest.starts_with('/'))
        });
    let Some(doubled) = shared.filter(|start| base_url.ends_with(start)).last() else {
        return paths;
    };
    let without = |path: &str| path.strip_prefix(doubled).unwrap_or(path).to_owned();
    Paths {
        chat: without(&paths.chat),
        embeddings: without(&paths.embeddings),
    }
}

/// The model name to send in place of the target's, if the surface wants another.
fn model(
    card: &CardSettings,
    surface: &str,
    api: &Api,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let deployment = card.deployment.as_deref().unwrap_or("{model}");
    let model = api.model.as_ref()?.replace("{deployment}", deployment);
    if model == "{model}" {
        return None;
    }
    if model.contains(['{', '}']) {
        let problem = Problem::new(["apis", surface, "model"], "this is no model name");
        problems.push(problem.expected("a name, `{deployment}` or `{model}`"));
    }
    Some(model)
}
