//! Whose credentials requests to other MCP servers carry: from what is written to where tokens are had.

use std::{collections::BTreeMap, sync::Arc};

use url::Url;

use super::Wiring;
use crate::{
    access,
    config::File,
    federation::{Credentials, Settings},
    identity::{Client, Wanted},
    problem::Problem,
    tools::KindSettings,
    upstream::guarded::{Allow, judge},
};

/// The gateway at an authorization server, as written: the keys it stands at, and what stands there.
struct Written<'a> {
    token_url: (&'static str, &'a str),
    id: (&'static str, &'a str),
    secret: (&'static str, &'a str),
}

impl Wiring<'_> {
    /// The tokens that servers want, by the servers' names.
    pub(super) fn credentials(&mut self, file: &File) -> BTreeMap<Arc<str>, Wanted> {
        let mut all = BTreeMap::new();
        for (id, entry) in &file.tools {
            if let KindSettings::Mcp(settings) = &entry.kind
                && let Some(wanted) = self.wanted(file, settings, &["tools", id])
            {
                all.insert(id.as_str().into(), wanted);
            }
        }
        all
    }

    /// The token that a server wants, whose entry stands at `path`.
    fn wanted(&mut self, file: &File, settings: &Settings, path: &[&str]) -> Option<Wanted> {
        if settings.credentials == Credentials::None {
            return None;
        }
        let problems = [
            runs_here(settings),
            nobody_could(file, settings),
            two_of_a_header(settings),
        ];
        for problem in problems.into_iter().flatten() {
            self.report(problem.under(path.iter().copied()));
        }
        let inside = [path, &["credentials"]].concat();
        let resource = self.resource(settings, &inside);
        let scopes = self.scopes(settings, &inside);
        let client = |wiring: &mut Self, written| wiring.client(&written, settings, &inside);
        match &settings.credentials {
            Credentials::None => None,
            Credentials::ClientCredentials {
                token_url,
                client_id,
                client_secret,
                ..
            } => {
                let at = client(self, written(token_url, client_id, client_secret));
                let (at, resource, scopes) = (at?, resource?, scopes?);
                Some(Wanted::ClientCredentials {
                    at,
                    resource,
                    scopes,
                })
            }
            Credentials::TokenExchange {
                token_url,
                client_id,
                client_secret,
                ..
            } => {
                let at = client(self, written(token_url, client_id, client_secret));
                let (at, resource, scopes) = (at?, resource?, scopes?);
                Some(Wanted::TokenExchange {
                    at,
                    resource,
                    scopes,
                })
            }
            Credentials::IdJag {
                idp_token_url,
                idp_client_id,
                idp_client_secret,
                audience,
                token_url,
                client_id,
                client_secret,
                ..
            } => {
                let idp = Written {
                    token_url: ("idp_token_url", idp_token_url),
                    id: ("idp_client_id", idp_client_id),
                    secret: ("idp_client_secret", idp_client_secret),
                };
                let idp = client(self, idp);
                let at = client(self, written(token_url, client_id, client_secret));
                let audience = self.identifier(audience, "audience", &inside);
                if idp_token_url == token_url {
                    let path = inside.iter().chain(&["token_url"]).copied();
                    let problem = Problem::new(path, "it is the identity provider's own");
                    let expected = "that of the server's authorization server, or `token_exchange`";
                    self.report(problem.expected(expected));
                }
                let (idp, at, audience) = (Box::new(idp?), at?, audience?);
                let (resource, scopes) = (resource?, scopes?);
                Some(Wanted::IdJag {
                    idp,
                    at,
                    audience,
                    resource,
                    scopes,
                })
            }
        }
    }

    /// The gateway at an authorization server, whose address is judged as far as its text tells.
    fn client(
        &mut self,
        written: &Written<'_>,
        settings: &Settings,
        inside: &[&str],
    ) -> Option<Client> {
        let at = |key| [inside, &[key]].concat();
        let (key, id) = written.id;
        if id.is_empty() || id.chars().any(char::is_control) {
            self.report(Problem::new(at(key), "the gateway has no name there"));
        }
        let (key, secret) = written.secret;
        let secret = self.secret(secret, &at(key));
        let (key, text) = written.token_url;
        let url = Url::parse(text).map_err(|_| format!("`{text}` is no URL"));
        let judged = url.and_then(|url| {
            let allow = allow(settings, &url);
            let why = |why| format!("`{text}` may not be asked: {why}");
            judge(&url, &allow).map_err(why).map(|()| (url, allow))
        });
        let expected = "a token endpoint, like `https://login.example.com/token`";
        let wrong = |message| Problem::new(at(key), message).expected(expected);
        let judged = judged.map_err(|message| self.report(wrong(message))).ok();
        let (token_url, allow) = judged?;
        Some(Client {
            token_url,
            id: id.to_owned(),
            secret: secret?,
            allow,
        })
    }

    /// What tokens are for: what is written, else the server's URL, letter by letter.
    fn resource(&mut self, settings: &Settings, inside: &[&str]) -> Option<String> {
        let written = match &settings.credentials {
            Credentials::None => None,
            Credentials::ClientCredentials { resource, .. }
            | Credentials::TokenExchange { resource, .. }
            | Credentials::IdJag { resource, .. } => resource.as_deref(),
        };
        let only = match (&settings.url, &*settings.urls) {
            (Some(url), []) | (None, [url]) => Some(url.as_str()),
            _ => None,
        };
        let Some(resource) = written.or(only) else {
            let path = [inside, &["resource"]].concat();
            let problem = Problem::new(path, "it is not said what tokens are for");
            self.report(problem.expected("the URL the server is known by"));
            return None;
        };
        self.identifier(resource, "resource", inside)
    }

    /// An absolute URI without a fragment, as RFC 8707 §2 and RFC 8414 §2 want them.
    fn identifier(&mut self, text: &str, key: &'static str, inside: &[&str]) -> Option<String> {
        let url = Url::parse(text).ok();
        if url.is_some_and(|url| url.fragment().is_none()) {
            return Some(text.to_owned());
        }
        let problem = Problem::new([inside, &[key]].concat(), format!("`{text}` is no URL"));
        self.report(problem.expected("an absolute URL without a fragment"));
        None
    }

    /// The scopes asked for.
    fn scopes(&mut self, settings: &Settings, inside: &[&str]) -> Option<Vec<String>> {
        let scopes = match &settings.credentials {
            Credentials::None => return None,
            Credentials::ClientCredentials { scopes, .. }
            | Credentials::TokenExchange { scopes, .. }
            | Credentials::IdJag { scopes, .. } => scopes,
        };
        let mut wrong = scopes.iter().enumerate();
        if let Some((at, scope)) = wrong.find(|(_, scope)| !access::is_scope(scope)) {
            let at = at.to_string();
            let path = [inside, &["scopes", &at]].concat();
            let problem = Problem::new(path, format!("`{scope}` is no scope"));
            self.report(problem.expected("one scope, without spaces"));
            return None;
        }
        Some(scopes.clone())
    }
}

