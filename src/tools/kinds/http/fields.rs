//! The headers of a request: templates, and secrets that are bound to the tool's host.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::{
    settings::{Auth, Header, Settings},
    values::{Filled, Unfit},
};
use crate::{
    problem::Problem,
    secret::Secret,
    tools::{Materials, input::Input, redact::Redactor},
    upstream::guarded::Bound,
};

/// Headers that belong to the connection or to us: a template for one would change what the request is.
const OURS: [HeaderName; 12] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    header::ACCEPT_ENCODING,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    header::CONTENT_TYPE,
];

/// Headers whose value is always a secret.
const SECRET: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];

/// The headers of a tool's requests.
#[derive(Debug, Default)]
pub(super) struct Fields {
    plain: Vec<(HeaderName, Filled)>,
    /// Those with secrets.
    pub(super) bound: Vec<Bound>,
}

/// Reads the headers, and the secrets in them.
pub(super) struct Reader<'a, 'b> {
    pub(super) origin: &'a Url,
    pub(super) materials: &'a mut Materials<'b>,
    pub(super) fields: Fields,
    pub(super) redactor: Redactor,
    pub(super) problems: Vec<Problem>,
}

impl Reader<'_, '_> {
    /// Reads all of them.
    pub(super) fn read(&mut self, settings: &Settings) {
        for (name, value) in &settings.headers {
            self.header(name, value);
        }
        match &settings.auth {
            None => {}
            Some(Auth::Bearer(secret)) => {
                let path = ["auth", "bearer"];
                self.secret(header::AUTHORIZATION, "Bearer ", secret, &path);
            }
            Some(Auth::Basic(basic)) => {
                let path = ["auth", "basic", "password"];
                let Some(password) = (self.materials.secret)(&basic.password, &path) else {
                    return;
                };
                self.redactor.hide(&password);
                let pair = format!("{}:{}", basic.user, password.reveal());
                let pair = Secret::new(BASE64_STANDARD.encode(pair));
                self.bind(header::AUTHORIZATION, "Basic ", &pair, &path);
            }
        }
    }

    fn header(&mut self, written: &str, value: &Header) {
        let path = ["headers", written];
        let Ok(name) = HeaderName::try_from(written) else {
            let message = "it is no name of a header";
            return self.problems.push(Problem::new(path, message));
        };
        if OURS.contains(&name) {
            let message = "this header follows from the request, and is not set";
            return self.problems.push(Problem::new(path, message));
        }
        match value {
            Header::Secret(header) => {
                let path = ["headers", written, "secret"];
                self.secret(name, &header.before, &header.secret, &path);
            }
            Header::Text(_) if SECRET.contains(&name) => {
                let problem = Problem::new(path, "this header holds a secret");
                self.problems
                    .push(problem.expected("`auth`, or `{secret: env:NAME}`"));
            }
            Header::Text(text) => match Filled::compile(text, &path) {
                Ok(filled) => self.fields.plain.push((name, filled)),
                Err(problem) => self.problems.push(problem),
            },
        }
    }

    fn secret(&mut self, name: HeaderName, before: &str, written: &str, path: &[&str]) {
        // What is wrong with it was reported where it was read.
        if let Some(secret) = (self.materials.secret)(written, path) {
            self.bind(name, before, &secret, path);
        }
    }

    fn bind(&mut self, name: HeaderName, before: &str, secret: &Secret, path: &[&str]) {
        self.redactor.hide(secret);
        match Bound::new(self.origin, name, before, secret) {
            Some(bound) => self.fields.bound.push(bound),
            None => {
                let message = "it has characters that cannot stand in a header";
                self.problems
                    .push(Problem::new(path.iter().copied(), message));
            }
        }
    }
}

impl Fields {
    /// The headers without secrets, for these arguments.
    pub(super) fn plain(&self, input: &Input<'_>) -> Result<HeaderMap, Unfit> {
        let mut headers = HeaderMap::new();
        for (name, filled) in &self.plain {
            let Some(text) = filled.text(input)? else {
                continue;
            };
            // The type refuses line ends and other controls; beyond ASCII nobody agrees on what is meant.
            let value = HeaderValue::from_str(&text)
                .ok()
                .filter(|_| text.is_ascii());
            let value = value.ok_or_else(|| {
                Unfit(format!(
                    "An argument has characters that cannot stand in the header {name}"
                ))
            })?;
            headers.insert(name.clone(), value);
        }
        Ok(headers)
    }
}
