//! What is wrong with tokens' settings, as far as their text tells.

use std::collections::BTreeSet;

use url::{Host, Url};

use super::{Issuer, OAuth};
use crate::{access::resource::is_asked_for, problem::Problem, span::Span};

/// An issuer's keys are not fetched more often than this, whoever says so.
const SHORTEST_KEYS_FOR: Span = Span::secs(30);

/// Longer names fill logs.
const LONGEST_NAME: usize = 64;

impl OAuth {
    /// Everything that is wrong. Paths start at the keys of this table.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(resource(&self.resource));
        if self.issuers.is_empty() {
            let none = "there are no issuers, so no token is good";
            problems.push(Problem::new(["issuers"], none).expected("at least one issuer"));
        }
        for (at, issuer) in self.issuers.iter().enumerate() {
            let at = at.to_string();
            let wrong = issuer.problems().into_iter();
            problems.extend(wrong.map(|problem| problem.under(["issuers", &at])));
        }
        self.twins(&mut problems);
        self.misnamed_scopes(&mut problems);
        self.unfit_first_scopes(&mut problems);
        let zero =
            |limit: &str| Problem::new([limit], format!("{limit} is 0")).expected("at least 1");
        problems.extend((self.rpm == Some(0)).then(|| zero("rpm")));
        problems.extend((self.tpm == Some(0)).then(|| zero("tpm")));
        problems
    }

    /// Issuers that cannot be told apart: by what their tokens say, by name, or by tokens that say nothing.
    fn twins(&self, problems: &mut Vec<Problem>) {
        let (mut urls, mut names) = (BTreeSet::new(), BTreeSet::new());
        let mut asks = None;
        for (at, issuer) in self.issuers.iter().enumerate() {
            let at = at.to_string();
            let path = |key: &str| ["issuers".to_owned(), at.clone(), key.to_owned()];
            if !urls.insert(&issuer.issuer) {
                let message = format!("another entry is for `{}` too", issuer.issuer);
                problems.push(Problem::new(path("issuer"), message));
            } else if !names.insert(issuer.called()) {
                let message = format!("another issuer is called `{}` too", issuer.called());
                problems.push(Problem::new(path("name"), message).expected("a name of its own"));
            }
            if issuer.introspection.is_some() && asks.replace(&issuer.issuer).is_some() {
                // A token that is no JWT does not say who made it, and must not be shown to another.
                let message = "another issuer is asked about tokens too, and an opaque one does not say whose it is";
                problems.push(
                    Problem::new(path("introspection"), message)
                        .expected("`introspection` of one issuer only"),
                );
            }
        }
    }

    fn misnamed_scopes(&self, problems: &mut Vec<Problem>) {
        for (name, grant) in &self.scopes {
            if !is_scope(name) {
                let message = format!("no token can have the scope `{name}`");
                problems.push(
                    Problem::new(["scopes", name], message)
                        .expected("printable ASCII without spaces, quotes and backslashes"),
                );
            }
            for (at, implied) in grant.implies.iter().enumerate() {
                if !self.scopes.contains_key(implied) {
                    let path = ["scopes", name, "implies", &at.to_string()].map(str::to_owned);
                    let problem = Problem::new(path, format!("there is no scope `{implied}`"));
                    let known = self.scopes.keys().map(String::as_str);
                    problems.push(problem.suggest(implied, known));
                }
            }
        }
    }

    /// First scopes that nobody could do anything with.
    fn unfit_first_scopes(&self, problems: &mut Vec<Problem>) {
        let Some(first) = &self.first_scopes else {
            return;
        };
        if first.is_empty() {
            let none = "there are none, and clients that are told none ask for all";
            problems.push(Problem::new(["first_scopes"], none).expected("at least one scope"));
        }
        for (at, scope) in first.iter().enumerate() {
            let problem =
                |message: String| Problem::new(["first_scopes", &at.to_string()], message);
            if !self.scopes.contains_key(scope) {
                let known = self.scopes.keys().map(String::as_str);
                let message = format!("there is no scope `{scope}`");
                problems.push(problem(message).suggest(scope, known));
            } else if !is_asked_for(scope) {
                let message = format!("`{scope}` is between a client and its authorization server");
                problems.push(problem(message).expected("a scope that allows something here"));
            }
        }
    }
}

