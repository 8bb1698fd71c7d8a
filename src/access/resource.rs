//! The gateway as a protected resource (RFC 9728): where it says whose tokens it takes, and what it says.

use super::OAuth;

/// Where a resource says whose tokens it takes: between its host and its path (RFC 9728, 3.1).
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// A scope by which clients get refresh tokens. Those are between a client and its authorization server.
const OFFLINE_ACCESS: &str = "offline_access";

impl OAuth {
    /// The path of the resource, with its slash.
    pub fn path(&self) -> &str {
        &self.resource[self.origin()..]
    }

    /// Where the resource says whose tokens it takes.
    pub fn metadata_url(&self) -> String {
        let (origin, path) = self.resource.split_at(self.origin());
        format!("{origin}{WELL_KNOWN}{path}")
    }

    /// The scopes that clients should ask for.
    pub fn offered(&self) -> impl Iterator<Item = &str> {
        let scopes = self.scopes.keys().map(String::as_str);
        scopes.filter(|scope| is_asked_for(scope))
    }

    /// Of these, the ones to begin with: what lacks later is asked for when it is needed. Never none where there are any,
    /// because who is told none asks for all.
    pub fn first(&self) -> impl Iterator<Item = &str> {
        let is_first = |scope: &str| match &self.first_scopes {
            Some(first) => first.iter().any(|it| it == scope),
            None => self
                .scopes
                .get(scope)
                .is_some_and(|it| it.implies.is_empty()),
        };
        let are_all_alike = !self.offered().any(is_first);
        self.offered()
            .filter(move |scope| are_all_alike || is_first(scope))
    }

    /// Where the origin of the resource ends and its path begins.
    fn origin(&self) -> usize {
        let authority = self.resource.find("://").map_or(0, |at| at + "://".len());
        let path = self.resource[authority..].find('/');
        path.map_or(self.resource.len(), |at| authority + at)
    }
}

/// Whether clients may be told to ask for a scope.
pub(super) fn is_asked_for(scope: &str) -> bool {
    scope != OFFLINE_ACCESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Grant;

    fn of(resource: &str) -> OAuth {
        OAuth {
            resource: resource.into(),
            ..OAuth::default()
        }
    }

    #[test]
    fn metadata_stand_between_host_and_path() {
        for (resource, path, url) in [
            (
                "https://gw.example/mcp",
                "/mcp",
                "https://gw.example/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "http://127.0.0.1:8080/a/mcp",
                "/a/mcp",
                "http://127.0.0.1:8080/.well-known/oauth-protected-resource/a/mcp",
            ),
        ] {
            let oauth = of(resource);
            assert_eq!((oauth.path(), &*oauth.metadata_url()), (path, url));
        }
    }

    #[test]
    fn the_first_scopes_are_those_written_or_else_the_narrow_ones() {
        let mut oauth = of("https://gw.example/mcp");
        let first = |oauth: &OAuth| oauth.first().collect::<Vec<_>>().join(" ");
        assert_eq!(first(&oauth), "");
        for (scope, implies) in [
            ("admin", "write"),
            ("write", "read"),
            ("read", ""),
            ("chat", ""),
        ] {
            let implies = Some(implies.to_owned()).filter(|it| !it.is_empty());
            let grant = Grant {
                implies: implies.into_iter().collect(),
                ..Grant::default()
            };
            oauth.scopes.insert(scope.into(), grant);
        }
        assert_eq!(first(&oauth), "chat read");
        oauth.first_scopes = Some(vec!["write".into()]);
        assert_eq!(first(&oauth), "write");
        // Where each implies another there are no narrow ones.
        oauth.first_scopes = None;
        for scope in ["read", "chat"] {
            oauth.scopes.get_mut(scope).unwrap().implies = vec!["admin".into()];
        }
        assert_eq!(first(&oauth), "admin chat read write");
    }

    #[test]
    fn offline_access_is_offered_to_nobody() {
        let mut oauth = of("https://gw.example/mcp");
        for scope in ["b", "offline_access", "a"] {
            oauth.scopes.insert(scope.into(), Default::default());
        }
        assert_eq!(oauth.offered().collect::<Vec<_>>(), ["a", "b"]);
    }
}
