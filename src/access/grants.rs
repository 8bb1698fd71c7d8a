//! Holders of tokens: who may come in with one, and what its scopes allow by the present configuration.

use std::sync::Arc;

use super::{Caller, Denied, Grant, Identity, Issuer, OAuth, Tokens};

/// Tokens that are good here, and what they allow.
#[derive(Debug)]
pub(super) struct Holders {
    tokens: Arc<dyn Tokens>,
    pub(super) settings: OAuth,
}

impl Holders {
    pub(super) fn new(tokens: Arc<dyn Tokens>, settings: OAuth) -> Self {
        Self { tokens, settings }
    }

    /// Who comes with this text, if it is a token at all.
    pub(super) async fn admit(&self, text: &str) -> Result<Arc<Caller>, Denied> {
        // What no token can be is shown to no authorization server: a password, say, in another scheme.
        if !is_token(text) {
            return Err(Denied::WrongKey);
        }
        let identity = self.tokens.identify(text).await?;
        self.caller(&identity).map(Arc::new)
    }

    /// The caller somebody is, if their token is good still: of an issuer that is known, and not over.
    pub(super) fn caller(&self, identity: &Arc<Identity>) -> Result<Caller, Denied> {
        if identity.is_over() {
            return Err(Denied::Expired);
        }
        self.with_rights(identity)
    }

    /// The caller somebody is while their token lasts.
    pub(super) fn with_rights(&self, identity: &Arc<Identity>) -> Result<Caller, Denied> {
        let of_issuer = |issuer: &Issuer| issuer.called() == *identity.issuer;
        if !self.settings.issuers.iter().any(of_issuer) {
            return Err(Denied::BadToken("its issuer is not known here"));
        }
        let granted: Vec<&Grant> = self.granted(identity).map(|(_, grant)| grant).collect();
        if granted.is_empty() {
            return Err(Denied::NoScope);
        }
        let all = |list: fn(&Grant) -> &Vec<String>| {
            let lists = granted.iter().flat_map(|grant| list(grant));
            Some(lists.cloned().collect())
        };
        Ok(Caller {
            name: identity.name().into(),
            routes: all(|grant| &grant.routes),
            models: all(|grant| &grant.models),
            tools: all(|grant| &grant.tools),
            prompts: all(|grant| &grant.prompts),
            resources: all(|grant| &grant.resources),
            rpm: self.settings.rpm,
            tpm: self.settings.tpm,
            key: None,
            identity: Some(identity.clone()),
            serves: None,
        })
    }

    /// All the scopes a call of a tool needs: those by which this identity may know of it, and the tool's own. A client
    /// that asks for these and no others keeps what it has and gets what it lacks.
    pub(super) fn needed(&self, identity: &Identity, tool: &str, own: &[String]) -> String {
        let shows = |grant: &Grant| {
            grant
                .tools
                .iter()
                .any(|it| super::rights::matches(it, tool))
        };
        let known = self.granted(identity);
        let known = known.filter_map(|(scope, grant)| shows(grant).then_some(scope.as_str()));
        let mut scopes: Vec<&str> = known.collect();
        for scope in own {
            if !scopes.contains(&scope.as_str()) {
                scopes.push(scope);
            }
        }
        scopes.join(" ")
    }

    fn granted<'a>(
        &'a self,
        identity: &'a Identity,
    ) -> impl Iterator<Item = (&'a String, &'a Grant)> {
        let scopes = self.settings.scopes.iter();
        scopes.filter(|(scope, _)| identity.scopes.contains(*scope))
    }
}

/// Whether a text is what RFC 6750 (2.1) lets a bearer token be: letters, digits and `-._~+/`, with `=` at the end.
fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(plain)
}

#[cfg(test)]
#[path = "grants_tests.rs"]
mod tests;
