//! Keys that are made for one purpose and live as long as it: a tool server's way to a model while it serves a call.
//!
//! A made key never allows more than the caller had whose call it serves, and is worth nothing once that call is over.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Caller, Digest, digest};
use crate::secret::Secret;

/// What made keys begin with.
const PREFIX: &str = "wpt-";

/// What a made key is for.
#[derive(Debug)]
pub struct Serving {
    /// The server, by its name here.
    pub server: Arc<str>,
    /// The tool that is called.
    pub tool: Arc<str>,
    /// The call: its request's id.
    pub request: String,
    /// How many calls stand around this one.
    pub depth: u32,
    /// The most completions it may still ask for and the most it may still spend, in millionths of a US dollar.
    pub left: Mutex<Left>,
    /// The completions that were made with it, to be told with the call.
    pub completions: Mutex<Vec<String>>,
}

/// What is left of a call's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Completions.
    pub completions: u32,
    /// Money, in millionths of a US dollar.
    pub micros: u64,
}

/// The keys that are good now.
#[derive(Debug, Default)]
pub struct Mint {
    keys: Mutex<HashMap<Digest, Arc<Caller>>>,
}

/// A key while it is good.
#[derive(Debug)]
pub struct Made {
    mint: Arc<Mint>,
    digest: Digest,
    /// The key.
    pub key: Secret,
}

impl Mint {
    /// Makes a key for this caller.
    pub fn make(self: &Arc<Self>, caller: Caller) -> Made {
        let secret: [u8; 32] = rand::random();
        let key = format!("{PREFIX}{}", blake3::Hash::from(secret).to_hex());
        let digest = digest(&key);
        self.keys().insert(digest, Arc::new(caller));
        Made {
            mint: self.clone(),
            digest,
            key: Secret::new(key),
        }
    }

    /// Whether a text is a key that was made here, good still or not.
    pub(super) fn makes(key: &str) -> bool {
        key.starts_with(PREFIX)
    }

    /// Whom a made key belongs to.
    pub(super) fn find(&self, key: &str) -> Option<Arc<Caller>> {
        let made = Self::makes(key).then(|| digest(key))?;
        self.keys().get(&made).cloned()
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Arc<Caller>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        self.mint.keys().remove(&self.digest);
    }
}
