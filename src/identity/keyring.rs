//! The keys of one issuer, kept fresh.
//!
//! They are fetched when somebody needs them and they are too old, or when a token names a key that is not among them:
//! that is how a new key comes in. Both happen once for all who wait. A token cannot make us fetch more often than
//! [`BETWEEN_LOOKS`], whatever it names. While the issuer does not answer, the keys it had are good for [`STALE_FOR`]:
//! nobody is locked out by a short outage, and a key that was withdrawn is not good for ever.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, header};
use tokio::time::Instant;
use url::Url;

use super::{
    discovery::Discovery,
    keys::{Found, Key, KeySet},
    reader::{Missing, PATIENCE, REST, Reader},
};
use crate::{
    access::{Algorithm, Denied},
    telemetry::Ledger,
};

/// The largest set of keys, in bytes. A hundred with their certificates have less.
const LARGEST: usize = 256 * 1024;

/// Keys are not fetched more often than this because they are old, whatever their answer says.
const SHORTEST_KEPT: Duration = Duration::from_secs(30);

/// Keys are not fetched more often than this because a token names one that is not among them.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);

/// Keys of this age are not looked through again: what is not there is not there.
const YOUNG: Duration = Duration::from_secs(5);

/// How long keys are good while their issuer does not answer.
const STALE_FOR: Duration = Duration::from_secs(60 * 60);

const UNKNOWN_KEY: Denied = Denied::BadToken("it is signed with a key its issuer does not have");
const UNFIT_KEY: Denied = Denied::BadToken("it is not signed as its key is meant to sign");

/// Where the keys are.
#[derive(Debug)]
pub(super) enum Place {
    /// Where the configuration says.
    Written(Url),
    /// Where the issuer's metadata says.
    Told(Arc<Discovery>),
}

/// Keeps the keys of one issuer.
#[derive(Debug)]
pub(super) struct Keyring {
    /// The issuer, by the configuration's name for it.
    name: Arc<str>,
    place: Place,
    keys_for: Duration,
    reader: Arc<Reader>,
    ledger: Arc<Ledger>,
    state: Mutex<State>,
    /// Held by the one who fetches.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// When a fetch failed, if the last one did.
    failed: Option<Instant>,
    /// When keys were fetched before their time, for a token that names one that was not there.
    looked: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Held {
    keys: Arc<KeySet>,
    since: Instant,
    until: Instant,
}

/// What a token says of its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The key's name.
    pub(super) key: Option<&'a str>,
    /// The algorithm.
    pub(super) algorithm: Algorithm,
}

impl Wanted<'_> {
    /// Its key among these.
    pub(super) fn among(self, keys: &KeySet) -> Option<&Key> {
        match keys.find(self.key, self.algorithm) {
            Found::Key(key) => Some(key),
            Found::Unfit | Found::Nothing => None,
        }
    }
}

impl State {
    /// The keys with the wanted one among them, or that there is none; `None` when they must be fetched to tell.
    fn decide(&self, wanted: Wanted<'_>, now: Instant) -> Option<Result<Arc<KeySet>, Denied>> {
        let rests = self.failed.is_some_and(|at| now < at + REST);
        let Some(held) = self
            .held
            .as_ref()
            .filter(|held| now < held.since + STALE_FOR)
        else {
            return rests.then_some(Err(Denied::NoTell));
        };
        if now >= held.until && !rests {
            return None;
        }
        match held.keys.find(wanted.key, wanted.algorithm) {
            Found::Key(_) => Some(Ok(held.keys.clone())),
            Found::Unfit => Some(Err(UNFIT_KEY)),
            Found::Nothing if rests => Some(Err(Denied::NoTell)),
            Found::Nothing if self.may_look(held, now) => None,
            Found::Nothing => Some(Err(UNKNOWN_KEY)),
        }
    }

    fn may_look(&self, held: &Held, now: Instant) -> bool {
        let looked = self.looked.is_some_and(|at| now < at + BETWEEN_LOOKS);
        now >= held.since + YOUNG && !looked
    }
}

impl Keyring {
    pub(super) fn new(
        name: Arc<str>,
        place: Place,
        keys_for: Duration,
        reader: Arc<Reader>,
        ledger: Arc<Ledger>,
    ) -> Self {
        ledger.metrics().begin_issuer(&name);
        Self {
            name,
            place,
            keys_for,
            reader,
            ledger,
            state: Mutex::default(),
            turn: Arc::default(),
        }
    }

