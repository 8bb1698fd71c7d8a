//! The request of a tool, with everything in it that does not depend on arguments.

use http::{HeaderMap, HeaderValue, header};
use tokio::time::Instant;

use super::{
    address::Address,
    body::Shape,
    fields::{Fields, Reader},
    settings::{Method, Settings},
    values::{Filled, Unfit},
};
use crate::{
    problem::Problem,
    tools::{Materials, input::Input, redact::Redactor},
    upstream::guarded::{self, Allow},
};

/// The largest answer that may be asked for, in bytes: it is held in memory as a whole, for each running call.
const LARGEST: usize = 32 * 1024 * 1024;

/// The request of a tool, before its arguments.
#[derive(Debug)]
pub(super) struct Outline {
    method: http::Method,
    address: Address,
    query: Vec<(String, Filled)>,
    fields: Fields,
    body: Option<Shape>,
    allow: Allow,
    max_bytes: usize,
}

impl Outline {
    /// Reads the request as written, and gives what must not be told of it.
    pub(super) fn read(
        settings: &Settings,
        materials: &mut Materials<'_>,
    ) -> Result<(Self, Redactor), Vec<Problem>> {
        let mut problems = Vec::new();
        let allow = Allow::read(&settings.allow_private).unwrap_or_else(|wrong| {
            let under = wrong.into_iter().map(|it| it.under(["allow_private"]));
            problems.extend(under);
            Allow::default()
        });
        let address = Address::read(&settings.url).map_err(|problem| problems.push(problem));
        let query = query(settings, &mut problems);
        let body = settings.body.as_ref().map(Shape::read).transpose();
        let body = body.unwrap_or_else(|wrong| {
            problems.extend(wrong);
            None
        });
        if settings.method == Method::Get && settings.body.is_some() {
            let problem = Problem::new(["body"], "a GET has no body");
            problems.push(problem.expected("another `method`, or `query`"));
        }
        if !(1..=LARGEST).contains(&settings.max_response) {
            let problem = Problem::new(["max_response"], "it is no size for an answer");
            problems.push(problem.expected(format!("1 to {LARGEST} bytes")));
        }
        let Ok(address) = address else {
            return Err(problems);
        };
        let allow = allow.with_port_of(address.origin());
        problems.extend(address.judge(&allow).err());
        let mut reader = Reader {
            origin: address.origin(),
            materials,
            fields: Fields::default(),
            redactor: Redactor::default(),
            problems,
        };
        reader.read(settings);
        let Reader {
            fields,
            redactor,
            problems,
            ..
        } = reader;
        if !problems.is_empty() {
            return Err(problems);
        }
        let outline = Self {
            method: method(settings.method),
            address,
            query,
            fields,
            body,
            allow,
            max_bytes: settings.max_response,
        };
        Ok((outline, redactor))
    }

    /// The request with these arguments.
    pub(super) fn request(
        &self,
        input: &Input<'_>,
        deadline: Instant,
    ) -> Result<guarded::Request<'_>, Unfit> {
        let mut url = self.address.url(input)?;
        for (name, filled) in &self.query {
            for text in filled.texts(input)? {
                url.query_pairs_mut().append_pair(name, &text);
            }
        }
        let mut headers = self.headers(input)?;
        let mut body = None;
        if let Some(shape) = &self.body {
            body = shape.bytes(input)?;
            if body.is_some() {
                let media_type = HeaderValue::from_static(shape.media_type());
                headers.insert(header::CONTENT_TYPE, media_type);
            }
        }
        Ok(guarded::Request {
            method: self.method.clone(),
            url,
            headers,
            secrets: &self.fields.bound,
            body,
            max_bytes: self.max_bytes,
            deadline,
            allow: &self.allow,
        })
    }

    fn headers(&self, input: &Input<'_>) -> Result<HeaderMap, Unfit> {
        let mut headers = self.fields.plain(input)?;
        headers
            .entry(header::ACCEPT)
            .or_insert(HeaderValue::from_static(
                "application/json, text/*;q=0.9, */*;q=0.5",
            ));
        Ok(headers)
    }
}

fn query(settings: &Settings, problems: &mut Vec<Problem>) -> Vec<(String, Filled)> {
    let query = settings.query.iter().filter_map(|(name, text)| {
        let filled = Filled::compile(text, &["query", name]);
        let filled = filled.map_err(|problem| problems.push(problem));
        Some((name.clone(), filled.ok()?))
    });
    query.collect()
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
    }
}
