//! The values an expression sees, handed over without copies where they can be.

use std::{any::Any, borrow::Cow, collections::HashMap, sync::OnceLock};

use cel::{
    ExecutionError,
    common::{
        types::{CelBool, CelInt, CelList, CelMap, CelMapKey, CelString, Type},
        value::{CowVal, StaticVal, Val},
    },
    context::VariableResolver,
};
use regex::Regex;

use super::{
    json,
    meter::{METER_NAME, Meter, STEP},
};

/// Where the values come from. Asked only for names that are mentioned, and once for each evaluation.
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
    fn hand_over(self) -> Box<dyn Val + 'a> {
        let text = |text: Cow<'a, str>| CelString::from(text);
        match self {
            Self::Bool(yes) => Box::new(CelBool::from(yes)),
            Self::Whole(number) => {
                Box::new(CelInt::from(i64::try_from(number).unwrap_or(i64::MAX)))
            }
            Self::Text(value) => Box::new(text(value)),
            Self::Texts(list) => {
                let boxed = |value| Box::new(text(value)) as Box<dyn Val + 'a>;
                Box::new(CelList::from(
                    list.into_iter().map(boxed).collect::<Vec<_>>(),
                ))
            }
            Self::Map(members) => {
                let boxed = |(key, value): (Cow<'a, str>, Cow<'a, str>)| {
                    let value = Box::new(text(value)) as Box<dyn Val + 'a>;
                    (CelMapKey::from(key.into_owned()), value)
                };
                Box::new(CelMap::from(
                    members.into_iter().map(boxed).collect::<HashMap<_, _>>(),
                ))
            }
            Self::Json(value) => json::to_cel(value),
        }
    }
}

/// What [`super::bind`] puts before a name to ask whether it is there. No identifier has a blank.
pub(super) const HAS: &str = "has ";

/// What [`super::bind`] puts before the number of a pattern.
pub(super) const PATTERN_AT: &str = "@pattern ";

/// The names an expression asks for, as they stand in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Each, and the place of its value among those that are kept: of those that are asked for more than once.
    names: Vec<(String, Option<usize>)>,
    pub(super) kept: usize,
}

impl Names {
    /// Notes that a name is asked for: once for each evaluation, or `often`.
    pub(super) fn note(&mut self, name: &str, often: bool) {
        let known = self.names.iter_mut().find(|(known, _)| known == name);
        let place = match known {
            Some((_, Some(_))) => return,
            Some((_, place)) => place,
            None => {
                self.names.push((name.to_owned(), None));
                let Some((_, place)) = self.names.last_mut().filter(|_| often) else {
                    return;
                };
                place
            }
        };
        *place = Some(self.kept);
        self.kept += 1;
    }
}

/// Answers the names of one expression, for one evaluation.
pub(super) struct Resolver<'a> {
    roots: &'a dyn Roots,
    patterns: &'a [Pattern],
    names: &'a Names,
    /// The values that are kept: made when they are first asked for, and lent from then on.
    kept: Vec<OnceLock<Option<Box<dyn Val + 'a>>>>,
    pub(super) meter: Meter,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(roots: &'a dyn Roots, patterns: &'a [Pattern], names: &'a Names) -> Self {
        Self {
            roots,
            patterns,
            names,
            kept: (0..names.kept).map(|_| OnceLock::new()).collect(),
            meter: Meter::default(),
        }
    }

    fn make(&self, name: &str) -> Option<Box<dyn Val + 'a>> {
        let Some(name) = name.strip_prefix(HAS) else {
            return self.roots.value(name).map(Value::hand_over);
        };
        let there = !self.roots.value(name)?.is_nothing();
        Some(Box::new(CelBool::from(there)))
    }

    /// What [`super::bind`] and [`super::meter`] have put into the expression.
    fn ours(&self, name: &str) -> Option<CowVal<'_, '_>> {
        if let Some(steps) = name.strip_prefix(STEP) {
            let left = self.meter.spend(steps.parse().ok()?);
            return left.then_some(CowVal::Borrowed(&CelBool::TRUE));
        }
        if name == METER_NAME {
            return Some(CowVal::Borrowed(&self.meter));
        }
        let at = name.strip_prefix(PATTERN_AT)?;
        let pattern = self.patterns.get(at.parse::<usize>().ok()?)?;
        Some(CowVal::Borrowed(pattern))
    }
}

impl VariableResolver for Resolver<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if name.starts_with('@') {
            return self.ours(name);
        }
        // The evaluator asks for `a.b.c` before it looks for `c` in `a.b`; nobody has mentioned that.
        let (_, place) = self.names.names.iter().find(|(known, _)| known == name)?;
        match place.and_then(|place| self.kept.get(place)) {
            None => self.make(name).map(CowVal::Owned),
            Some(kept) => {
                let value = kept.get_or_init(|| self.make(name)).as_deref()?;
                Some(CowVal::Borrowed(value))
            }
        }
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
