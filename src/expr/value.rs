//! The values an expression sees, handed over without copies where they can be.

use std::{any::Any, borrow::Cow, collections::HashMap};

use cel::{
    ExecutionError,
    common::{
        types::{CelBool, CelInt, CelList, CelMap, CelMapKey, CelString, Type},
        value::{CowVal, StaticVal, Val},
    },
    context::VariableResolver,
};
use regex::Regex;

use super::json;

/// Where the values come from. Asked only for names that are mentioned, and at each mention.
pub trait Roots: Sync {
    /// The value of a dotted name; `None` where it cannot be known, which is an error.
    fn value(&self, name: &str) -> Option<Value<'_>>;
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number. What is beyond the language's 63 bits is taken for the largest.
    Whole(u64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list of texts.
    Texts(Vec<Cow<'a, str>>),
    /// Texts by name.
    Map(Vec<(Cow<'a, str>, Cow<'a, str>)>),
    /// Any JSON.
    Json(&'a serde_json::Value),
}

impl Value<'_> {
    /// Whether it is what an absent value is read as: false, zero or empty.
    fn is_nothing(&self) -> bool {
        match self {
            Self::Bool(yes) => !yes,
            Self::Whole(number) => *number == 0,
            Self::Text(text) => text.is_empty(),
            Self::Texts(list) => list.is_empty(),
            Self::Map(members) => members.is_empty(),
            Self::Json(value) => value.is_null(),
        }
    }
}

impl<'a> Value<'a> {
    fn hand_over<'b>(self) -> CowVal<'b, 'a> {
        let text = |text: Cow<'a, str>| CelString::from(text);
        match self {
            Self::Bool(yes) => CowVal::owned(CelBool::from(yes)),
            Self::Whole(number) => {
                CowVal::owned(CelInt::from(i64::try_from(number).unwrap_or(i64::MAX)))
            }
            Self::Text(value) => CowVal::owned(text(value)),
            Self::Texts(list) => {
                let boxed = |value| Box::new(text(value)) as Box<dyn Val + 'a>;
                CowVal::owned(CelList::from(
                    list.into_iter().map(boxed).collect::<Vec<_>>(),
                ))
            }
            Self::Map(members) => {
                let boxed = |(key, value): (Cow<'a, str>, Cow<'a, str>)| {
                    let value = Box::new(text(value)) as Box<dyn Val + 'a>;
                    (CelMapKey::from(key.into_owned()), value)
                };
                CowVal::owned(CelMap::from(
                    members.into_iter().map(boxed).collect::<HashMap<_, _>>(),
                ))
            }
            Self::Json(value) => CowVal::Owned(json::to_cel(value)),
        }
    }
}

/// What [`super::bind`] puts before a name to ask whether it is there. No identifier has a blank.
pub(super) const HAS: &str = "has ";

/// What [`super::bind`] puts before the number of a pattern.
pub(super) const PATTERN_AT: &str = "@pattern ";

/// Answers the names of one expression.
pub(super) struct Resolver<'a> {
    pub(super) roots: &'a dyn Roots,
    pub(super) patterns: &'a [Pattern],
}

impl VariableResolver for Resolver<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(name) = name.strip_prefix(HAS) {
            let there = !self.roots.value(name)?.is_nothing();
            return Some(CowVal::owned(CelBool::from(there)));
        }
        if let Some(at) = name.strip_prefix(PATTERN_AT) {
            let pattern = self.patterns.get(at.parse::<usize>().ok()?)?;
            return Some(CowVal::Borrowed(pattern));
        }
        self.roots.value(name).map(Value::hand_over)
    }
}

/// A compiled pattern, as a value of the language.
#[derive(Clone, Debug)]
pub(super) struct Pattern(pub(super) Regex);

/// The type of patterns.
pub(super) const PATTERN: Type = Type::new_unspecified_type("pattern");

static PATTERN_TYPE: Type = PATTERN;

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN_TYPE
    }

    fn cel_type() -> &'static Type {
        &PATTERN_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

/// `text.matches(pattern)`: whether the pattern is found in the text.
pub(super) fn matches<'b, 'v>(
    arguments: Vec<CowVal<'b, 'v>>,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [text, pattern] = &arguments[..] else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let text = text.downcast_ref::<CelString<'_>>();
    let pattern = pattern.downcast_ref::<Pattern>();
    let (Some(text), Some(pattern)) = (text, pattern) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    Ok(CowVal::owned(CelBool::from(
        pattern.0.is_match(text.inner()),
    )))
}
