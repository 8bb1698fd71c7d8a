//! A JSON object as it was written: members in their own order, values untouched.
//!
//! Requests and replies between two ends that speak the same dialect are *edited*, not rebuilt: this is the
//! editor. Only the top level is parsed; each value stays the raw text of its source, so key order, number
//! spelling and unknown fields survive, and provider prompt caches keep hitting. A key that stands twice is
//! an error: two readers of the same body must never see two different models.

mod skim;

use std::{borrow::Cow, collections::HashSet, fmt};

use bytes::Bytes;
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};

/// One JSON value in the spelling of its source. Cheap to keep, parsed only where somebody asks.
pub type Raw = Box<RawValue>;

/// Up to this many members a look at all of them is the quickest way to find a repeated key. Beyond it keys are
/// hashed, or else a body of a few megabytes of keys would take minutes.
const FEW: usize = 32;

/// The top level of a JSON object, in source order. Keys are unique.
#[derive(Clone, Debug, Default)]
pub struct Object<'a> {
    members: Members<'a>,
}

/// Keys and raw values, in source order.
type Members<'a> = Vec<(Cow<'a, str>, Cow<'a, RawValue>)>;

/// A member that is there but has not the type its reader expects.
#[derive(Debug, thiserror::Error)]
#[error("`{key}`: {reason}")]
pub struct WrongType {
    /// The key of the member.
    pub key: String,
    /// What was expected, in serde's words.
    pub reason: String,
}

impl<'a> Object<'a> {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the top level; fails on anything but an object, on bad JSON at any depth and on repeated keys.
    pub fn parse(text: &'a [u8]) -> serde_json::Result<Self> {
        let skimmed = simdutf8::basic::from_utf8(text).ok().map(Self::skim);
        match skimmed {
            Some(Some(object)) => Ok(object),
            _ => parse(text),
        }
    }

    /// A plain object with few members, each of them once.
    fn skim(text: &'a str) -> Option<Self> {
        let object = Object {
            members: skim::members(text)?,
        };
        let first = |(at, (key, _)): (usize, &(Cow<'_, str>, _))| object.position(key) == Some(at);
        let plain = object.members.len() <= FEW && object.members.iter().enumerate().all(first);
        plain.then_some(object)
    }

    /// Parses a raw value that should be an object.
    pub fn of(raw: &'a RawValue) -> serde_json::Result<Self> {
        serde_json::from_str(raw.get())
    }

    /// The keys, in source order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(key, _)| &**key)
    }

    /// The raw value under `key`.
    pub fn get(&self, key: &str) -> Option<&RawValue> {
        self.position(key).map(|at| &*self.members[at].1)
    }

    /// The raw value under `key`, not copied where its source outlives the object.
    pub fn into_member(mut self, key: &str) -> Option<Cow<'a, RawValue>> {
        let at = self.position(key)?;
        Some(self.members.swap_remove(at).1)
    }

    /// Whether `key` is there, and not null.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|raw| raw.get() != "null")
    }

    /// The value under `key`, typed; `None` when absent or null.
    pub fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, WrongType> {
        match self.get(key) {
            None => Ok(None),
            Some(raw) => typed(key, raw),
        }
    }

    /// As [`Object::read`], for values a peer controls and nobody depends on: the wrong type counts as absent.
    pub fn peek<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.get(key)
            .and_then(|raw| serde_json::from_str::<Option<T>>(raw.get()).ok().flatten())
    }

    /// Removes `key` and gives its raw value.
    pub fn remove(&mut self, key: &str) -> Option<Raw> {
        let at = self.position(key)?;
        Some(self.members.remove(at).1.into_owned())
    }

    /// Removes `key` and gives its typed value; `None` when absent or null.
    pub fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, WrongType> {
        match self.remove(key) {
            None => Ok(None),
            Some(raw) => typed(key, &raw),
        }
    }

    /// Puts `value` under `key`, in the place the key already has, else at the end.
    pub fn set(&mut self, key: impl Into<Cow<'a, str>>, value: &(impl Serialize + ?Sized)) {
        // Strings, numbers, lists and our own derived types always serialise; a map with non-string keys would
        // not, and there is none.
        let raw = to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned());
        self.set_raw(key, raw);
    }

    /// As [`Object::set`], for a value that is already JSON text.
    pub fn set_raw(&mut self, key: impl Into<Cow<'a, str>>, raw: Raw) {
        let key = key.into();
        match self.position(&key) {
            Some(at) => self.members[at].1 = Cow::Owned(raw),
            None => self.members.push((key, Cow::Owned(raw))),
        }
    }

    /// Gives the member under `from` another name, in its place; one that stood under `to` makes room.
    pub fn rename(&mut self, from: &str, to: &'a str) {
        let Some(at) = self.position(from) else {
            return;
        };
        self.members[at].0 = Cow::Borrowed(to);
        let mut seen = 0;
        self.members.retain(|(key, _)| {
            seen += 1;
            key != to || seen == at + 1
        });
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.members.iter().map(|(key, raw)| (&**key, &**raw))
    }

    /// Keeps the members for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &RawValue) -> bool) {
        self.members.retain(|(key, raw)| keep(key, raw));
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The same object, to be edited without touching this one: members are shared, not copied.
    pub fn borrowed(&self) -> Object<'_> {
        let borrowed = self.members.iter().map(|(key, raw)| {
            let key: Cow<'_, str> = Cow::Borrowed(key);
            let raw: Cow<'_, RawValue> = Cow::Borrowed(raw);
            (key, raw)
        });
        Object {
            members: borrowed.collect(),
        }
    }

    /// The same object, independent of the text it was parsed from.
    pub fn into_owned(self) -> Object<'static> {
        let own = |(key, raw): (Cow<'a, str>, Cow<'a, RawValue>)| {
            (Cow::Owned(key.into_owned()), Cow::Owned(raw.into_owned()))
        };
        Object {
            members: self.members.into_iter().map(own).collect(),
        }
    }

    /// The object as JSON text: one copy of each value, nothing re-encoded.
    pub fn to_bytes(&self) -> Bytes {
        let size = self
            .members
            .iter()
            .map(|(key, raw)| key.len() + raw.get().len() + 4);
        let mut out = Vec::with_capacity(size.sum::<usize>() + 2);
        out.push(b'{');
        for (at, (key, raw)) in self.members.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_key(key, &mut out);
            out.extend_from_slice(raw.get().as_bytes());
        }
        out.push(b'}');
        Bytes::from(out)
    }

    /// The object as one raw value.
    pub fn to_raw(&self) -> Raw {
        to_raw_value(self).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.members.iter().position(|(have, _)| have == key)
    }
}

