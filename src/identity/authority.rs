//! One authorization server: what the configuration says of it, its keys, and how it is asked.

use std::sync::Arc;

use url::Url;

use super::{
    discovery::Discovery,
    introspection::Inquiry,
    keyring::{Keyring, Place},
    reader::Reader,
};
use crate::{
    access::{Issuer, OAuth},
    problem::Problem,
    secret::Secret,
    telemetry::Ledger,
    upstream::guarded::{Allow, Guarded, judge},
};

/// An authorization server, with what is known of it at present.
#[derive(Debug)]
pub(super) struct Authority {
    /// The configuration's name for it.
    pub(super) name: Arc<str>,
    /// What the configuration says.
    pub(super) settings: Arc<Issuer>,
    secret: Option<Secret>,
    /// Its keys.
    pub(super) keys: Arc<Keyring>,
    /// How it is asked, where it is.
    pub(super) inquiry: Option<Inquiry>,
}

/// The addresses an issuer's settings name, and what may be reached for it.
struct Places {
    issuer: Url,
    jwks: Option<Url>,
    introspection: Option<Url>,
    allow: Allow,
}

impl Places {
    /// Reads them. Whoever wrote a URL meant its port.
    fn read(settings: &Issuer) -> Result<Self, Vec<Problem>> {
        let allow = Allow::read(&settings.allow_private).map_err(|problems| {
            let under = problems.into_iter();
            under
                .map(|problem| problem.under(["allow_private"]))
                .collect::<Vec<_>>()
        })?;
        let asked = settings.introspection.as_ref();
        let read = |key: &str, written: Option<&String>| {
            let url = written.map(|written| Url::parse(written)).transpose();
            url.map_err(|error| vec![Problem::new(key.split('.'), error.to_string())])
        };
        let issuer = Url::parse(&settings.issuer);
        let issuer = issuer.map_err(|error| vec![Problem::new(["issuer"], error.to_string())])?;
        let jwks = read("jwks", settings.jwks.as_ref())?;
        let introspection = read("introspection.url", asked.and_then(|it| it.url.as_ref()))?;
        let written = [Some(&issuer), jwks.as_ref(), introspection.as_ref()];
        let allow = written
            .into_iter()
            .flatten()
            .fold(allow, Allow::with_port_of);
        Ok(Self {
            issuer,
            jwks,
            introspection,
            allow,
        })
    }

    /// Those that would never be fetched. An issuer whose every endpoint is written is not asked for its metadata.
    fn problems(&self, settings: &Issuer) -> Vec<Problem> {
        let asked = settings.introspection.as_ref();
        let told = self.jwks.is_none() || asked.is_some_and(|asked| asked.url.is_none());
        let urls = [
            ("issuer", told.then_some(&self.issuer)),
            ("jwks", self.jwks.as_ref()),
            ("introspection.url", self.introspection.as_ref()),
        ];
        let unfit = urls.into_iter().filter_map(|(key, url)| {
            let why = judge(url?, &self.allow).err()?;
            Some(Problem::new(
                key.split('.'),
                format!("it cannot be fetched: {why}"),
            ))
        });
        unfit.collect()
    }
}

/// Everything that is wrong with tokens' settings, and with reaching their issuers. Paths start at the keys of `oauth`.
pub fn problems(settings: &OAuth) -> Vec<Problem> {
    let mut problems = settings.problems();
    for (at, issuer) in settings.issuers.iter().enumerate() {
        let unfit = match Places::read(issuer) {
            Ok(places) => places.problems(issuer),
            Err(unread) => unread,
        };
        for problem in unfit {
            let problem = problem.under(["issuers", &at.to_string()]);
            // What is no URL was told already, in better words.
            if problems.iter().all(|told| told.path != problem.path) {
                problems.push(problem);
            }
        }
    }
    problems
}

impl Authority {
    /// The authority of these settings, about which nothing is known. `None` where [`problems`] has some.
    pub(super) fn new(
        settings: Issuer,
        secret: Option<Secret>,
        web: Arc<Guarded>,
        ledger: Arc<Ledger>,
    ) -> Option<Self> {
        let places = Places::read(&settings).ok()?;
        let name: Arc<str> = settings.called().into();
        let reader = Arc::new(Reader::new(web, places.allow));
        let discovery = Arc::new(Discovery::new(&settings.issuer, &places.issuer));
        let place = match places.jwks {
            Some(url) => Place::Written(url),
            None => Place::Told(discovery.clone()),
        };
        let keys_for = settings.keys_for.get();
        let keys = Keyring::new(name.clone(), place, keys_for, reader.clone(), ledger);
        let inquiry = match (&settings.introspection, &secret) {
            (Some(asked), Some(secret)) => Some(Inquiry::new(
                (name.clone(), settings.issuer.clone()),
                places.introspection,
                discovery,
                (&asked.client_id, secret),
                reader,
            )),
            _ => None,
        };
        Some(Self {
            name,
            settings: Arc::new(settings),
            secret,
            keys: Arc::new(keys),
            inquiry,
        })
    }

    /// Whether it is the same, so that what is known of one is true of the other.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.settings == other.settings && self.secret == other.secret
    }
}
