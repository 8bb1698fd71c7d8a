//! Other MCP servers: from entries of `kind: mcp` to what the fleet connects to.

use std::path::Path;

use http::{HeaderName, header};
use url::Url;

use super::{Wiring, program::names_secret};
use crate::{
    config::File,
    federation::{Settings, Spec, Where},
    problem::Problem,
    tools::{KindSettings, kinds::mcp::Entry, name_problem},
    upstream::guarded::{Allow, Bound, judge},
};

/// Headers that belong to the connection or to the protocol: one from the configuration would change what a request is.
const OURS: [&str; 15] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "accept",
    "accept-encoding",
    "last-event-id",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
];

/// The most replicas of a server, and the most processes of one.
const MOST_REPLICAS: usize = 64;

/// 16 MiB and 16 files: what the supervisor of a program needs, which lives under the program's limits.
const LEAST: (u64, u64) = (16 * 1024 * 1024, 16);

/// A message smaller than this could not even list a tool; one larger is held in memory several times while it is read.
const MESSAGE: std::ops::RangeInclusive<usize> = 4 * 1024..=64 * 1024 * 1024;

/// A session mostly has a stream that stays open: no process has more of them.
const SESSIONS: std::ops::RangeInclusive<usize> = 1..=100_000;

impl Wiring<'_> {
    /// Every server, with what is true of what it offers.
    pub(super) fn servers(&mut self, file: &File) -> Vec<(Spec, Entry)> {
        let mut credentials = self.credentials(file);
        let mut servers = Vec::new();
        for (id, entry) in &file.tools {
            let KindSettings::Mcp(settings) = &entry.kind else {
                continue;
            };
            let path = ["tools", id.as_str()];
            let wrong = name_problem(id).into_iter();
            let wrong = wrong.chain(entry.common.problems_of_server());
            let wrong: Vec<Problem> = wrong
                .chain(problems(settings))
                .map(|problem| problem.under(path))
                .collect();
            self.problems.extend(wrong);
            if let Some(place) = self.place(settings, &path) {
                let spec = Spec {
                    name: id.as_str().into(),
                    settings: (**settings).clone(),
                    place,
                    breaker: entry.common.breaker,
                };
                let entry = Entry {
                    common: entry.common.clone(),
                    credentials: credentials.remove(id.as_str()),
                };
                servers.push((spec, entry));
            }
        }
        servers
    }

    /// Where a server is.
    fn place(&mut self, settings: &Settings, path: &[&str]) -> Option<Where> {
        match (&settings.url, &*settings.urls, &*settings.command) {
            (Some(url), [], []) => {
                let urls = std::slice::from_ref(url);
                self.addresses_of_server(urls, &[path, &["url"]].concat(), settings, path)
            }
            (None, [_, ..], []) => {
                let key = [path, &["urls"]].concat();
                self.addresses_of_server(&settings.urls, &key, settings, path)
            }
            (None, [], [program, arguments @ ..]) => {
                let program = self.program(program, &[path, &["command"]].concat());
                let environment =
                    self.program_environment(&settings.env, &[path, &["env"]].concat());
                let program = program?.to_str()?.to_owned();
                Some(Where::Stdio {
                    command: std::iter::once(program)
                        .chain(arguments.iter().cloned())
                        .collect(),
                    environment,
                    folder: settings.cwd.clone().into(),
                })
            }
            _ => {
                let message = "it is not said where the server is, or said twice";
                let problem = Problem::new(path.iter().copied(), message);
                self.problems
                    .push(problem.expected("exactly one of `url`, `urls` and `command`"));
                None
            }
        }
    }

    /// Replicas that speak HTTP. Each is judged as far as its text tells, and its headers belong to its origin.
    fn addresses_of_server(
        &mut self,
        written: &[String],
        key: &[&str],
        settings: &Settings,
        path: &[&str],
    ) -> Option<Where> {
        let mut allow = match Allow::read(&settings.allow_private) {
            Ok(allow) => allow,
            Err(problems) => {
                let key = [path, &["allow_private"]].concat();
                let problems = problems.into_iter();
                self.problems
                    .extend(problems.map(|problem| problem.under(key.iter().copied())));
                return None;
            }
        };
        let mut urls = Vec::with_capacity(written.len());
        for text in written {
            let Ok(url) = Url::parse(text) else {
                let message = format!("`{text}` is no URL");
                let problem = Problem::new(key.iter().copied(), message);
                self.problems
                    .push(problem.expected("like `https://tools.example.com/mcp`"));
                continue;
            };
            allow = allow.with_port_of(&url).with_this_machine_of(&url);
            if let Err(why) = judge(&url, &allow) {
                let message = format!("`{text}` may not be asked: {why}");
                self.problems
                    .push(Problem::new(key.iter().copied(), message));
            }
            urls.push(url);
        }
        let headers = urls.iter().map(|url| self.headers(settings, url, path));
        let headers = headers.collect();
        Some(Where::Http {
            urls,
            headers,
            allow,
        })
    }

    /// The headers of one replica.
    fn headers(&mut self, settings: &Settings, url: &Url, path: &[&str]) -> Vec<Bound> {
        let mut headers = Vec::with_capacity(settings.headers.len());
        for (written, value) in &settings.headers {
            let path = [path, &["headers", written]].concat();
            let name = HeaderName::try_from(written).ok();
            let name = name.filter(|name| !OURS.contains(&name.as_str()));
            let Some(name) = name else {
                let message = "it is no header's name, or one that follows from the request";
                self.report(Problem::new(path.iter().copied(), message));
                continue;
            };
            let (before, value) = match value.split_at(value.rfind(' ').map_or(0, |at| at + 1)) {
                (before, rest) if names_secret(rest) => (before, rest),
                _ => ("", value.as_str()),
            };
            let is_secret = [header::AUTHORIZATION, header::COOKIE].contains(&name);
            if is_secret && !names_secret(value) {
                let problem = Problem::new(path.iter().copied(), "this header holds a secret");
                self.report(problem.expected("`env:NAME`, `file:PATH` or `Bearer env:NAME`"));
                continue;
            }
            let Some(secret) = self.plain_or_secret(value, &path) else {
                continue;
            };
            match Bound::new(url, name, before, &secret) {
                Some(bound) => headers.push(bound),
                None => {
                    let message = "it has characters that cannot stand in a header";
                    self.report(Problem::new(path.iter().copied(), message));
                }
            }
        }
        headers
    }
}

