//! From a configuration as written to its wired rooms, or to everything that is wrong with it.

mod credentials;
mod imports;
mod models;
mod oauth;
mod program;
mod servers;
mod tools;

pub use oauth::Issuers;

use std::{collections::HashSet, net::IpAddr, sync::Arc};

use tokio_rustls::TlsAcceptor;

use super::material;
use crate::{
    access::{self, Access, Clients},
    catalog::{Auth, Card, Catalog, resolve, shipped},
    config::{File, secrets},
    federation::Spec,
    http, mcp,
    problem::Problem,
    route::{Router, Rules},
    secret::Secret,
    tools::{Tool, kinds::mcp::Entry},
};

/// The rooms of one configuration that need no memory.
pub struct Wired {
    /// The routes and providers.
    pub router: Router,
    /// The rules that choose among the routes.
    pub rules: Rules,
    /// Who may call with a key.
    pub access: Access,
    /// Whose tokens are good too.
    pub issuers: Option<Issuers>,
    /// The tools.
    pub tools: Vec<Tool>,
    /// Other MCP servers, each with what is true of what it offers.
    pub servers: Vec<(Spec, Entry)>,
    /// Those of them that exchange tickets for keys.
    pub clients: Clients,
    /// Those that may ask for completions.
    pub lends: HashSet<Arc<str>>,
    /// The prompts and resources.
    pub library: mcp::Library,
    /// How MCP is served.
    pub mcp: mcp::Settings,
    /// How callers are served.
    pub server: http::Settings,
    /// The key of the admin listener.
    pub admin_key: Option<Secret>,
    /// TLS on the public listener.
    pub tls: Option<TlsAcceptor>,
    /// What the operator should know, though it works.
    pub warnings: Vec<Problem>,
}

