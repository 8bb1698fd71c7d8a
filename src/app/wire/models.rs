//! What tool servers may ask of models, as written.

use std::sync::Arc;

use url::Url;

use super::Wiring;
use crate::{
    access::Clients,
    config::File,
    federation::{ModelAccess, Settings},
    problem::Problem,
    tools::KindSettings,
};

/// Every server that may ask for completions, by name.
pub(super) fn accesses(file: &File) -> impl Iterator<Item = (&str, &Settings, &ModelAccess)> {
    file.tools
        .iter()
        .filter_map(|(name, tool)| match &tool.kind {
            KindSettings::Mcp(settings) => {
                let access = settings.model.as_ref()?;
                Some((name.as_str(), &**settings, access))
            }
            _ => None,
        })
}

impl Wiring<'_> {
    /// Judges what servers may ask of models, and gives those that prove themselves with a key.
    pub(super) fn models(&mut self, file: &File) -> Option<Clients> {
        let routes = || file.routes.keys().map(String::as_str);
        let mut keys = Vec::new();
        for (server, settings, access) in accesses(file) {
            let path = ["tools", server, "model"];
            for problem in problems(settings, access) {
                self.problems.push(problem.under(path));
            }
            if let Some(route) = access.route.as_deref()
                && !file.routes.contains_key(route)
            {
                let problem = Problem::new(["route"], format!("there is no route `{route}`"));
                let problem = problem.suggest(route, routes());
                self.problems.push(problem.under(path));
            }
            let written = access.client_key.as_deref();
            let path = ["tools", server, "model", "client_key"];
            if let Some(secret) = self.optional_secret(written, &path) {
                keys.push((Arc::from(server), secret));
            }
        }
        self.under("tools", Clients::new(keys))
    }
}

/// What is wrong with one server's access. Paths start at the keys of `model`.
fn problems(settings: &Settings, access: &ModelAccess) -> Vec<Problem> {
    let mut problems = Vec::new();
    if access.max_completions == 0 {
        let message = "max_completions is 0: nothing could be asked for";
        let problem = Problem::new(["max_completions"], message);
        problems.push(problem.expected("at least 1, or no `model`"));
    }
    let is_http = settings.url.is_some() || !settings.urls.is_empty();
    for (key, is_there) in [
        ("client_key", access.client_key.is_some()),
        ("base_url", access.base_url.is_some()),
    ] {
        if is_there && !is_http {
            let message = format!(
                "{key} is for servers that speak HTTP; a program has its key in its environment"
            );
            problems.push(Problem::new([key], message));
        }
    }
    if let Some(base) = &access.base_url {
        let url = Url::parse(base).ok();
        let good = |url: &Url| {
            let plain = url.query().is_none() && url.fragment().is_none() && !base.ends_with('/');
            matches!(url.scheme(), "http" | "https") && url.has_host() && plain
        };
        if !url.as_ref().is_some_and(good) {
            let problem =
                Problem::new(["base_url"], format!("`{base}` is no address of a gateway"));
            problems.push(problem.expected("a URL like `https://gateway.example/v1`"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn what_cannot_work_is_told_where_it_stands() {
        let yaml = "
routes: { cheap: { targets: [s/m] } }
providers: { s: { dialect: simulated, models: { m: {} } } }
tools:
  near: { kind: mcp, command: [near], model: { route: chaep, max_completions: 0, client_key: a-key-of-sixteen-letters } }
  far: { kind: mcp, url: 'https://far.example/mcp', model: { base_url: gateway, client_key: short } }
";
        let file = parse("waypost.yaml", yaml).unwrap().value;
        let problems = crate::app::wire(&file, &|_| None).err().unwrap();
        let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
        for expected in [
            "tools.near.model.route: there is no route `chaep`; did you mean `cheap`?",
            "tools.near.model.max_completions: max_completions is 0: nothing could be asked for; expected at least 1, or no `model`",
            "tools.near.model.client_key: client_key is for servers that speak HTTP; a program has its key in its environment",
            "tools.far.model.base_url: `gateway` is no address of a gateway; expected a URL like `https://gateway.example/v1`",
            "tools.far.model.client_key: the key is only 5 characters long; expected at least 16, and random",
        ] {
            assert!(
                told.iter().any(|problem| problem == expected),
                "{expected}\n{told:#?}"
            );
        }
    }
}
