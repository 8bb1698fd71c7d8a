//! Tokens of authorization servers, as written: whose are good here, and what their scopes allow.

mod problems;

pub use problems::is_scope;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// Tokens of authorization servers that are good here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct OAuth {
    /// The URL callers know this gateway's `/mcp` by. Tokens must be made for it, letter by letter.
    pub resource: String,
    /// Other audiences that are good here too.
    pub audiences: Vec<String>,
    /// Who makes tokens.
    pub issuers: Vec<Issuer>,
    /// What each scope allows. A token without any of these scopes allows nothing.
    pub scopes: BTreeMap<String, Grant>,
    /// Scopes that somebody who comes without a good token is told to ask for; those that imply no others when absent.
    pub first_scopes: Option<Vec<String>>,
    /// Requests per minute of each holder.
    pub rpm: Option<u32>,
    /// Tokens per minute of each holder, input and output together.
    pub tpm: Option<u64>,
}

impl OAuth {
    /// Whether tokens for this audience are good here.
    pub fn is_audience(&self, name: &str) -> bool {
        self.resource == name || self.audiences.iter().any(|other| other == name)
    }

    /// A scope, and all that it implies. Circles end.
    pub(super) fn with_implied<'a>(&'a self, scope: &'a str) -> BTreeSet<&'a str> {
        let mut all = BTreeSet::new();
        let mut open = vec![scope];
        while let Some(scope) = open.pop() {
            let implied = self.scopes.get(scope).map(|grant| &grant.implies);
            let new = all.insert(scope);
            let implied = implied.into_iter().flatten().filter(|_| new);
            open.extend(implied.map(String::as_str));
        }
        all
    }
}

/// One authorization server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Issuer {
    /// What its tokens say in `iss`, letter by letter.
    pub issuer: String,
    /// What logs call it, and what the names of its holders begin with; its host when absent.
    pub name: Option<String>,
    /// Where its keys are; found by its metadata when absent.
    pub jwks: Option<String>,
    /// Signatures that are good: a token has no say in it.
    pub algorithms: Vec<Algorithm>,
    /// The `typ` its access tokens must have; `any` lets those without one pass, but no ID token.
    pub token_type: TokenType,
    /// Where tokens that are no JWTs are asked about.
    pub introspection: Option<Introspection>,
    /// How long its keys are kept before they are fetched again; shorter where its answer says so in `Cache-Control`.
    pub keys_for: Span,
    /// Names, addresses and networks inside that its URLs may mean.
    pub allow_private: Vec<String>,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            name: None,
            jwks: None,
            algorithms: vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa],
            token_type: TokenType::default(),
            introspection: None,
            keys_for: Span::secs(5 * 60),
            allow_private: Vec::new(),
        }
    }
}

impl Issuer {
    /// What logs call it, and what stands before the slash in the names of its people: [`Issuer::name`], else its host.
    pub fn called(&self) -> String {
        let host = || {
            let url = url::Url::parse(&self.issuer).ok()?;
            url.host_str().map(str::to_owned)
        };
        self.name.clone().or_else(host).unwrap_or_default()
    }
}

/// A kind of signature, with a key that is not a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[expect(missing_docs, reason = "they are the names of RFC 7518")]
pub enum Algorithm {
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "RS384")]
    Rs384,
    #[serde(rename = "RS512")]
    Rs512,
    #[serde(rename = "PS256")]
    Ps256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "ES384")]
    Es384,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Its name, letter by letter as tokens write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// What tokens must call themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum TokenType {
    /// `at+jwt` (RFC 9068).
    #[default]
    #[serde(rename = "at+jwt")]
    AccessToken,
    /// Anything but an ID token.
    #[serde(rename = "any")]
    Any,
}

/// Where tokens are asked about (RFC 7662).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Introspection {
    /// The endpoint; found by the issuer's metadata when absent.
    pub url: Option<String>,
    /// The gateway's name there.
    pub client_id: String,
    /// The gateway's secret there: `env:NAME` or `file:PATH`.
    pub client_secret: String,
}

/// What a scope allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Grant {
    /// The tools its holder may see and call, as `docs.search` or `docs.*`.
    pub tools: Vec<String>,
    /// The MCP prompts.
    pub prompts: Vec<String>,
    /// The MCP resources and templates.
    pub resources: Vec<String>,
    /// The routes.
    pub routes: Vec<String>,
    /// The targets it may name itself, as `provider/model` or `provider/*`. Those of its routes come with the routes.
    pub models: Vec<String>,
    /// Scopes that are narrower: who has this one has them.
    pub implies: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_imply_through_others_and_circles_end() {
        let grant = |implies: &[&str]| Grant {
            implies: implies.iter().map(|&scope| scope.into()).collect(),
            ..Grant::default()
        };
        let oauth = OAuth {
            scopes: BTreeMap::from([
                ("admin".into(), grant(&["write"])),
                ("write".into(), grant(&["read", "admin"])),
                ("read".into(), grant(&[])),
            ]),
            ..OAuth::default()
        };
        let all = |scope| Vec::from_iter(oauth.with_implied(scope));
        assert_eq!(all("admin"), ["admin", "read", "write"]);
        assert_eq!(all("read"), ["read"]);
        assert_eq!(all("other"), ["other"]);
    }

    #[test]
    fn algorithms_are_called_as_they_are_written() {
        for algorithm in Algorithm::ALL {
            let written = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(written, format!("\"{}\"", algorithm.name()));
        }
    }
}
