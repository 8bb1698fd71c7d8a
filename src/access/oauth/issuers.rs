//! What is wrong with issuers, as far as their text tells.

use std::collections::BTreeSet;

use url::Url;

use super::{Issuer, OAuth};
use crate::{problem::Problem, span::Span};

/// An issuer's keys are not fetched more often than this, whoever says so.
const SHORTEST_KEYS_FOR: Span = Span::secs(30);

const A_URL: &str = "a whole URL, like `https://id.example.com`";

impl OAuth {
    /// Everything that is wrong with the issuers. Paths start at the keys of this table.
    pub fn issuer_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut known = BTreeSet::new();
        let mut asked = false;
        for (at, issuer) in self.issuers.iter().enumerate() {
            let mut wrong = issuer.problems();
            if !known.insert(&issuer.issuer) {
                let message = format!("another entry is for `{}` too", issuer.issuer);
                wrong.push(Problem::new(["issuer"], message));
            }
            // A token that is no JWT does not say whose it is, and must not be shown to anybody else.
            if issuer.introspection.is_some() && std::mem::replace(&mut asked, true) {
                let message = "another issuer is asked about tokens too, and theirs do not say whose they are";
                let problem = Problem::new(["introspection"], message);
                wrong.push(problem.expected("`introspection` of one issuer only"));
            }
            let at = at.to_string();
            let wrong = wrong.into_iter();
            problems.extend(wrong.map(|problem| problem.under(["issuers", &at])));
        }
        problems
    }
}

impl Issuer {
    fn problems(&self) -> Vec<Problem> {
        let asked = self.introspection.as_ref();
        let urls = [
            ("issuer", Some(&self.issuer)),
            ("jwks", self.jwks.as_ref()),
            ("introspection.url", asked.and_then(|it| it.url.as_ref())),
        ];
        let urls = urls.into_iter().filter_map(|(key, written)| {
            let message = not_on_the_web(written?)?;
            Some(Problem::new(key.split('.'), message).expected(A_URL))
        });
        let mut problems: Vec<Problem> = urls.collect();
        if Url::parse(&self.issuer).is_ok_and(|url| url.query().or(url.fragment()).is_some()) {
            let message = format!("`{}` has a query or a fragment", self.issuer);
            problems.push(Problem::new(["issuer"], message).expected("neither (RFC 8414)"));
        }
        if self.algorithms.is_empty() {
            let message = "no algorithm is good, so no token is";
            let problem = Problem::new(["algorithms"], message);
            problems.push(problem.expected("at least one, like `RS256`"));
        }
        if self.keys_for < SHORTEST_KEYS_FOR {
            let message = format!("{} is too short", self.keys_for);
            let expected = format!("at least {SHORTEST_KEYS_FOR}");
            problems.push(Problem::new(["keys_for"], message).expected(expected));
        }
        if asked.is_some_and(|asked| asked.client_id.is_empty()) {
            let path = ["introspection", "client_id"];
            let problem = Problem::new(path, "the gateway needs a name there");
            problems.push(problem.expected("the id of a client"));
        }
        problems
    }
}

fn not_on_the_web(written: &str) -> Option<String> {
    match Url::parse(written) {
        Err(error) => Some(format!("`{written}` is no URL: {error}")),
        Ok(url) if matches!(url.scheme(), "http" | "https") => None,
        Ok(_) => Some(format!("`{written}` is neither https nor http")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Introspection;

    fn issuer(url: &str) -> Issuer {
        Issuer {
            issuer: url.into(),
            ..Issuer::default()
        }
    }

    #[track_caller]
    fn check(issuers: Vec<Issuer>, expected: &[&str]) {
        let oauth = OAuth {
            issuers,
            ..OAuth::default()
        };
        let problems = oauth.issuer_problems();
        let paths: Vec<_> = problems.iter().map(|it| it.path.join(".")).collect();
        assert_eq!(paths, expected, "{problems:#?}");
    }

    #[test]
    fn issuers_are_told_apart() {
        let (a, b) = ("https://id.example.com/a", "https://id.example.com/b");
        check(vec![issuer(a), issuer(b)], &[]);
        check(vec![issuer(a), issuer(a)], &["issuers.1.issuer"]);
        let asked = |url: &str| Issuer {
            introspection: Some(Introspection {
                client_id: "gateway".into(),
                ..Introspection::default()
            }),
            ..issuer(url)
        };
        check(vec![asked(a), issuer(b)], &[]);
        check(vec![asked(a), asked(b)], &["issuers.1.introspection"]);
    }

    #[test]
    fn an_issuer_is_written_as_its_tokens_write_it() {
        for wrong in [
            "",
            "id.example.com",
            "urn:issuer",
            "https://",
            "https://id.example.com?a",
            "https://id.example.com#a",
        ] {
            check(vec![issuer(wrong)], &["issuers.0.issuer"]);
        }
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
        let expected = [
            "issuers.0.issuer",
            "issuers.0.jwks",
            "issuers.0.introspection.url",
            "issuers.0.algorithms",
            "issuers.0.keys_for",
            "issuers.0.introspection.client_id",
        ];
        check(vec![wrong], &expected);
    }
}
