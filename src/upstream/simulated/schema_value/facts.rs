//! What all the schemas of one value say together.
//!
//! A keyword of the wrong type says nothing. Numbers are read as floats: bounds beyond 2^53 are not exact.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::NoValue;
use crate::json::{Object, Raw};

/// Schemas that all apply to one value. `$ref` and `allOf` are already followed.
pub(super) struct Facts(pub(super) Vec<Object<'static>>);

/// A JSON type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    Null,
}

impl Facts {
    /// Every schema's value of this key, typed; other types count as absent.
    pub(super) fn each<T: DeserializeOwned>(&self, key: &str) -> Vec<T> {
        self.0
            .iter()
            .filter_map(|object| object.peek(key))
            .collect()
    }

    /// The lists under this key, joined.
    pub(super) fn all(&self, key: &str) -> Vec<String> {
        self.each::<Vec<String>>(key).concat()
    }

    /// The schemas under this key; lists are none.
    pub(super) fn schemas(&self, key: &str) -> Vec<Raw> {
        let mut schemas: Vec<Raw> = self.each(key);
        schemas.retain(|raw| !raw.get().starts_with('['));
        schemas
    }

    pub(super) fn objects(&self, key: &str) -> Vec<Object<'_>> {
        let raws = self.0.iter().filter_map(|object| object.get(key));
        raws.filter_map(|raw| Object::of(raw).ok()).collect()
    }

    pub(super) fn greatest(&self, key: &str) -> Option<f64> {
        self.each(key).into_iter().reduce(f64::max)
    }

    pub(super) fn least(&self, key: &str) -> Option<f64> {
        self.each(key).into_iter().reduce(f64::min)
    }

    /// Takes the branches of the first choice there is.
    pub(super) fn take_branches(&mut self) -> Option<Vec<Raw>> {
        let take = |object: &mut Object<'static>, key| object.take(key).ok().flatten();
        self.0.iter_mut().find_map(|object| {
            let branches: Option<Vec<Raw>> =
                take(object, "anyOf").or_else(|| take(object, "oneOf"));
            branches.filter(|branches| !branches.is_empty())
        })
    }

    /// The values of `const` and `enum`, those that stand in all of them.
    pub(super) fn listed(&self) -> Option<Vec<Raw>> {
        let constants = self.0.iter().filter_map(|object| object.get("const"));
        let constants = constants.map(|constant| vec![constant.to_owned()]);
        let lists = constants.chain(self.each::<Vec<Raw>>("enum"));
        lists.reduce(|mut left, right| {
            left.retain(|value| right.iter().any(|other| other.get() == value.get()));
            left
        })
    }

    /// The types the value may have, null last.
    pub(super) fn kinds(&self) -> Result<Vec<Kind>, NoValue> {
        let one = self
            .each::<String>("type")
            .into_iter()
            .map(|name| vec![name]);
        let several = self.each::<Vec<String>>("type");
        let mut kinds: Option<Vec<Kind>> = None;
        for names in one.chain(several) {
            let named: Vec<Kind> = names.iter().filter_map(|name| Kind::named(name)).collect();
            kinds = Some(match kinds {
                None => named,
                Some(before) => Kind::common(&before, &named),
            });
        }
        let mut kinds = kinds.unwrap_or_else(|| self.implied_kinds());
        kinds.sort_by_key(|kind| *kind == Kind::Null);
        if kinds.is_empty() {
            return Err(NoValue);
        }
        Ok(kinds)
    }

    /// The type the other keywords speak of; a string where they are silent too.
    fn implied_kinds(&self) -> Vec<Kind> {
        const TELLING: &[(&[&str], Kind)] = &[
            (
                &["properties", "required", "additionalProperties"],
                Kind::Object,
            ),
            (
                &["items", "prefixItems", "minItems", "maxItems"],
                Kind::Array,
            ),
            (
                &[
                    "minimum",
                    "maximum",
                    "exclusiveMinimum",
                    "exclusiveMaximum",
                    "multipleOf",
                ],
                Kind::Number,
            ),
        ];
        if self.listed().is_some() {
            return Kind::ALL.to_vec();
        }
        let has = |key: &&str| self.0.iter().any(|object| object.get(key).is_some());
        let told = TELLING.iter().find(|(keys, _)| keys.iter().any(has));
        vec![told.map_or(Kind::String, |(_, kind)| *kind)]
    }
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Object,
        Self::Array,
        Self::String,
        Self::Number,
        Self::Boolean,
        Self::Null,
    ];

    fn named(name: &str) -> Option<Self> {
        match name {
            "object" => Some(Self::Object),
            "array" => Some(Self::Array),
            "string" => Some(Self::String),
            "integer" => Some(Self::Integer),
            "number" => Some(Self::Number),
            "boolean" => Some(Self::Boolean),
            "null" => Some(Self::Null),
            _ => None,
        }
    }

    /// The kinds in both lists; an integer is a number.
    fn common(left: &[Self], right: &[Self]) -> Vec<Self> {
        let within = |kind: Self, others: &[Self]| {
            others.contains(&kind) || kind == Self::Integer && others.contains(&Self::Number)
        };
        let mut common: Vec<Self> = left
            .iter()
            .copied()
            .filter(|kind| within(*kind, right))
            .collect();
        let more = right.iter().copied().filter(|kind| within(*kind, left));
        common.extend(more.filter(|kind| !left.contains(kind)));
        common
    }

    /// Whether this JSON text is a value of the kind.
    pub(super) fn is_of(self, value: &RawValue) -> bool {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'{') => self == Self::Object,
            Some(b'[') => self == Self::Array,
            Some(b'"') => self == Self::String,
            Some(b't' | b'f') => self == Self::Boolean,
            Some(b'n') => self == Self::Null,
            _ => self == Self::Number || self == Self::Integer && !text.contains(['.', 'e', 'E']),
        }
    }
}
