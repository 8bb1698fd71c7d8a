//! One resource.

use rmcp::model::{Resource as WireResource, ResourceContents};

use super::{Read, ResourceSettings, body::Body};
use crate::problem::Problem;

/// The longest address. Those of the web are kept below 2,000 characters by common use.
const LONGEST: usize = 2_000;

/// One resource.
#[derive(Debug)]
pub(super) struct Resource {
    /// As clients see it in lists.
    pub(super) wire: WireResource,
    body: Body,
}

impl Resource {
    pub(super) fn build(
        name: &str,
        settings: &ResourceSettings,
        read: &Read<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems: Vec<Problem> = address_problem(&settings.uri).into_iter().collect();
        let body = Body::of_resource(settings, read);
        let body = body.map_err(|problem| problems.push(problem)).ok();
        let (Some(body), true) = (body, problems.is_empty()) else {
            return Err(problems);
        };
        let mut wire = WireResource::new(&settings.uri, name);
        wire.title.clone_from(&settings.title);
        wire.description.clone_from(&settings.description);
        wire.mime_type.clone_from(&settings.mime);
        wire.size = match &body {
            Body::Text(text) => u64::try_from(text.len()).ok(),
            Body::Bytes(base64) => u64::try_from(decoded_length(base64)).ok(),
        };
        Ok(Self { wire, body })
    }

    /// What stands in it.
    pub(super) fn contents(&self) -> ResourceContents {
        let uri = self.wire.uri.clone();
        let contents = match &self.body {
            Body::Text(text) => ResourceContents::text(text, uri),
            Body::Bytes(base64) => ResourceContents::blob(base64, uri),
        };
        match &self.wire.mime_type {
            Some(mime) => contents.with_mime_type(mime),
            None => contents,
        }
    }
}

/// How many bytes a base64 text stands for.
fn decoded_length(base64: &str) -> usize {
    let padding = base64
        .bytes()
        .rev()
        .take_while(|&byte| byte == b'=')
        .count();
    base64.len() / 4 * 3 - padding
}

/// What is wrong with an address, or the form of addresses.
pub(super) fn address_problem(uri: &str) -> Option<Problem> {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let sane = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, '+' | '-' | '.'));
    let clean = uri
        .chars()
        .all(|it| !it.is_whitespace() && !it.is_control());
    let message = if !sane || !clean {
        format!("`{uri}` is no address")
    } else if uri.len() > LONGEST {
        format!(
            "the address has {} bytes, and {LONGEST} are allowed",
            uri.len()
        )
    } else {
        return None;
    };
    let problem = Problem::new(["uri"], message);
    Some(problem.expected("a scheme of your own and what it names, like `docs://handbook`"))
}
