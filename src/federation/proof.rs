//! What a request proves itself with, as records tell it.

use super::{Credentials, Failed, Outgoing, Settings};
use crate::{
    secret::Secret,
    telemetry::{Notes, Proof},
};

/// How much of a token's digest is told, in hex digits: enough to tell tokens apart, and nothing to find one by.
const TOLD: usize = 12;

/// A request that is noted as sent.
pub(super) struct Noted<'a> {
    notes: &'a Notes,
    at: usize,
}

impl<'a> Noted<'a> {
    /// Notes that a request is about to be sent to this replica, where somebody keeps a record of it.
    pub(super) fn sent(
        outgoing: &Outgoing<'a>,
        settings: &Settings,
        replica: &str,
    ) -> Option<Self> {
        let notes = outgoing.relay.notes()?;
        let token = outgoing.bearer.map(|bearer| told(bearer.token));
        let at = notes.sent(replica, proof(settings), token)?;
        Some(Self { notes, at })
    }

    /// Notes how it has ended.
    pub(super) fn ended<T>(self, asked: &Result<T, Failed>) {
        let outcome = asked.as_ref().map_or_else(Failed::label, |_| "answered");
        self.notes.ended(self.at, outcome);
    }
}

fn proof(settings: &Settings) -> Proof {
    match &settings.credentials {
        Credentials::None if settings.headers.is_empty() => Proof::None,
        Credentials::None => Proof::Headers,
        Credentials::ClientCredentials { .. } => Proof::ClientCredentials,
        Credentials::TokenExchange { .. } => Proof::TokenExchange,
        Credentials::IdJag { .. } => Proof::IdJag,
    }
}

/// The beginning of a token's BLAKE3 digest, as `b3sum` has it.
fn told(token: &Secret) -> String {
    let digest = blake3::hash(token.reveal().as_bytes()).to_hex();
    digest.chars().take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_by_the_beginning_of_its_digest() {
        // printf %s abc | b3sum
        assert_eq!(told(&Secret::new("abc")), "6437b3ac3846");
    }
}