/// Parses JSON text.
pub fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> serde_json::Result<T> {
    // Checked as a whole, and fast, instead of piece by piece in the parser.
    match simdutf8::basic::from_utf8(text) {
        Ok(text) => serde_json::from_str(text),
        // The parser knows where the text is none.
        Err(_) => serde_json::from_slice(text),
    }
}

/// Writes any of our values as raw JSON; null when it cannot be written, which our types never are.
pub fn raw(value: &(impl Serialize + ?Sized)) -> Raw {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn typed<T: DeserializeOwned>(key: &str, raw: &RawValue) -> Result<Option<T>, WrongType> {
    serde_json::from_str(raw.get()).map_err(|error| WrongType {
        key: key.to_owned(),
        reason: without_position(&error),
    })
}

/// serde_json counts lines inside the one value, which would mislead the reader of the whole body.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

fn write_key(key: &str, out: &mut Vec<u8>) {
    let plain = key
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain {
        out.push(b'"');
        out.extend_from_slice(key.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(raw(key).get().as_bytes());
    }
    out.push(b':');
}

impl Serialize for Object<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = Object {
                    members: Vec::with_capacity(map.size_hint().unwrap_or(8)),
                };
                let mut seen = HashSet::new();
                while let Some(key) = map.next_key_seed(Key)? {
                    if seen.is_empty() && object.members.len() == FEW {
                        seen.extend(object.members.iter().map(|(key, _)| key.clone()));
                    }
                    let repeated = if seen.is_empty() {
                        object.position(&key).is_some()
                    } else {
                        !seen.insert(key.clone())
                    };
                    if repeated {
                        return Err(serde::de::Error::custom(format!(
                            "the key `{key}` stands twice"
                        )));
                    }
                    let value: &'de RawValue = map.next_value()?;
                    object.members.push((key, Cow::Borrowed(value)));
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Reads a key without copying it, unless it has escapes. (`Cow<str>` alone always copies.)
struct Key;

impl<'de> serde::de::DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, change: impl FnOnce(&mut Object<'_>)) -> String {
        let mut object = Object::parse(text.as_bytes()).unwrap();
        change(&mut object);
        String::from_utf8(object.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn values_keep_order_and_spelling() {
        let text = r#"{"z":1.0,"a":{"y":[1, 2],"b":"\u00e9"},"n":18446744073709551616}"#;
        assert_eq!(edit(text, |_| {}), text);
    }

    #[test]
    fn set_replaces_in_place_and_appends_otherwise() {
        let set = |object: &mut Object<'_>| {
            object.set("model", "b");
            object.set("stream", &true);
        };
        assert_eq!(
            edit(r#"{"model":"a","x":1}"#, set),
            r#"{"model":"b","x":1,"stream":true}"#
        );
    }

    #[test]
    fn rename_keeps_the_place_and_wins_over_the_old_bearer_of_the_name() {
        let rename = |object: &mut Object<'_>| object.rename("b", "c");
        assert_eq!(edit(r#"{"c":1,"b":2,"d":3}"#, rename), r#"{"c":2,"d":3}"#);
    }

    #[test]
    fn a_repeated_key_is_refused() {
        let error = Object::parse(br#"{"model":"a","model":"b"}"#).unwrap_err();
        assert!(
            error.to_string().contains("`model` stands twice"),
            "{error}"
        );
        let many: String = (0..200_000).map(|n| format!(r#""k{n}":1,"#)).collect();
        let error = Object::parse(format!(r#"{{{many}"k7":2}}"#).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("`k7` stands twice"), "{error}");
    }

    #[test]
    fn a_wrong_type_names_the_key() {
        let object = Object::parse(br#"{"stream":"yes"}"#).unwrap();
        let error = object.read::<bool>("stream").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`stream`: invalid type: string \"yes\", expected a boolean"
        );
    }
}
