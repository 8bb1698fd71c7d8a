//! Holders of tokens: who may come in with one, and what its scopes allow by the present configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{Caller, Denied, Grant, Identity, Issuer, OAuth, Tokens};

/// Tokens that are good here, and what they allow.
#[derive(Debug)]
pub(super) struct Holders {
    tokens: Arc<dyn Tokens>,
    pub(super) settings: OAuth,
    /// Each scope with all that it implies, found out once: requests are many.
    implied: BTreeMap<String, Vec<Arc<str>>>,
}

impl Holders {
    pub(super) fn new(tokens: Arc<dyn Tokens>, settings: OAuth) -> Self {
        let implied = settings.scopes.keys().map(|scope| {
            let all = settings.with_implied(scope).into_iter();
            (scope.clone(), all.map(Arc::from).collect())
        });
        Self {
            implied: implied.collect(),
            tokens,
            settings,
        }
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

    /// How long a token is good still.
    pub(super) fn left(&self, identity: &Identity) -> Duration {
        identity.left(self.tokens.now())
    }

    /// The caller somebody is, if their token is good still: by the present settings, and not over.
    pub(super) fn caller(&self, identity: &Arc<Identity>) -> Result<Caller, Denied> {
        if self.left(identity).is_zero() {
            return Err(Denied::Expired);
        }
        self.with_rights(identity)
    }

    /// The caller somebody is while their token lasts.
    pub(super) fn with_rights(&self, identity: &Arc<Identity>) -> Result<Caller, Denied> {
        self.is_good_still(identity)?;
        let scopes = identity.scopes.iter();
        let scopes = scopes.filter_map(|scope| self.implied.get(scope));
        let scopes: BTreeSet<Arc<str>> = scopes.flatten().cloned().collect();
        if scopes.is_empty() {
            return Err(Denied::NoScope);
        }
        let granted = scopes.iter();
        let granted = granted.filter_map(|scope| self.settings.scopes.get(&**scope));
        let granted: Vec<&Grant> = granted.collect();
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
            scopes,
            serves: None,
        })
    }

    /// Whether what a token was judged by holds still. Where anything was changed at its issuer's entry, it was judged
    /// by rules that are no more, and must be judged anew.
    fn is_good_still(&self, identity: &Identity) -> Result<(), Denied> {
        let issuers = &self.settings.issuers;
        if !issuers.contains(&identity.judged_by) {
            let is_known = |issuer: &Issuer| issuer.called() == *identity.issuer;
            return Err(Denied::BadToken(if issuers.iter().any(is_known) {
                "the settings of its issuer have changed since it was judged"
            } else {
                "its issuer is not known here"
            }));
        }
        let mut audiences = identity.audiences.iter();
        if !audiences.any(|audience| self.settings.is_audience(audience)) {
            return Err(Denied::BadToken("it was made for another audience"));
        }
        Ok(())
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
