//! Values as providers really write them: a field of the wrong type counts as absent.
//!
//! Who is strict with a field nobody needs fails answers that were good. Strings are borrowed where they can be.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// A string, borrowed where it has no escapes; absent when it is anything else.
#[derive(Clone, Debug, Default)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl Text<'_> {
    /// The string; empty when absent.
    pub(super) fn get(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether there is no text in it.
    pub(super) fn is_empty(&self) -> bool {
        self.get().is_empty()
    }
}

/// A count; absent when it is no whole number from 0 to 2⁶³.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count(pub(super) Option<u64>);

/// What is said: a string, or a list of parts, of which the text and the thoughts count.
#[derive(Clone, Debug, Default)]
pub(super) enum Content<'a> {
    /// Nothing that could be said.
    #[default]
    Empty,
    /// A string.
    Text(Cow<'a, str>),
    /// The parts, joined.
    Parts {
        /// The text among them.
        text: String,
        /// The thinking among them.
        thinking: String,
    },
}

impl Content<'_> {
    /// The text of it.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Empty => "",
            Self::Text(text) => text,
            Self::Parts { text, .. } => text,
        }
    }

    /// The thinking in it.
    pub(super) fn thinking(&self) -> &str {
        match self {
            Self::Parts { thinking, .. } => thinking,
            _ => "",
        }
    }
}

/// A piece of content that is a list: text, or thinking that is a list of text pieces itself.
#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow, default)]
    thinking: Content<'a>,
}

/// Takes a value of any type and makes of it what it can.
trait Lenient<'de>: Default {
    fn text(_text: Cow<'de, str>) -> Self {
        Self::default()
    }
    fn number(_number: u64) -> Self {
        Self::default()
    }
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

impl<'de> Lenient<'de> for Text<'de> {
    fn text(text: Cow<'de, str>) -> Self {
        Self(Some(text))
    }
}

impl<'de> Lenient<'de> for Count {
    fn number(number: u64) -> Self {
        Self(Some(number))
    }
}

impl<'de> Lenient<'de> for Content<'de> {
    fn text(text: Cow<'de, str>) -> Self {
        Self::Text(text)
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let (mut text, mut thinking) = (String::new(), String::new());
        while let Some(piece) = list.next_element::<Piece<'de>>()? {
            text.push_str(piece.text.get());
            thinking.push_str(piece.thinking.text());
        }
        Ok(Self::Parts { text, thinking })
    }
}

struct Any<T>(std::marker::PhantomData<T>);

impl<'de, T: Lenient<'de>> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::number(number))
    }

    fn visit_i64<E>(self, _number: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        let whole = (0.0..9e15).contains(&number) && number.fract() == 0.0;
        Ok(if whole {
            T::number(number as u64)
        } else {
            T::default()
        })
    }

    fn visit_bool<E>(self, _value: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }
}

macro_rules! lenient {
    ($($type:ty),*) => {$(
        impl<'de: 'a, 'a> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Any(std::marker::PhantomData))
            }
        }
    )*};
}

lenient!(Text<'a>, Content<'a>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(std::marker::PhantomData))
    }
}
