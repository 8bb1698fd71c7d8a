//! Who is calling, and what they may use.
//!
//! Keys are kept as BLAKE3 digests: a presented key is hashed, looked up by its digest and compared in
//! constant time, so neither memory nor timing gives a key away. Keys are random and long (checked at load),
//! which is why a fast hash is right here and a password hash would be wrong.

mod clients;
mod grants;
mod identity;
mod mint;
mod oauth;
mod presented;
mod resource;
mod rights;
mod serving;
mod settings;

pub use clients::Clients;
pub use identity::{Identity, Tokens};
pub use mint::{Exchanged, Filled, Made, Mint, Slot, Ticket};
pub use oauth::{Algorithm, Grant, Introspection, Issuer, OAuth, TokenType, is_scope};
pub use presented::presented;
pub use resource::WELL_KNOWN;
pub use rights::Lacking;
pub use serving::{Reserved, Serving, Spent, Terms};
pub use settings::{KeySettings, Keys, Open, Settings};

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use subtle::ConstantTimeEq;

use self::grants::Holders;
use crate::{problem::Problem, secret::Secret};

/// The name of callers where no keys are configured.
const ANONYMOUS: &str = "anonymous";

/// Someone who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key's name; never the key.
    pub name: Arc<str>,
    routes: Option<Vec<String>>,
    models: Option<Vec<String>>,
    tools: Option<Vec<String>>,
    prompts: Option<Vec<String>>,
    resources: Option<Vec<String>>,
    /// Requests per minute.
    pub rpm: Option<u32>,
    /// Tokens per minute.
    pub tpm: Option<u64>,
    /// The digest of the key; none where there are no keys.
    key: Option<Digest>,
    /// Who this is by a token, instead of a key.
    pub identity: Option<Arc<Identity>>,
    /// Those of the configuration's scopes that their token has, with all that they imply.
    scopes: BTreeSet<Arc<str>>,
    /// Which call of a tool this serves, where the key was made for it.
    pub serves: Option<Arc<Serving>>,
}

type Digest = [u8; blake3::OUT_LEN];

impl PartialEq for Caller {
    /// Whether it is the same holder with the same rights.
    fn eq(&self, other: &Self) -> bool {
        let serves = |caller: &Self| caller.serves.as_ref().map(Arc::as_ptr);
        let lists = |caller: &Self| {
            [
                caller.routes.clone(),
                caller.models.clone(),
                caller.tools.clone(),
                caller.prompts.clone(),
                caller.resources.clone(),
            ]
        };
        (&self.name, self.key, self.rpm, self.tpm) == (&other.name, other.key, other.rpm, other.tpm)
            && lists(self) == lists(other)
            && (&self.identity, &self.scopes) == (&other.identity, &other.scopes)
            && serves(self) == serves(other)
    }
}

/// The callers of one configuration.
#[derive(Debug)]
pub struct Access {
    keys: Option<HashMap<Digest, Arc<Caller>>>,
    anonymous: Arc<Caller>,
    mint: Arc<Mint>,
    /// Tokens that are good beside the keys.
    holders: Option<Holders>,
    clients: Arc<Clients>,
}

/// Why a call is refused at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No key was presented.
    #[error(
        "You didn't provide an API key. Send it as `Authorization: Bearer KEY` or `x-api-key: KEY`."
    )]
    NoKey,
    /// The key is unknown.
    #[error("Incorrect API key provided.")]
    WrongKey,
    /// The key was made for a call of a tool, and that call is over.
    #[error("The call this key was made for is over, or has not begun.")]
    Over,
    /// The key was made for completions, and MCP is spoken with it.
    #[error("This key was made for the completions of one call of a tool, and calls no tools.")]
    Completions,
    /// A token is not good here. The reason is told to whoever sent it, in letters that may stand in a challenge.
    #[error("The access token is not good here: {0}")]
    BadToken(&'static str),
    /// A token was good, and has ended.
    #[error("The access token has expired")]
    Expired,
    /// Whether a token is good cannot be told at present: its authorization server does not answer.
    #[error("Whether the access token is good cannot be told at present. Try again.")]
    NoTell,
    /// A token is good, and none of its scopes allows anything here.
    #[error("The access token has none of the scopes that allow something here")]
    NoScope,
}

impl Denied {
    /// The label in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::WrongKey | Self::Over | Self::Completions => "wrong_key",
            Self::BadToken(_) => "bad_token",
            Self::Expired => "expired_token",
            Self::NoScope => "no_scope",
            Self::NoTell => "no_tell",
        }
    }
}

