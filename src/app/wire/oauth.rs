//! Whose tokens are good, as written, with the gateway's secrets at their issuers.

use std::sync::Arc;

use super::Wiring;
use crate::{
    access::{Keys, OAuth},
    config::File,
    identity::{self, Verifier},
    problem::Problem,
    secret::Secret,
    telemetry::Ledger,
    tools::KindSettings,
    upstream::guarded::Guarded,
};

/// Whose tokens are good, ready to be judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuers {
    /// As written.
    pub settings: OAuth,
    /// The gateway's secrets where tokens are asked about, one for each issuer that has one.
    secrets: Vec<Option<Secret>>,
}

impl Issuers {
    /// What judges their tokens.
    pub fn verifier(&self, web: Arc<Guarded>, ledger: Arc<Ledger>) -> Verifier {
        Verifier::new(self.settings.clone(), self.secrets.clone(), web, ledger)
    }
}

impl Wiring<'_> {
    /// Whose tokens are good; none where it is not written, or wrong.
    pub(super) fn oauth(&mut self, file: &File, keys: &Keys) -> Option<Issuers> {
        let settings = keys.oauth.clone()?;
        let mut problems = identity::problems(&settings);
        problems.extend(allow_nothing(&settings));
        problems.extend(unknown_routes(file, &settings));
        let under = |problem: Problem| problem.under(["access", "oauth"]);
        self.problems.extend(problems.into_iter().map(under));
        self.problems.extend(taken(keys, &settings));
        self.unknown_scopes(file, &settings);
        let mut secrets = Vec::with_capacity(settings.issuers.len());
        for (at, issuer) in settings.issuers.iter().enumerate() {
            let path = ["issuers", &at.to_string(), "introspection", "client_secret"];
            let path = [&["access", "oauth"][..], &path].concat();
            let written = issuer.introspection.as_ref();
            let secret = written.and_then(|it| self.secret(&it.client_secret, &path));
            secrets.push(secret);
        }
        Some(Issuers { settings, secrets })
    }

    /// A tool's scope that is nowhere described may be a slip of the hand, and then no token has it.
    fn unknown_scopes(&mut self, file: &File, settings: &OAuth) {
        let mut judge = |path: &[&str], scopes: &[String]| {
            for (at, scope) in scopes.iter().enumerate() {
                if !settings.scopes.contains_key(scope) {
                    let at = at.to_string();
                    let path = [path, &["scopes", &at]].concat();
                    let message = format!(
                        "the scope `{scope}` is not among `access.oauth.scopes`, so clients are not told to ask for it"
                    );
                    let known = settings.scopes.keys().map(String::as_str);
                    self.warnings
                        .push(Problem::new(path, message).suggest(scope, known));
                }
            }
        };
        for (id, tool) in &file.tools {
            judge(&["tools", id], &tool.common.scopes);
            if let KindSettings::Mcp(server) = &tool.kind {
                for (name, policy) in &server.policy {
                    let scopes = policy.scopes.as_deref().unwrap_or_default();
                    judge(&["tools", id, "policy", name], scopes);
                }
            }
        }
    }
}

/// Without scopes tokens allow nothing.
fn allow_nothing(settings: &OAuth) -> Option<Problem> {
    let message = "there are no scopes, so no token would allow anything";
    let problem = || Problem::new(["scopes"], message).expected("at least one");
    settings.scopes.is_empty().then(problem)
}

/// Names of keys that could be taken for holders of tokens: who is told apart by name must not share one.
fn taken(keys: &Keys, settings: &OAuth) -> Vec<Problem> {
    let is_holder = |name: &str| {
        let issuer = name.split_once('/').map(|(issuer, _)| issuer);
        let mut issuers = settings.issuers.iter();
        issuers.any(|known| Some(&*known.called()) == issuer)
    };
    let keys = keys.keys.iter().enumerate();
    let taken = keys.filter(|(_, key)| is_holder(&key.name));
    let problem = |(at, key): (usize, &crate::access::KeySettings)| {
        let message = format!("`{}` could be the holder of an issuer's token", key.name);
        let path = ["access", "keys", &at.to_string(), "name"].map(str::to_owned);
        Problem::new(path, message).expected("a name that does not begin with an issuer's and `/`")
    };
    taken.map(problem).collect()
}

/// Routes that scopes allow and that are not there.
fn unknown_routes(file: &File, settings: &OAuth) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (scope, grant) in &settings.scopes {
        for (at, route) in grant.routes.iter().enumerate() {
            if !file.routes.contains_key(route) {
                let path = ["scopes", scope, "routes", &at.to_string()].map(str::to_owned);
                let problem = Problem::new(path, format!("there is no route `{route}`"));
                problems.push(problem.suggest(route, file.routes.keys().map(String::as_str)));
            }
        }
    }
    problems
}