/// Wires a configuration. Reads the secrets and certificates it names; calls nobody.
pub fn wire(
    file: &File,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Wired, Vec<Problem>> {
    let mut wiring = Wiring {
        environment,
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    let catalog = wiring.catalog(file);
    let catalog = Arc::new(catalog);
    let router = wiring.under("routes", Router::new(catalog.clone(), &file.routes));
    let names = file.routes.keys().map(String::as_str);
    let rules = wiring.under("rules", Rules::new(&file.rules, names));
    let catalog = &*catalog;
    let tools = wiring.tools(tools::Ground { file, catalog });
    let servers = wiring.servers(file);
    let problems = file.mcp.problems();
    wiring
        .problems
        .extend(problems.into_iter().map(|problem| problem.under(["mcp"])));
    let library = wiring.under("mcp", mcp::Library::build(&file.mcp, &material::read));
    let access = wiring.access(file);
    let issuers = match &file.access {
        Some(access::Settings::Keys(keys)) => wiring.oauth(file, keys),
        None | Some(access::Settings::Open(_)) => None,
    };
    let clients = wiring.models(file);
    let admin_key =
        wiring.optional_secret(file.server.admin_key.as_deref(), &["server", "admin_key"]);
    let tls = wiring.tls(file);
    wiring.addresses(file);
    match (router, rules, library, access, clients) {
        (Some(router), Some(rules), Some(library), Some(access), Some(clients))
            if wiring.problems.is_empty() =>
        {
            Ok(Wired {
                router,
                rules,
                access,
                issuers,
                tools,
                servers,
                clients,
                lends: models::accesses(file)
                    .map(|(name, ..)| name.into())
                    .collect(),
                library,
                mcp: file.mcp.clone(),
                server: file.server.clone(),
                admin_key,
                tls,
                warnings: wiring.warnings,
            })
        }
        _ => Err(wiring.problems),
    }
}

struct Wiring<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Wiring<'_> {
    fn catalog(&mut self, file: &File) -> Catalog {
        let mut cards: Vec<Card> = Vec::with_capacity(file.providers.len());
        let mut wrong = Vec::new();
        for (name, settings) in &file.providers {
            let keys = self.provider_keys(name, settings);
            match resolve(name, settings, keys) {
                Ok(card) => cards.push(card),
                Err(problems) => {
                    let under = problems
                        .into_iter()
                        .map(|problem| problem.under(["providers", name]));
                    self.problems.extend(under);
                    wrong.push(name.as_str());
                }
            }
        }
        Catalog::new(cards).without(wrong)
    }

    /// A provider's keys: as written, else from the environment variable its card names, if that is set.
    fn provider_keys(
        &mut self,
        name: &str,
        settings: &crate::catalog::CardSettings,
    ) -> Vec<Secret> {
        let several = settings.api_keys.iter().enumerate();
        let mut keys: Vec<Secret> = several
            .filter_map(|(at, written)| {
                self.secret(written, &["providers", name, "api_keys", &at.to_string()])
            })
            .collect();
        if let Some(written) = &settings.api_key {
            keys.extend(self.secret(written, &["providers", name, "api_key"]));
        } else if settings.api_keys.is_empty() {
            keys.extend(self.environment_key(name, settings));
        }
        keys
    }

    fn environment_key(
        &mut self,
        name: &str,
        settings: &crate::catalog::CardSettings,
    ) -> Option<Secret> {
        let card = shipped(settings.card.as_deref().unwrap_or(name)).unwrap_or_default();
        let variable = settings.key_env.clone().or(card.key_env)?;
        let key = (self.environment)(&variable).filter(|key| !key.trim().is_empty());
        let wanted = settings.auth.as_ref().or(card.auth.as_ref()) != Some(&Auth::None);
        if key.is_none() && wanted {
            let message = format!(
                "no key: the environment variable {variable} is not set; requests go out without one"
            );
            self.warnings
                .push(Problem::new(["providers", name], message));
        }
        key.map(Secret::new)
    }

    /// Reports a problem, once: what stands in one place may be read for many tools.
    fn report(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn access(&mut self, file: &File) -> Option<Access> {
        let keys = match &file.access {
            None | Some(access::Settings::Open(_)) => return Some(Access::open()),
            Some(access::Settings::Keys(keys)) => keys,
        };
        if keys.keys.is_empty() && keys.oauth.is_none() {
            let problem = Problem::new(
                ["access", "keys"],
                "there are no keys, so nobody could call",
            );
            self.problems
                .push(problem.expected("at least one key, `oauth`, or `access: open`"));
            return None;
        }
        let keys = &keys.keys;
        let mut found = Vec::with_capacity(keys.len());
        for (at, key) in keys.iter().enumerate() {
            self.known_routes(file, key, at);
            let at = at.to_string();
            if let Some(secret) = self.secret(&key.key, &["access", "keys", &at, "key"]) {
                found.push((key.clone(), secret));
            }
        }
        let access = Access::with_keys(found);
        let access = access.map_err(|problems| {
            problems
                .into_iter()
                .map(|problem| problem.under(["keys"]))
                .collect()
        });
        self.under("access", access)
    }

    fn known_routes(&mut self, file: &File, key: &access::KeySettings, at: usize) {
        for (place, route) in key.routes.iter().flatten().enumerate() {
            if !file.routes.contains_key(route) {
                let path = [
                    "access",
                    "keys",
                    &at.to_string(),
                    "routes",
                    &place.to_string(),
                ]
                .map(str::to_owned);
                let problem = Problem::new(path, format!("there is no route `{route}`"));
                self.problems
                    .push(problem.suggest(route, file.routes.keys().map(String::as_str)));
            }
        }
    }

    fn tls(&mut self, file: &File) -> Option<TlsAcceptor> {
        let tls = file.server.tls.as_ref()?;
        let cert = self.pem("cert", &tls.cert);
        let key = self.pem("key", &tls.key);
        let made = http::acceptor(&cert?, &key?);
        let problem = |error: http::BadTls| {
            let which = match error {
                http::BadTls::NoKey => "key",
                http::BadTls::NoCertificate | http::BadTls::Unusable(_) => "cert",
            };
            Problem::new(["server", "tls", which], error.to_string())
        };
        made.map_err(|error| self.problems.push(problem(error)))
            .ok()
    }

    fn pem(&mut self, which: &str, path: &str) -> Option<Vec<u8>> {
        let read = std::fs::read(path);
        let problem = |error| {
            Problem::new(
                ["server", "tls", which],
                format!("the file {path} cannot be read: {error}"),
            )
        };
        read.map_err(|error| self.problems.push(problem(error)))
            .ok()
    }

    /// Off loopback, strangers may call: then there must be keys, or the word `open`.
    fn addresses(&mut self, file: &File) {
        let public = self.loopback("listen", &file.server.listen);
        let admin = self.loopback("admin_listen", &file.server.admin_listen);
        if public == Some(false) && file.access.is_none() {
            let message = format!(
                "{} is no loopback address, and there is no `access`: anybody could spend your keys",
                file.server.listen
            );
            let problem = Problem::new(["server", "listen"], message);
            self.problems.push(
                problem.expected("`access: {keys: […]}`, or `access: open` if that is meant"),
            );
        }
        if admin == Some(false) && file.server.admin_key.is_none() {
            let message = format!(
                "{} is no loopback address, and there is no `admin_key`",
                file.server.admin_listen
            );
            let problem = Problem::new(["server", "admin_listen"], message);
            self.problems
                .push(problem.expected("`server.admin_key: env:NAME`"));
        }
    }

    /// Whether `address` is reachable from this machine only; a problem if it is no address.
    fn loopback(&mut self, key: &str, address: &str) -> Option<bool> {
        let is_loopback = is_loopback(address);
        if is_loopback.is_none() {
            let problem = Problem::new(["server", key], format!("`{address}` is no address"));
            self.problems
                .push(problem.expected("`host:port`, like `127.0.0.1:8080`"));
        }
        is_loopback
    }

    fn secret(&mut self, written: &str, path: &[&str]) -> Option<Secret> {
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        match secrets::resolve(written, &path, self.environment) {
            Ok(found) => {
                let known = |warning: &Problem| self.warnings.contains(warning);
                let warning = found.warning.filter(|warning| !known(warning));
                self.warnings.extend(warning);
                Some(found.secret)
            }
            Err(problem) => {
                self.report(problem);
                None
            }
        }
    }

    fn optional_secret(&mut self, written: Option<&str>, path: &[&str]) -> Option<Secret> {
        self.secret(written?, path)
    }

    fn under<T>(&mut self, key: &str, made: Result<T, Vec<Problem>>) -> Option<T> {
        let problems = match made {
            Ok(made) => return Some(made),
            Err(problems) => problems,
        };
        self.problems
            .extend(problems.into_iter().map(|problem| problem.under([key])));
        None
    }
}

/// Whether `address`, as `host:port`, is reachable from this machine only; `None` if it is no address.
pub(super) fn is_loopback(address: &str) -> Option<bool> {
    let (host, port) = address.rsplit_once(':')?;
    if port.parse::<u16>().is_err() || host.is_empty() {
        return None;
    }
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    Some(ip.map_or(host == "localhost", |ip| ip.to_canonical().is_loopback()))
}
