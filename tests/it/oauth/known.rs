//! A double that knows tokens, and what time it is.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use waypost::{
    access::{Denied, Identity, Settings, Tokens},
    config::{File, parse},
    secret::Secret,
};

use super::stage::CONFIG;

/// What is known of tokens.
#[derive(Debug)]
pub(super) struct Known {
    tokens: Mutex<HashMap<String, Result<Arc<Identity>, Denied>>>,
    asked: AtomicUsize,
    /// What time it is: set by hand.
    now: Mutex<Timestamp>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            tokens: Mutex::default(),
            asked: AtomicUsize::default(),
            now: Mutex::new(Timestamp::now()),
        }
    }
}

impl Tokens for Known {
    fn identify<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Arc<Identity>, Denied>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let known = self.tokens.lock().unwrap().get(token).cloned();
        let known = known.unwrap_or(Err(Denied::BadToken("nobody knows it")));
        Box::pin(std::future::ready(known))
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}

impl Known {
    /// What is told of a token from now on.
    pub(super) fn tells(&self, token: &str, what: Result<Arc<Identity>, Denied>) {
        self.tokens.lock().unwrap().insert(token.to_owned(), what);
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Sets its clock forward.
    pub(super) fn passes(&self, span: Duration) {
        *self.now.lock().unwrap() += span;
    }
}

/// Whom a token names that is for the resource, and was judged by the settings of an issuer above; one that is not there
/// has settings of its own.
pub(super) fn identity(token: &str, issuer: &str, subject: &str, scopes: &[&str]) -> Identity {
    let file: File = parse("test", CONFIG).unwrap().value;
    let Some(Settings::Keys(keys)) = file.access else {
        panic!("no keys");
    };
    let oauth = keys.oauth.unwrap();
    let mut issuers = oauth.issuers.into_iter();
    let settings = issuers.find(|known| known.called() == issuer);
    Identity {
        issuer: issuer.into(),
        judged_by: Arc::new(settings.unwrap_or_default()),
        subject: subject.into(),
        client: Some("editor".into()),
        audiences: [oauth.resource].into(),
        scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        expires: Timestamp::MAX,
        token: Secret::new(token),
    }
}