impl Issuer {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |key: &str, message: String, expected: &str| {
            problems.push(Problem::new(key.split('.'), message).expected(expected));
        };
        let web = "a whole URL, like `https://id.example.com`";
        match Url::parse(&self.issuer) {
            Ok(url) if !is_web(&url) => {
                wrong("issuer", format!("`{url}` is no address of the web"), web);
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                let message = format!("`{url}` has a query or a fragment");
                wrong("issuer", message, "neither (RFC 8414)");
            }
            Ok(_) => {}
            Err(error) => wrong("issuer", format!("`{}`: {error}", self.issuer), web),
        }
        let asked = self.introspection.as_ref();
        let others = [
            ("jwks", self.jwks.as_ref()),
            ("introspection.url", asked.and_then(|it| it.url.as_ref())),
        ];
        for (key, written) in others {
            if let Some(written) = written
                && !Url::parse(written).is_ok_and(|url| is_web(&url))
            {
                wrong(key, format!("`{written}` is no address of the web"), web);
            }
        }
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        if self.name.as_ref().is_some_and(|name| {
            name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain)
        }) {
            // A slash would make `a/b` of issuer `c` the same as `b` of issuer `c/a`.
            let message = "the name is unfit for names of people, which are `issuer/subject`";
            let expected = "up to 64 letters, digits, `-`, `.` and `_`";
            wrong("name", message.to_owned(), expected);
        }
        if self.algorithms.is_empty() {
            let message = "no algorithm is good, so no token is".to_owned();
            wrong("algorithms", message, "at least one, like `RS256`");
        }
        if self.keys_for < SHORTEST_KEYS_FOR {
            let message = format!("{} is too short", self.keys_for);
            wrong("keys_for", message, "at least 30s");
        }
        if asked.is_some_and(|asked| asked.client_id.is_empty()) {
            let message = "the gateway needs a name there".to_owned();
            wrong("introspection.client_id", message, "a client's id");
        }
        problems
    }
}