/// What is wrong, as far as one key tells.
fn problems(settings: &Settings) -> Vec<Problem> {
    let runs = !settings.command.is_empty();
    let folder = Path::new(&settings.cwd);
    let wants = |key: &'static str, fits: bool, expected: &str| {
        (!fits).then(|| Problem::new([key], format!("`{key}` does not fit")).expected(expected))
    };
    let only_for = |key: &'static str, is_set: bool, what: &str| {
        is_set.then(|| {
            Problem::new([key], format!("`{key}` means nothing here"))
                .expected(format!("`{what}`, or no `{key}`"))
        })
    };
    let counts = 1..=MOST_REPLICAS;
    [
        wants("processes", counts.contains(&settings.processes), "1 to 64"),
        wants("urls", settings.urls.len() <= MOST_REPLICAS, "at most 64"),
        wants("memory", settings.memory >= LEAST.0, "at least 16777216"),
        wants("files", settings.files >= LEAST.1, "at least 16"),
        wants(
            "max_message",
            MESSAGE.contains(&settings.max_message),
            "4096 to 67108864",
        ),
        wants(
            "max_sessions",
            SESSIONS.contains(&settings.max_sessions),
            "1 to 100000",
        ),
        wants(
            "connect_timeout",
            !settings.connect_timeout.get().is_zero(),
            "more than 0s",
        ),
        wants(
            "cwd",
            !runs || (folder.is_absolute() && folder.is_dir()),
            "the absolute path of a folder",
        ),
        only_for("env", !runs && !settings.env.is_empty(), "command"),
        only_for("processes", !runs && settings.processes > 1, "urls"),
        only_for("headers", runs && !settings.headers.is_empty(), "url"),
        only_for(
            "allow_private",
            runs && !settings.allow_private.is_empty(),
            "url",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