impl Access {
    /// Everybody may call, everything is allowed.
    pub fn open() -> Self {
        let caller = Caller {
            name: ANONYMOUS.into(),
            routes: None,
            models: None,
            tools: None,
            prompts: None,
            resources: None,
            rpm: None,
            tpm: None,
            key: None,
            identity: None,
            scopes: BTreeSet::new(),
            serves: None,
        };
        Self {
            keys: None,
            anonymous: Arc::new(caller),
            mint: Arc::default(),
            holders: None,
            clients: Arc::default(),
        }
    }

    /// Only these keys may call. Problems' paths start at the position in the list.
    pub fn with_keys(keys: Vec<(KeySettings, Secret)>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut known: HashMap<_, Arc<Caller>> = HashMap::with_capacity(keys.len());
        for (at, (settings, secret)) in keys.into_iter().enumerate() {
            problems.extend(
                settings
                    .problems(&secret)
                    .map(|problem| problem.under([at.to_string()])),
            );
            let same_name = known.values().any(|caller| *caller.name == *settings.name);
            let key = digest(secret.reveal());
            let caller = Caller {
                name: settings.name.as_str().into(),
                routes: settings.routes,
                models: settings.models,
                tools: settings.tools,
                prompts: settings.prompts,
                resources: settings.resources,
                rpm: settings.rpm,
                tpm: settings.tpm,
                key: Some(key),
                identity: None,
                scopes: BTreeSet::new(),
                serves: None,
            };
            let same_key = known.insert(key, Arc::new(caller)).is_some();
            if same_name || same_key {
                let what = if same_key { "key" } else { "name" };
                let message = format!("another key has the same {what} as `{}`", settings.name);
                problems.push(Problem::new([at.to_string()], message));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            keys: Some(known),
            ..Self::open()
        })
    }

    /// The same, with keys that are made as they are needed.
    pub fn with_mint(self, mint: Arc<Mint>) -> Self {
        Self { mint, ..self }
    }

    /// The same, with tokens that are good too.
    pub fn with_tokens(self, tokens: Arc<dyn Tokens>, settings: OAuth) -> Self {
        Self {
            holders: Some(Holders::new(tokens, settings)),
            ..self
        }
    }

    /// The same, with servers that may exchange the tickets of their calls.
    pub fn with_clients(self, clients: Clients) -> Self {
        Self {
            clients: Arc::new(clients),
            ..self
        }
    }

    /// Only keys that are made as they are needed, of the same mint.
    pub fn made_only(&self) -> Self {
        Self {
            keys: Some(HashMap::new()),
            anonymous: self.anonymous.clone(),
            mint: self.mint.clone(),
            clients: self.clients.clone(),
            holders: None,
        }
    }

    /// Where keys are made.
    pub fn mint(&self) -> &Arc<Mint> {
        &self.mint
    }

    /// The servers that may exchange tickets.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Whose tokens are good, if any are.
    pub fn oauth(&self) -> Option<&OAuth> {
        self.holders.as_ref().map(|holders| &holders.settings)
    }

    /// Everyone who is known by name.
    pub fn callers(&self) -> impl Iterator<Item = &Arc<Caller>> {
        let keyed = self.keys.iter().flat_map(HashMap::values);
        keyed.chain([&self.anonymous])
    }

    /// Who presents this key or token. Only what is no key of ours is shown to those who judge tokens.
    ///
    /// # Errors
    /// It is no good, allows nothing, or nobody can tell at present.
    pub async fn admit(&self, presented: Option<&str>) -> Result<Arc<Caller>, Denied> {
        match (self.identify(presented), &self.holders, presented) {
            (Err(Denied::WrongKey), Some(holders), Some(text)) if !mint::is_made(text.trim()) => {
                holders.admit(text.trim()).await
            }
            (known, ..) => known,
        }
    }

    /// Who presents this key.
    pub fn identify(&self, presented: Option<&str>) -> Result<Arc<Caller>, Denied> {
        let presented = presented.map(str::trim).filter(|key| !key.is_empty());
        if let Some(made) = presented.and_then(|key| self.mint.find(key)) {
            return Ok(made);
        }
        // A key that was good once must not become anybody's where everybody may call.
        let wrong = match presented {
            Some(key) if mint::is_made(key) => Denied::Over,
            _ => Denied::WrongKey,
        };
        let Some(keys) = &self.keys else {
            return match wrong {
                Denied::Over => Err(wrong),
                _ => Ok(self.anonymous.clone()),
            };
        };
        let presented = presented.ok_or(Denied::NoKey)?;
        let digest = digest(presented);
        let (known, caller) = keys.get_key_value(&digest).ok_or(wrong)?;
        if bool::from(known.ct_eq(&digest)) {
            Ok(caller.clone())
        } else {
            Err(wrong)
        }
    }

