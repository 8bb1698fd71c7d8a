//! The top level of an object, found at memory speed.
//!
//! A prompt of a hundred kilobytes is a few strings, and most of what reading it costs is finding their ends.
//! The parser looks at eight bytes at a time; this leaps from quote to backslash. It knows plain JSON only:
//! whatever else it meets (control characters, escapes in keys, brackets sixty-four deep, a mistake) it leaves to the
//! parser, which knows what to say. So it may refuse anything, and must take nothing that the parser would not.

use std::borrow::Cow;

use memchr::memchr2;
use serde::{
    Deserialize, Deserializer,
    de::{
        Visitor,
        value::{BorrowedStrDeserializer, Error, MapDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::value::RawValue;

use super::Members;

/// The members of the object that `text` is, keys without their quotes, in order. `None` where the parser shall
/// say what it is. Keys may stand twice.
pub(super) fn members(text: &str) -> Option<Members<'_>> {
    // Without a branch, so that many bytes are looked at in one step.
    let control = text.bytes().fold(false, |seen, byte| seen | (byte < b' '));
    if control {
        return None;
    }
    let mut skim = Skim { text, at: 0 };
    skim.spaces();
    skim.expect(b'{')?;
    skim.spaces();
    let mut members = Vec::with_capacity(8);
    if !skim.take(b'}') {
        loop {
            let key = skim.key()?;
            let start = skim.at;
            skim.value()?;
            let value = trusted(&text[start..skim.at])?;
            members.push((Cow::Borrowed(key), Cow::Borrowed(value)));
            skim.spaces();
            if !skim.take(b',') {
                skim.expect(b'}')?;
                break;
            }
            skim.spaces();
        }
    }
    skim.spaces();
    (skim.at == text.len()).then_some(members)
}

struct Skim<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Skim<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes().get(self.at)?;
        self.at += 1;
        Some(*byte)
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.bytes().get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    /// All other white space is made of control characters.
    fn spaces(&mut self) {
        while self.take(b' ') {}
    }

    /// A key without escapes, up to its value.
    fn key(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        self.at += memchr2(b'"', b'\\', &self.bytes()[start..])?;
        let key = &self.text[start..self.at];
        self.expect(b'"')?;
        self.spaces();
        self.expect(b':')?;
        self.spaces();
        Some(key)
    }

    fn value(&mut self) -> Option<()> {
        // A bit for each open bracket, 1 for a curly one, behind a first bit that stands for none.
        let mut open = 1_u64;
        loop {
            match self.next()? {
                b'"' => self.string()?,
                bracket @ (b'{' | b'[') => {
                    let curly = bracket == b'{';
                    self.spaces();
                    if !self.take(if curly { b'}' } else { b']' }) {
                        open = open.checked_mul(2)? | u64::from(curly);
                        if curly {
                            self.key()?;
                        }
                        continue;
                    }
                }
                b't' => self.word("rue")?,
                b'f' => self.word("alse")?,
                b'n' => self.word("ull")?,
                digit => self.number(digit)?,
            }
            // A value ends here, and with it perhaps the brackets around it.
            loop {
                if open == 1 {
                    return Some(());
                }
                self.spaces();
                match (self.next()?, open & 1 == 1) {
                    (b'}', true) | (b']', false) => open /= 2,
                    (b',', curly) => {
                        self.spaces();
                        if curly {
                            self.key()?;
                        }
                        break;
                    }
                    _ => return None,
                }
            }
        }
    }

    /// The rest of a string behind its opening quote.
    fn string(&mut self) -> Option<()> {
        loop {
            self.at += memchr2(b'"', b'\\', &self.bytes()[self.at..])?;
            if self.next()? == b'"' {
                return Some(());
            }
            match self.next()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    let digits = self.bytes().get(self.at..self.at + 4)?;
                    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                    self.at += 4;
                }
                _ => return None,
            }
        }
    }

    fn word(&mut self, rest: &str) -> Option<()> {
        let there = self.text.get(self.at..)?.starts_with(rest);
        self.at += rest.len();
        there.then_some(())
    }

    /// The rest of a number behind its first character.
    fn number(&mut self, first: u8) -> Option<()> {
        let first = match first {
            b'-' => self.next()?,
            digit => digit,
        };
        match first {
            b'0' => {}
            b'1'..=b'9' => {
                self.digits();
            }
            _ => return None,
        }
        if self.take(b'.') {
            self.digits().then_some(())?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits().then_some(())?;
        }
        Some(())
    }

    /// Passes over digits; tells whether there were any.
    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at > start
    }
}