/// A resource's identifier as clients compare it (RFC 8707 §2, RFC 9728 §1.2).
fn resource(written: &str) -> Option<Problem> {
    let problem = |message: String| {
        Problem::new(["resource"], message)
            .expected("the URL callers know `/mcp` by, like `https://gateway.example.com/mcp`")
    };
    let url = match Url::parse(written) {
        Ok(url) if is_web(&url) => url,
        _ => return Some(problem(format!("`{written}` is no address of the web"))),
    };
    let wrong = if url.scheme() == "http" && !is_loopback(&url) {
        "is http, and its host is not this machine"
    } else if url.query().is_some() || url.fragment().is_some() {
        "has a query or a fragment"
    } else if !url.username().is_empty() || url.password().is_some() {
        "has a user name in it"
    } else if written.ends_with('/') || url.path() == "/" {
        "has no path, or a slash at its end"
    } else if url.as_str() != written {
        return Some(problem(format!(
            "`{written}` is not spelt as clients send it: `{url}`"
        )));
    } else {
        return None;
    };
    Some(problem(format!("`{written}` {wrong}")))
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a token can have this scope (RFC 6749 §3.3).
pub fn is_scope(name: &str) -> bool {
    let letter = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !name.is_empty() && name.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::access::{Grant, Introspection};

    fn issuer(url: &str) -> Issuer {
        Issuer {
            issuer: url.into(),
            ..Issuer::default()
        }
    }

    fn good() -> OAuth {
        OAuth {
            resource: "https://gateway.example.com/mcp".into(),
            issuers: vec![issuer("https://id.example.com/realms/staff")],
            scopes: BTreeMap::from([("docs:read".into(), Grant::default())]),
            ..OAuth::default()
        }
    }

    #[track_caller]
    fn check(oauth: OAuth, expected: &[&str]) {
        let problems = oauth.problems();
        let paths: Vec<_> = problems.iter().map(|it| it.path.join(".")).collect();
        assert_eq!(paths, expected, "{problems:#?}");
    }

    #[test]
    fn what_is_right_has_no_problems() {
        check(good(), &[]);
        let local = OAuth {
            resource: "http://127.0.0.1:8080/mcp".into(),
            ..good()
        };
        check(local, &[]);
        check(OAuth::default(), &["resource", "issuers"]);
    }

    #[test]
    fn a_resource_is_spelt_as_clients_spell_it() {
        for wrong in [
            "gateway.example.com/mcp",
            "http://gateway.example.com/mcp",
            "https://gateway.example.com",
            "https://gateway.example.com/",
            "https://gateway.example.com/mcp/",
            "https://gateway.example.com/mcp#x",
            "https://gateway.example.com/mcp?x",
            "https://me@gateway.example.com/mcp",
            "https://Gateway.example.com/mcp",
            "https://gateway.example.com:443/mcp",
            "urn:gateway",
        ] {
            let oauth = OAuth {
                resource: wrong.into(),
                ..good()
            };
            check(oauth, &["resource"]);
        }
    }

    #[test]
    fn issuers_are_told_apart() {
        let twice = |second: Issuer| OAuth {
            issuers: vec![issuer("https://id.example.com/a"), second],
            ..good()
        };
        check(
            twice(issuer("https://id.example.com/a")),
            &["issuers.1.issuer"],
        );
        check(
            twice(issuer("https://id.example.com/b")),
            &["issuers.1.name"],
        );
        let named = |name: &str| Issuer {
            name: Some(name.into()),
            ..issuer("https://id.example.com/b")
        };
        check(twice(named("b")), &[]);
        for wrong in ["", "a/b", "a b", "a\n", &"x".repeat(65)] {
            check(twice(named(wrong)), &["issuers.1.name"]);
        }
        let asked = |url: &str, name: &str| Issuer {
            name: Some(name.into()),
            introspection: Some(Introspection {
                client_id: "gateway".into(),
                ..Introspection::default()
            }),
            ..issuer(url)
        };
        let oauth = OAuth {
            issuers: vec![
                asked("https://a.example", "a"),
                asked("https://b.example", "b"),
            ],
            ..good()
        };
        check(oauth, &["issuers.1.introspection"]);
    }

    #[test]
    fn first_scopes_are_scopes() {
        let with = |first: &[&str]| {
            let mut oauth = good();
            oauth
                .scopes
                .insert("offline_access".into(), Grant::default());
            oauth.first_scopes = Some(first.iter().map(|&scope| scope.into()).collect());
            oauth
        };
        check(with(&["docs:read"]), &[]);
        check(with(&[]), &["first_scopes"]);
        let unfit = with(&["docs:read", "docs:raed", "offline_access"]);
        check(unfit, &["first_scopes.1", "first_scopes.2"]);
    }

    #[test]
    fn every_mistake_is_told_in_its_place() {
        let wrong = Issuer {
            jwks: Some("keys.json".into()),
            algorithms: Vec::new(),
            keys_for: Span::secs(1),
            introspection: Some(Introspection {
                url: Some("ftp://a/b".into()),
                ..Introspection::default()
            }),
            ..issuer("id.example.com")
        };
        let scopes = BTreeMap::from([
            ("docs read".into(), Grant::default()),
            (
                "write".into(),
                Grant {
                    implies: vec!["writ".into()],
                    ..Grant::default()
                },
            ),
        ]);
        let oauth = OAuth {
            issuers: vec![wrong],
            scopes,
            rpm: Some(0),
            tpm: Some(0),
            ..good()
        };
        check(
            oauth,
            &[
                "issuers.0.issuer",
                "issuers.0.jwks",
                "issuers.0.introspection.url",
                "issuers.0.algorithms",
                "issuers.0.keys_for",
                "issuers.0.introspection.client_id",
                "scopes.docs read",
                "scopes.write.implies.0",
                "rpm",
                "tpm",
            ],
        );
    }
}