    /// The keys, with the wanted one among them.
    pub(super) async fn with(self: &Arc<Self>, wanted: Wanted<'_>) -> Result<Arc<KeySet>, Denied> {
        if let Some(decided) = self.decide(wanted) {
            return decided;
        }
        let turn = self.turn.clone().lock_owned().await;
        // Whoever had the turn before may have brought it.
        if let Some(decided) = self.decide(wanted) {
            return decided;
        }
        // A task of its own, which ends at its deadline: a caller that leaves must not take the answer from the others,
        // nor leave a mark behind that nobody may ask.
        let ring = self.clone();
        let fetching = tokio::spawn(async move {
            ring.fetch().await;
            drop(turn);
        });
        if let Err(error) = fetching.await {
            tracing::error!(issuer = &*self.name, %error, "keys could not be fetched");
        }
        self.decide(wanted).unwrap_or(Err(Denied::NoTell))
    }

    fn decide(&self, wanted: Wanted<'_>) -> Option<Result<Arc<KeySet>, Denied>> {
        self.state().decide(wanted, Instant::now())
    }

    async fn fetch(&self) {
        let now = Instant::now();
        {
            let mut state = self.state();
            let early = state.held.as_ref().is_some_and(|held| now < held.until);
            state.looked = if early { Some(now) } else { state.looked };
        }
        let brought = self.bring(now + PATIENCE).await;
        let outcome = if brought.is_ok() { "ok" } else { "failed" };
        let fetches = &self.ledger.metrics().key_fetches;
        fetches.with_label_values(&[&*self.name, outcome]).inc();
        match brought {
            Ok((keys, time)) => self.hold(keys, time),
            Err(why) => {
                let issuer = &*self.name;
                tracing::warn!(issuer, "the keys of {issuer} cannot be fetched: {why}");
                self.state().failed = Some(Instant::now());
            }
        }
    }

    async fn bring(&self, deadline: Instant) -> Result<(KeySet, Duration), Missing> {
        let told = match &self.place {
            Place::Written(url) => return self.read(url, deadline).await,
            Place::Told(discovery) => discovery,
        };
        let metadata = told.metadata(&self.reader, deadline).await?;
        let url = metadata.keys;
        let url = url.ok_or(Missing::Wrong("its metadata tells of no keys"))?;
        let read = self.read(&url, deadline).await;
        if read.is_err() {
            told.forget().await;
        }
        read
    }

    async fn read(&self, url: &Url, deadline: Instant) -> Result<(KeySet, Duration), Missing> {
        let answer = self.reader.get(url, LARGEST, deadline).await?;
        let asked = max_age(&answer.headers).unwrap_or(self.keys_for);
        let time = asked.max(SHORTEST_KEPT).min(self.keys_for);
        Ok((KeySet::read(&answer.body)?, time))
    }

    /// Keeps what was fetched. Keys that are not in it are gone.
    fn hold(&self, keys: KeySet, time: Duration) {
        let now = Instant::now();
        let mut state = self.state();
        let same = state.held.take().map(|held| held.keys);
        let same = same.filter(|held| held.digest == keys.digest);
        let keys = same.unwrap_or_else(|| {
            for (at, why) in &keys.left_out {
                let issuer = &*self.name;
                tracing::warn!(issuer, "key {at} of {issuer} is not used: {why}");
            }
            Arc::new(keys)
        });
        let until = now + time;
        state.failed = None;
        state.held = Some(Held {
            keys,
            since: now,
            until,
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an answer may be kept, by its `Cache-Control` (RFC 9111 §5.2.2.1).
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(header::CACHE_CONTROL).iter();
    let directives = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut ages = directives.filter_map(|directive| {
        let (name, age) = directive.split_once('=')?;
        let age = age.trim().trim_matches('"').parse().ok()?;
        name.trim()
            .eq_ignore_ascii_case("max-age")
            .then_some(Duration::from_secs(age))
    });
    ages.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_age_is_read_and_nothing_else_of_it() {
        let age = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::CACHE_CONTROL, value.parse().unwrap())]);
            max_age(&headers).map(|age| age.as_secs())
        };
        assert_eq!(age("public, max-age=60, must-revalidate"), Some(60));
        assert_eq!(age("MAX-AGE=\"7\""), Some(7));
        for none in [
            "no-store",
            "max-age",
            "max-age=-1",
            "max-age=1e9",
            "s-maxage=5",
            "",
        ] {
            assert_eq!(age(none), None, "{none}");
        }
    }
}
