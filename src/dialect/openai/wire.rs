//! The wire format of answers as providers really write it: borrowed, and tolerant of wrong types.
//!
//! One set of types for whole replies and chunks, so that both are judged alike. A field of the wrong type
//! counts as absent: who is strict with a field nobody needs fails answers that were good.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A reply or a chunk.
#[derive(Debug, Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) object: Text<'a>,
    #[serde(default)]
    pub(super) created: Count,
    #[serde(borrow, default)]
    pub(super) model: Text<'a>,
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    /// Usage in the wrapper some put around their own extras.
    #[serde(borrow, default)]
    pub(super) x_groq: Option<&'a RawValue>,
    /// A status that stands in answers with HTTP 200.
    #[serde(borrow, default)]
    pub(super) base_resp: Option<&'a RawValue>,
    /// The sources of the answer's `[n]` marks.
    #[serde(borrow, default)]
    pub(super) citations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) search_results: Option<&'a RawValue>,
}

/// One of the answers.
#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(borrow, default)]
    pub(super) message: Option<Message<'a>>,
    #[serde(borrow, default)]
    pub(super) delta: Option<Message<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Text<'a>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
}

/// A message, or what a chunk adds to it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) role: Text<'a>,
    #[serde(borrow, default)]
    pub(super) content: Content<'a>,
    #[serde(borrow, default)]
    pub(super) refusal: Text<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_content: Text<'a>,
    /// The other spelling of `reasoning_content`.
    #[serde(borrow, default)]
    pub(super) reasoning: Text<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_details: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) annotations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
    /// The one call of the days before tools.
    #[serde(borrow, default)]
    pub(super) function_call: Option<Function<'a>>,
}

/// A tool call, or what a chunk adds to it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(default)]
    pub(super) index: Count,
    #[serde(borrow, default)]
    pub(super) id: Text<'a>,
    #[serde(borrow, rename = "type", default)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) function: Option<Function<'a>>,
}

/// The function of a call.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) arguments: Option<&'a RawValue>,
}

impl Function<'_> {
    /// The arguments as text, and whether they stood there as a string, as they should.
    pub(super) fn arguments(&self) -> (Cow<'_, str>, bool) {
        match self.arguments.map(RawValue::get) {
            None | Some("null") => (Cow::Borrowed(""), true),
            Some(raw) if raw.starts_with('"') => {
                let text: Text<'_> = serde_json::from_str(raw).unwrap_or_default();
                (text.0.unwrap_or_default(), true)
            }
            Some(raw) => (Cow::Owned(compact(raw)), false),
        }
    }
}

/// JSON text without the white space between its tokens.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if !in_string && matches!(c, ' ' | '\t' | '\r' | '\n') {
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        out.push(c);
    }
    out
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_types_count_as_absent() {
        let json = r#"{"id":7,"created":"now","model":null,"choices":[{"index":-1,"finish_reason":{},
            "message":{"content":[{"type":"text","text":"a"},{"type":"thinking","thinking":[{"type":"text","text":"t"}]},
            {"type":"reference","reference_ids":[1]},{"type":"text","text":"b"}],"tool_calls":null}}]}"#;
        let answer: Answer<'_> = serde_json::from_str(json).unwrap();
        assert!(answer.id.is_empty() && answer.created.0.is_none());
        let choice = &answer.choices.unwrap()[0];
        assert!(choice.index.0.is_none() && choice.finish_reason.0.is_none());
        let content = &choice.message.as_ref().unwrap().content;
        assert_eq!((content.text(), content.thinking()), ("ab", "t"));
    }

    #[test]
    fn compact_keeps_white_space_in_strings() {
        assert_eq!(
            compact("{ \"a b\" : \"c \\\" d\" ,\n\t\"e\": [1, 2] }"),
            "{\"a b\":\"c \\\" d\",\"e\":[1,2]}"
        );
    }
}
