//! Where an issuer's endpoints are, by its own metadata (RFC 8414, OpenID Connect Discovery).

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};
use url::Url;

use super::reader::{Missing, REST, Reader};
use crate::json::Object;

/// The largest metadata, in bytes. Large providers' have some 10 KiB.
const LARGEST: usize = 64 * 1024;

/// How long metadata is kept. It changes when a provider moves, which it announces.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);

/// What an issuer says of itself, as far as it matters here.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    /// Where its keys are.
    pub(super) keys: Option<Url>,
    /// Where tokens are asked about.
    pub(super) introspection: Option<Url>,
}

/// Finds an issuer's metadata, once for all who want it at a time.
#[derive(Debug)]
pub(super) struct Discovery {
    issuer: String,
    places: Vec<Url>,
    /// What came of the last search, and until when it counts. Who searches holds it; every search has a deadline.
    found: Mutex<Option<(Result<Metadata, Missing>, Instant)>>,
}

impl Discovery {
    pub(super) fn new(issuer: &str, url: &Url) -> Self {
        Self {
            issuer: issuer.to_owned(),
            places: places(url),
            found: Mutex::default(),
        }
    }

    /// The issuer's metadata.
    pub(super) async fn metadata(
        &self,
        reader: &Reader,
        deadline: Instant,
    ) -> Result<Metadata, Missing> {
        let mut found = self.found.lock().await;
        if let Some((result, until)) = &*found
            && Instant::now() < *until
        {
            return result.clone();
        }
        let result = self.search(reader, deadline).await;
        let time = if result.is_ok() { KEPT_FOR } else { REST };
        *found = Some((result.clone(), Instant::now() + time));
        result
    }

    /// What was found is not believed any more: nothing was where it pointed to.
    pub(super) async fn forget(&self) {
        self.found.lock().await.take_if(|(found, _)| found.is_ok());
    }

    /// The first document that is there and of this issuer. Several services may share a host: a document of another
    /// issuer is passed over.
    async fn search(&self, reader: &Reader, deadline: Instant) -> Result<Metadata, Missing> {
        let mut why = Missing::Wrong("its metadata has no place");
        for place in &self.places {
            let read = match reader.get(place, LARGEST, deadline).await {
                Ok(answer) => self.read(&answer.body),
                Err(missing) => Err(missing),
            };
            match read {
                Ok(metadata) => return Ok(metadata),
                Err(missing) => why = missing,
            }
        }
        Err(why)
    }

    fn read(&self, body: &[u8]) -> Result<Metadata, Missing> {
        let wrong = || Missing::Wrong("its metadata is no JSON object");
        let document = Object::parse(body).map_err(|_| wrong())?;
        // RFC 8414 §3.3: identical, or else anybody could speak for the issuer.
        if document.peek::<String>("issuer").as_ref() != Some(&self.issuer) {
            return Err(Missing::Wrong("its metadata is another issuer's"));
        }
        let url = |key| {
            let written: Option<String> = document.peek(key);
            written.and_then(|written| Url::parse(&written).ok())
        };
        Ok(Metadata {
            keys: url("jwks_uri"),
            introspection: url("introspection_endpoint"),
        })
    }
}

/// Where metadata may be, in the order in which MCP's clients look: RFC 8414's place, then OpenID's, each before the
/// issuer's path, and OpenID's behind it.
fn places(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    let place = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    paths.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(issuer: &str, expected: &[&str]) {
        let found = places(&Url::parse(issuer).unwrap());
        let found: Vec<&str> = found.iter().map(Url::as_str).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_issuers_path_stands_behind_the_well_known_one() {
        for bare in ["https://id.example", "https://id.example/"] {
            check(
                bare,
                &[
                    "https://id.example/.well-known/oauth-authorization-server",
                    "https://id.example/.well-known/openid-configuration",
                ],
            );
        }
        check(
            "https://id.example:8443/realms/staff",
            &[
                "https://id.example:8443/.well-known/oauth-authorization-server/realms/staff",
                "https://id.example:8443/.well-known/openid-configuration/realms/staff",
                "https://id.example:8443/realms/staff/.well-known/openid-configuration",
            ],
        );
    }
}
