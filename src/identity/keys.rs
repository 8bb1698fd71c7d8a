//! Keys as an issuer publishes them (RFC 7517), and which of them are good for what.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde_json::value::RawValue;

use super::reader::Missing;
use crate::{access::Algorithm, json::Object};

/// The most keys of one issuer. Large providers have three or four.
const MOST: usize = 100;

/// Sizes of RSA moduli, in bits: shorter ones can be factored (RFC 7518 §3.3), longer ones take their time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// The largest RSA exponent. Larger ones only make checks slow; the library's own bound is the same.
const LARGEST_EXPONENT: u64 = (1 << 33) - 1;

/// One key that is good for checking signatures.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    kind: Kind,
    /// The one algorithm it is for, where its issuer says so.
    pinned: Option<Algorithm>,
    key: DecodingKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Key {
    /// Whether it may check signatures of this algorithm: by what it is, and by what its issuer says it is for. A token
    /// has no say.
    fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = match algorithm {
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => Kind::Rsa,
            Algorithm::Es256 => Kind::P256,
            Algorithm::Es384 => Kind::P384,
            Algorithm::EdDsa => Kind::Ed25519,
        };
        kind == self.kind && self.pinned.is_none_or(|pinned| pinned == algorithm)
    }

    /// Whether it signed this text.
    pub(super) fn signed(&self, algorithm: Algorithm, text: &str, signature: &str) -> bool {
        use jsonwebtoken::Algorithm as Theirs;
        let theirs = match algorithm {
            Algorithm::Rs256 => Theirs::RS256,
            Algorithm::Rs384 => Theirs::RS384,
            Algorithm::Rs512 => Theirs::RS512,
            Algorithm::Ps256 => Theirs::PS256,
            Algorithm::Es256 => Theirs::ES256,
            Algorithm::Es384 => Theirs::ES384,
            Algorithm::EdDsa => Theirs::EdDSA,
        };
        let verify = || jsonwebtoken::crypto::verify(signature, text.as_bytes(), &self.key, theirs);
        self.fits(algorithm) && verify().unwrap_or(false)
    }

    /// Reads a key. `None` for one that is for something else than signatures.
    fn read(written: &RawValue) -> Result<Option<Self>, &'static str> {
        let jwk = Object::of(written).map_err(|_| "it is no object, or has a member twice")?;
        let text = |key| jwk.peek::<String>(key);
        let operations: Option<Vec<String>> = jwk.peek("key_ops");
        let verifies = operations.is_none_or(|all| all.iter().any(|one| one == "verify"));
        if text("use").is_some_and(|purpose| purpose != "sig") || !verifies {
            return Ok(None);
        }
        if jwk.has("d") || jwk.has("k") {
            return Err("its private half is published, so anybody could sign with it");
        }
        let pinned = match text("alg") {
            None => None,
            Some(name) => {
                let named = |algorithm: &Algorithm| algorithm.name() == name;
                let algorithm = Algorithm::ALL.into_iter().find(named);
                Some(algorithm.ok_or("its algorithm is not known here")?)
            }
        };
        let (kind, key) = match (text("kty").as_deref(), text("crv").as_deref()) {
            (Some("RSA"), _) => (Kind::Rsa, rsa(&jwk)?),
            (Some("EC"), Some("P-256")) => (Kind::P256, curve(&jwk, 32)?),
            (Some("EC"), Some("P-384")) => (Kind::P384, curve(&jwk, 48)?),
            (Some("OKP"), Some("Ed25519")) => (
                Kind::Ed25519,
                DecodingKey::from_ed_der(&number(&jwk, "x", Some(32))?),
            ),
            _ => return Err("its type or curve is not known here"),
        };
        let id = text("kid");
        Ok(Some(Self {
            id,
            kind,
            pinned,
            key,
        }))
    }
}

