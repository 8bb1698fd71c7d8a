//! A string that cannot be printed.
//!
//! Provider keys and admin keys live in this type from the moment they are read. `Debug` and `Display` show
//! nothing of them; the one way out is [`Secret::reveal`], which is easy to find with grep.

use std::fmt;

/// A secret: a provider's key, an admin key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the header it belongs into and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this secret, in time that depends on neither (both are hashed to equal length).
    pub fn matches(&self, candidate: &str) -> bool {
        use subtle::ConstantTimeEq;
        let mine = blake3::hash(self.0.as_bytes());
        let theirs = blake3::hash(candidate.as_bytes());
        mine.as_bytes().ct_eq(theirs.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", Secret::new("sk-canary")), "Secret(…)");
    }

    #[test]
    fn matches_only_itself() {
        let secret = Secret::new("sk-1");
        assert!(secret.matches("sk-1"));
        assert!(!secret.matches("sk-"));
        assert!(!secret.matches("sk-12"));
    }
}