fn written<'a>(token_url: &'a str, id: &'a str, secret: &'a str) -> Written<'a> {
    Written {
        token_url: ("token_url", token_url),
        id: ("client_id", id),
        secret: ("client_secret", secret),
    }
}

/// A program is given its secrets when it is started; there is no request to put a token on.
fn runs_here(settings: &Settings) -> Option<Problem> {
    let message = "a program takes no tokens with its requests";
    let problem = Problem::new(["credentials"], message).expected("its secrets in `env`");
    (!settings.command.is_empty()).then_some(problem)
}

/// Only who comes with a token can have it exchanged.
fn nobody_could(file: &File, settings: &Settings) -> Option<Problem> {
    let has_tokens = match &file.access {
        Some(access::Settings::Keys(keys)) => keys.oauth.is_some(),
        None | Some(access::Settings::Open(_)) => false,
    };
    let is_own = matches!(settings.credentials, Credentials::ClientCredentials { .. });
    let message = "nobody could call it: only a caller who comes with a token has one to exchange";
    let problem = Problem::new(["credentials", "kind"], message);
    let problem = problem.expected("`access.oauth`, or `client_credentials`");
    (!has_tokens && !is_own).then_some(problem)
}

/// A request has one `Authorization` header.
fn two_of_a_header(settings: &Settings) -> Option<Problem> {
    let mut names = settings.headers.keys();
    let name = names.find(|name| name.eq_ignore_ascii_case("authorization"))?;
    let message = "`credentials` bring this header";
    Some(Problem::new(["headers", name], message).expected("one of both"))
}

/// What an authorization server may be reached by, besides the public internet: what its server may, and this machine.
/// What is wrong with the list is told where the server's own URL is read.
fn allow(settings: &Settings, url: &Url) -> Allow {
    let allow = Allow::read(&settings.allow_private).unwrap_or_default();
    allow.with_port_of(url).with_this_machine_of(url)
}
