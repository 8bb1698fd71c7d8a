//! What a JSON Web Token says of itself, before anything of it is believed.
//!
//! The header is read once, here, and has no say in what is good: its algorithm is looked up among the issuer's and
//! then at the key. Where a header names a key by place or brings one along (`jku`, `x5u`, `jwk`, `x5c`), nobody looks:
//! keys come from the issuer alone. A member that stands twice is refused in header and claims, for two readers of the
//! token could each see another one.

use std::collections::BTreeMap;

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD},
    },
};
use serde::de::IgnoredAny;

use crate::{
    access::{Algorithm, Denied, Issuer, TokenType},
    json::Object,
};

/// The longest token that is looked at, in bytes. Servers take headers of 8 to 16 KiB.
const LONGEST: usize = 16 * 1024;

/// The longest name of a key, in bytes. Thumbprints have 43.
const LONGEST_KID: usize = 256;

const MALFORMED: Denied = Denied::BadToken("it is malformed");

/// What a token is by its looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A signed JSON Web Token: three parts.
    Signed,
    /// A word that only its issuer understands.
    Opaque,
}

impl Form {
    /// Looks at a token. The time it takes is bounded, whatever is sent. What begins as a JSON Web Token is one, or
    /// nothing.
    pub(super) fn of(token: &str) -> Result<Self, Denied> {
        if token.len() > LONGEST {
            return Err(Denied::BadToken("it is too long"));
        }
        // RFC 6750 §2.1.
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if token.is_empty() || !token.bytes().all(letter) {
            return Err(MALFORMED);
        }
        match token.bytes().filter(|byte| *byte == b'.').count() {
            2 => Ok(Self::Signed),
            4 => Err(Denied::BadToken("it is encrypted")),
            // Its issuer can be told from it, so no other is asked about it, whatever became of it on its way.
            _ if begins_as_jwt(token) => Err(MALFORMED),
            _ => Ok(Self::Opaque),
        }
    }
}

/// Whether a text begins with the header of a JSON Web Token. Read less strictly than one is: what nearly is one is no
/// word that only its issuer understands.
fn begins_as_jwt(text: &str) -> bool {
    let header = text.split('.').next().unwrap_or_default();
    let header = header.trim_end_matches('=');
    let header = header.replace('+', "-").replace('/', "_");
    let Ok(bytes) = LENIENT.decode(header) else {
        return false;
    };
    let members = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(&bytes);
    members.is_ok_and(|members| members.contains_key("alg"))
}

/// base64url, whatever its last bits are.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// A signed token in its parts. Nothing of it is proven.
#[derive(Debug)]
pub(super) struct Jwt<'a> {
    /// What is signed.
    pub(super) signed: &'a str,
    /// The signature, as written.
    pub(super) signature: &'a str,
    /// The algorithm it says it was signed with: one of those there are.
    pub(super) algorithm: Algorithm,
    /// The key it says it was signed with.
    pub(super) key: Option<String>,
    /// The issuer it names.
    pub(super) issuer: String,
    /// Its claims.
    pub(super) claims: Object<'static>,
    kind: Option<String>,
}

impl<'a> Jwt<'a> {
    /// Takes a token apart.
    pub(super) fn read(token: &'a str) -> Result<Self, Denied> {
        let (signed, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, claims) = signed.split_once('.').ok_or(MALFORMED)?;
        let header = part(header)?;
        if header.has("crit") {
            // RFC 7515 §4.1.11: what is critical must be understood, and no extension is.
            return Err(Denied::BadToken(
                "it wants extensions that are not known here",
            ));
        }
        let written: String = required(&header, "alg")?;
        let named = |algorithm: &Algorithm| algorithm.name() == written;
        let algorithm = Algorithm::ALL.into_iter().find(named);
        let key: Option<String> = optional(&header, "kid")?;
        if key.as_ref().is_some_and(|key| key.len() > LONGEST_KID) {
            return Err(MALFORMED);
        }
        let claims = part(claims)?;
        Ok(Self {
            signed,
            signature,
            algorithm: algorithm.ok_or(NOT_THIS_ALGORITHM)?,
            key,
            issuer: required(&claims, "iss")?,
            claims,
            kind: optional(&header, "typ")?,
        })
    }

    /// Whether its issuer makes tokens like it: the algorithm, and what it calls itself.
    pub(super) fn suits(&self, issuer: &Issuer) -> Result<(), Denied> {
        if !issuer.algorithms.contains(&self.algorithm) {
            return Err(NOT_THIS_ALGORITHM);
        }
        // RFC 7515 §4.1.9: media types, with or without `application/`, in letters of any size.
        let kind = self.kind.as_deref().map(str::to_ascii_lowercase);
        let kind = kind.as_deref();
        let kind = kind.map(|kind| kind.strip_prefix("application/").unwrap_or(kind));
        let fits = match (kind, issuer.token_type) {
            (Some("at+jwt"), _) => true,
            (_, TokenType::AccessToken) => false,
            // Anything else has a purpose of its own (RFC 8725 §3.11): to log out, to prove, to be exchanged.
            (None | Some("jwt"), TokenType::Any) => !self.is_for_signing_in(),
            (Some(_), TokenType::Any) => false,
        };
        fits.then_some(())
            .ok_or(Denied::BadToken("it is no access token"))
    }

    /// Whether it is an ID token, or one to get others with, by what tells it from an access token: the claims of
    /// OpenID Connect Core §2 and §3.3.2.11, and the words of Keycloak (`typ`) and Cognito (`token_use`).
    fn is_for_signing_in(&self) -> bool {
        let bound = ["nonce", "at_hash", "c_hash", "s_hash"];
        let word = |key, words: &[&str]| {
            let said: Option<String> = self.claims.peek(key);
            said.is_some_and(|said| words.iter().any(|word| said.eq_ignore_ascii_case(word)))
        };
        bound.iter().any(|claim| self.claims.has(claim))
            || word("typ", &["id", "refresh", "offline", "logout"])
            || word("token_use", &["id"])
    }
}

const NOT_THIS_ALGORITHM: Denied =
    Denied::BadToken("it is signed with an algorithm that is not good here");

/// One part of a token: base64url without padding, of a JSON object without repeated members.
fn part(text: &str) -> Result<Object<'static>, Denied> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| MALFORMED)?;
    let object = Object::parse(&bytes).map_err(|_| MALFORMED)?;
    Ok(object.into_owned())
}

fn required(object: &Object<'_>, key: &str) -> Result<String, Denied> {
    optional(object, key)?.ok_or(MALFORMED)
}

fn optional(object: &Object<'_>, key: &str) -> Result<Option<String>, Denied> {
    object.read(key).map_err(|_| MALFORMED)
}
