//! JSON that two readers cannot read differently: no member stands twice, at any depth, and none lies too deep.
//!
//! What stands here is judged by us and then read by another parser. A member that stands twice would be judged in
//! one place and obeyed in the other.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// The most levels a message may have. Arguments of real tools have a handful; the parser behind stops at 128.
const DEEPEST: usize = 64;

/// Up to this many members are compared one by one; beyond it they are hashed, which costs more for few.
const FEW: usize = 16;

/// Checks a text. The error tells what is wrong, and whether it is JSON at all.
pub(super) fn check(text: &[u8]) -> Result<(), serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(text);
    Level(DEEPEST).deserialize(&mut parser)?;
    parser.end()
}

/// A value, and how many levels it may have.
struct Level(usize);

impl Level {
    fn below<E: Error>(&self) -> Result<Self, E> {
        let below = self.0.checked_sub(1).map(Self);
        below.ok_or_else(|| E::custom(format_args!("it has more than {DEEPEST} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.below()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = Seen::default();
        while let Some(Key(key)) = members.next_key()? {
            if !seen.is_new(key) {
                return Err(A::Error::custom("a member stands twice in it"));
            }
            members.next_value_seed(self.below()?)?;
        }
        Ok(())
    }
}

/// A key, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The keys of one object so far.
#[derive(Default)]
struct Seen<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Seen<'a> {
    fn is_new(&mut self, key: Cow<'a, str>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_once_at_any_depth() {
        for good in [
            r#"{"a":1,"b":{"a":1}}"#,
            r#"[{"a":1},{"a":1}]"#,
            "1",
            "null",
        ] {
            assert!(check(good.as_bytes()).is_ok(), "{good}");
        }
        let many: String = (0..40).map(|at| format!("\"k{at}\":1,")).collect();
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"[{"b":{"a":1,"a":2}}]"#,
            &format!("{{{many}\"k39\":1}}"),
            &format!("{{{many}\"k3\":1}}"),
        ] {
            let error = check(bad.as_bytes()).unwrap_err();
            assert!(error.is_data(), "{bad}: {error}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_from_what_is_too_deep() {
        for bad in [
            "",
            "{",
            "{} {}",
            "{'a':1}",
            "{\"a\":01}",
            "\u{feff}{}",
            "{\"a\":\"\u{1}\"}",
        ] {
            assert!(!check(bad.as_bytes()).unwrap_err().is_data(), "{bad}");
        }
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(check(nested(DEEPEST).as_bytes()).is_ok());
        let deep = check(nested(DEEPEST + 1).as_bytes()).unwrap_err();
        assert!(
            deep.is_data() && deep.to_string().contains("64 levels"),
            "{deep}"
        );
        assert!(check("[".repeat(1_000_000).as_bytes()).is_err());
    }
}
