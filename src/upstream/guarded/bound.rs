//! A secret that goes to one origin and nowhere else.

use http::{HeaderName, HeaderValue};
use url::{Origin, Url};

use crate::secret::Secret;

/// A header with a secret in it, and the origin it belongs to: scheme, host and port. There is no way to the header
/// but through a URL of that origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    origin: Origin,
    name: HeaderName,
    /// Marked as sensitive: it does not print.
    value: HeaderValue,
}

impl Bound {
    /// Binds `secret`, with `before` in front of it (like `Bearer `), to the origin of `url`. `None` where it cannot
    /// stand in a header.
    pub fn new(url: &Url, name: HeaderName, before: &str, secret: &Secret) -> Option<Self> {
        let mut value = HeaderValue::from_str(&[before, secret.reveal()].concat()).ok()?;
        value.set_sensitive(true);
        let origin = url.origin();
        Some(Self {
            origin,
            name,
            value,
        })
    }

    /// The header's name.
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The header, for a request to its origin.
    pub(super) fn at(&self, url: &Url) -> Option<(HeaderName, HeaderValue)> {
        (url.origin() == self.origin).then(|| (self.name.clone(), self.value.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_for_its_origin_alone_and_does_not_print() {
        let url = |text: &str| Url::parse(text).unwrap();
        let name = http::header::AUTHORIZATION;
        let secret = Secret::new("sk-canary");
        let bound = Bound::new(&url("https://a.example/x"), name, "Bearer ", &secret).unwrap();
        assert!(bound.at(&url("https://a.example/other?q")).is_some());
        assert!(bound.at(&url("https://A.example:443/")).is_some());
        for other in [
            "http://a.example/x",
            "https://b.example/x",
            "https://a.example:8443/x",
            "https://a.example.evil.example/",
            "https://sub.a.example/",
            "https://a.example./",
        ] {
            assert!(bound.at(&url(other)).is_none(), "{other}");
        }
        assert!(!format!("{bound:?}").contains("canary"));
    }
}