fn rsa(jwk: &Object<'_>) -> Result<DecodingKey, &'static str> {
    let modulus = number(jwk, "n", None)?;
    let exponent = number(jwk, "e", None)?;
    let zeros = modulus
        .first()
        .map_or(0, |first| first.leading_zeros() as usize);
    if !RSA_BITS.contains(&(modulus.len() * 8 - zeros)) {
        return Err("its RSA modulus has less than 2048 or more than 8192 bits");
    }
    if modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err("its RSA modulus is even");
    }
    let value = exponent
        .iter()
        .take(9)
        .fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
    if value < 3 || value % 2 == 0 || value > u128::from(LARGEST_EXPONENT) {
        return Err("its RSA exponent is even, less than 3 or too large");
    }
    Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn curve(jwk: &Object<'_>, size: usize) -> Result<DecodingKey, &'static str> {
    let point = [number(jwk, "x", Some(size))?, number(jwk, "y", Some(size))?];
    // Uncompressed (SEC 1 §2.3.3). Whether it is on the curve is checked with each signature.
    let point = [&[4], point[0].as_slice(), point[1].as_slice()].concat();
    Ok(DecodingKey::from_ec_der(&point))
}

/// A number in base64url: of this many bytes, or without zeros in front.
fn number(jwk: &Object<'_>, key: &str, size: Option<usize>) -> Result<Vec<u8>, &'static str> {
    let written: String = jwk.peek(key).ok_or("a number of it is missing")?;
    let bytes = URL_SAFE_NO_PAD.decode(written);
    let bytes = bytes.map_err(|_| "a number of it is no base64url")?;
    match size {
        Some(size) if size != bytes.len() => Err("a number of it has the wrong length"),
        Some(_) => Ok(bytes),
        None => Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect()),
    }
}

/// The keys of one issuer, as it published them last.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<Key>,
    /// What it was read from: the same document is the same set.
    pub(super) digest: blake3::Hash,
    /// Keys that were left out, by their place in the document, and why.
    pub(super) left_out: Vec<(usize, &'static str)>,
}

/// What a set has for a token.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// The key.
    Key(&'a Key),
    /// A key with this name, for other algorithms; or several that might be it.
    Unfit,
    /// None with this name.
    Nothing,
}

impl KeySet {
    /// Reads a document.
    pub(super) fn read(body: &[u8]) -> Result<Self, Missing> {
        let document = Object::parse(body);
        let document = document.map_err(|_| Missing::Wrong("its keys are no JSON object"))?;
        let written: Option<Vec<Box<RawValue>>> = document.peek("keys");
        let written = written.ok_or(Missing::Wrong("its keys are no list"))?;
        if written.len() > MOST {
            return Err(Missing::Wrong("it has more than 100 keys"));
        }
        let (mut keys, mut left_out) = (Vec::new(), Vec::new());
        for (at, written) in written.iter().enumerate() {
            match Key::read(written) {
                Ok(key) => keys.extend(key.map(|key| (at, key))),
                Err(why) => left_out.push((at, why)),
            }
        }
        // Which of two was meant is anybody's guess, and so nobody's.
        let ids: Vec<Option<String>> = keys.iter().map(|(_, key)| key.id.clone()).collect();
        let again = |id: &Option<String>| ids.iter().filter(|other| *other == id).count() > 1;
        keys.retain(|(at, key)| {
            let twice = key.id.is_some() && again(&key.id);
            left_out.extend(twice.then_some((*at, "another key has the same name")));
            !twice
        });
        Ok(Self {
            keys: keys.into_iter().map(|(_, key)| key).collect(),
            digest: blake3::hash(body),
            left_out,
        })
    }

    /// The key for a token that names this one, or none, and this algorithm.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        let Some(id) = id else {
            let mut fitting = self.keys.iter().filter(|key| key.fits(algorithm));
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Found::Key(key),
                (Some(_), Some(_)) => Found::Unfit,
                (None, _) => Found::Nothing,
            };
        };
        match self.keys.iter().find(|key| key.id.as_deref() == Some(id)) {
            Some(key) if key.fits(algorithm) => Found::Key(key),
            Some(_) => Found::Unfit,
            None => Found::Nothing,
        }
    }
}