/// JSON text that needs no other look, as a raw value. serde_json hands raw values through serde's data model as a
/// map of one member whose key is the name it asks by, so it takes them from any deserialiser.
fn trusted(json: &str) -> Option<&RawValue> {
    struct Trusted<'a>(&'a str);

    impl<'de> Deserializer<'de> for Trusted<'de> {
        type Error = Error;

        fn deserialize_newtype_struct<V: Visitor<'de>>(
            self,
            name: &'static str,
            visitor: V,
        ) -> Result<V::Value, Error> {
            let text = BorrowedStrDeserializer::new;
            let member = (text(name), text(self.0));
            visitor.visit_map(MapDeserializer::new(std::iter::once(member)))
        }

        fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_borrowed_str(self.0)
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
        }
    }

    <&RawValue>::deserialize(Trusted(json)).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// What the parser says of the same text.
    fn parsed(text: &str) -> Option<Vec<(String, String)>> {
        let object: super::super::Object<'_> = serde_json::from_str(text).ok()?;
        let members = object.iter();
        Some(
            members
                .map(|(key, raw)| (key.to_owned(), raw.get().to_owned()))
                .collect(),
        )
    }

    fn skimmed(text: &str) -> Option<Vec<(String, String)>> {
        let members = members(text)?;
        let distinct: HashSet<&str> = members.iter().map(|(key, _)| &**key).collect();
        (distinct.len() == members.len()).then_some(())?;
        Some(
            members
                .iter()
                .map(|(key, raw)| (key.to_string(), raw.get().to_owned()))
                .collect(),
        )
    }

    #[test]
    fn takes_plain_objects() {
        for text in [
            "{}",
            " { } ",
            r#"{"a":1}"#,
            r#"{"model":"m","messages":[{"role":"user","content":"a \"b\" \\ \u00e9 é"}],"x":{"y":[[],{}]}}"#,
            r#"{ "a" : [ 1 , -0.5e+7 , true , false , null ] , "b" : { "c" : "" , "d" : 0 } }"#,
        ] {
            assert!(skimmed(text).is_some(), "{text}");
            assert_eq!(skimmed(text), parsed(text), "{text}");
        }
    }

    #[test]
    fn leaves_to_the_parser_what_is_not_plain() {
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(70), "]".repeat(70));
        for text in ["{\n\"a\":1}", r#"{"\u0061":1}"#, "{\"a\":\"\u{1}\"}", &deep] {
            assert_eq!(skimmed(text), None, "{text:?}");
        }
    }

    #[test]
    fn takes_no_mistake() {
        for text in [
            "",
            "[]",
            "{",
            "{}}",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 "b":2}"#,
            r#"{a:1}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":[1}"#,
            r#"{"a":{"b":1]}"#,
            r#"{"a":{"b"}}"#,
            r#"{"a":{"b":1,}}"#,
            r#"{"a":01}"#,
            r#"{"a":-}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e}"#,
            r#"{"a":+1}"#,
            r#"{"a":tru}"#,
            r#"{"a":nulll}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12g4"}"#,
            r#"{"a":"\u12"}"#,
            r#"{"a":"}"#,
            r#"{"a":"\"}"#,
            r#"{"a":1}x"#,
            r#"{"a":1}{}"#,
        ] {
            assert_eq!(skimmed(text), None, "{text}");
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    proptest! {
        /// Whatever it takes, the parser takes, and sees the same in it.
        #[test]
        fn takes_nothing_the_parser_would_not(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    "{", "}", "[", "]", ":", ",", " ", "\"a\"", "\"b\"", "\"\\n\"", "\"", "\\", "\\u00e9", "é", "1",
                    "-", "0", ".5", "e3", "true", "null", "{\"a\":", "\"k\":[", "],\"z\":{",
                ]),
                0..16,
            ),
        ) {
            for text in [pieces.concat(), format!("{{\"a\":{}}}", pieces.concat())] {
                if let Some(members) = skimmed(&text) {
                    prop_assert_eq!(Some(members), parsed(&text), "{}", text);
                }
            }
        }
    }
}