    /// The holder of the same key or token in this configuration, with what it may use now; `None` if the key is gone,
    /// the token is over, or would not be taken by the present settings of its issuer and audiences.
    pub fn renew(&self, caller: &Caller) -> Option<Arc<Caller>> {
        if caller.serves.is_some() {
            return self.mint.holder(caller.key.as_ref()?);
        }
        match (&caller.identity, &self.holders) {
            (Some(identity), Some(holders)) => holders.caller(identity).ok().map(Arc::new),
            (Some(_), None) => None,
            (None, _) => self.renew_key(caller),
        }
    }

    /// The same, and for the holder of a token also after its end: for comparing what they may use now with what they
    /// might before. It lets nobody in.
    pub fn compared(&self, caller: &Caller) -> Option<Arc<Caller>> {
        match (&caller.identity, &self.holders) {
            (Some(identity), Some(holders)) => holders.with_rights(identity).ok().map(Arc::new),
            _ => self.renew(caller),
        }
    }

    /// Why a caller that was let in is not let in any more.
    pub fn gone(&self, caller: &Caller) -> Denied {
        match (&caller.identity, &self.holders) {
            (Some(identity), Some(holders)) => {
                let why = holders.caller(identity).err();
                why.unwrap_or(Denied::WrongKey)
            }
            (Some(_), None) => Denied::BadToken("tokens are not taken any more"),
            (None, _) => Denied::WrongKey,
        }
    }

    /// How long the caller's token is good still; `None` for the holder of a key.
    pub fn left(&self, caller: &Caller) -> Option<Duration> {
        let identity = caller.identity.as_ref()?;
        let holders = self.holders.as_ref();
        Some(holders.map_or(Duration::ZERO, |holders| holders.left(identity)))
    }

    fn renew_key(&self, caller: &Caller) -> Option<Arc<Caller>> {
        let Some(keys) = &self.keys else {
            return Some(self.anonymous.clone());
        };
        keys.get(caller.key.as_ref()?).cloned()
    }
}

fn digest(key: &str) -> Digest {
    *blake3::hash(key.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, secret: &str) -> (KeySettings, Secret) {
        let settings = KeySettings {
            name: name.into(),
            ..KeySettings::default()
        };
        (settings, Secret::new(secret))
    }

    #[test]
    fn only_the_whole_key_opens() {
        let access = Access::with_keys(vec![key("ci", "wp-0123456789abcdef")]).unwrap();
        assert_eq!(
            &*access.identify(Some("wp-0123456789abcdef")).unwrap().name,
            "ci"
        );
        for wrong in [
            "wp-0123456789abcde",
            "wp-0123456789abcdef0",
            "WP-0123456789abcdef",
            "' OR 1=1; --",
        ] {
            assert_eq!(
                access.identify(Some(wrong)),
                Err(Denied::WrongKey),
                "{wrong}"
            );
        }
        for none in [None, Some(""), Some("  ")] {
            assert_eq!(access.identify(none), Err(Denied::NoKey));
        }
    }

    #[test]
    fn the_digest_of_a_key_is_no_key() {
        let access = Access::with_keys(vec![key("ci", "wp-0123456789abcdef")]).unwrap();
        let digest = blake3::hash(b"wp-0123456789abcdef").to_hex();
        assert_eq!(access.identify(Some(&digest)), Err(Denied::WrongKey));
    }

    #[test]
    fn without_keys_everybody_is_anonymous() {
        let access = Access::open();
        assert_eq!(
            &*access.identify(Some("anything")).unwrap().name,
            "anonymous"
        );
    }

    #[test]
    fn a_caller_stays_while_its_key_does() {
        let before = Access::with_keys(vec![key("ci", "wp-0123456789abcdef")]).unwrap();
        let caller = before.identify(Some("wp-0123456789abcdef")).unwrap();
        let renamed = Access::with_keys(vec![key("cd", "wp-0123456789abcdef")]).unwrap();
        assert_eq!(&*renamed.renew(&caller).unwrap().name, "cd");
        let other_key = Access::with_keys(vec![key("ci", "wp-fedcba9876543210")]).unwrap();
        assert_eq!(other_key.renew(&caller), None);
        let anonymous = Access::open().identify(None).unwrap();
        assert_eq!(before.renew(&anonymous), None);
        assert_eq!(Access::open().renew(&caller), Some(anonymous));
    }

    #[test]
    fn short_and_repeated_keys_are_problems() {
        let keys = vec![
            key("a", "wp-0123456789abcdef"),
            key("b", "wp-0123456789abcdef"),
            key("", "short"),
        ];
        let problems = Access::with_keys(keys).unwrap_err();
        let texts: Vec<_> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(
            texts,
            [
                "1: another key has the same key as `b`",
                "2.name: a key needs a name, to be told apart in logs",
                "2.key: the key is only 5 characters long; expected at least 16, and random",
            ]
        );
    }
}
