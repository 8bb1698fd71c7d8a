//! Digests of calls: two calls have the same one if, and only if, they ask for the same.

use blake3::Hasher;
use serde_json::{Number, Value};

/// A digest.
pub(super) type Digest = [u8; 32];

/// The digest of texts, each for itself: `ab`, `c` is another than `a`, `bc`.
pub(super) fn of_texts(texts: &[&str]) -> Digest {
    let mut hasher = Hasher::new();
    for text in texts {
        add_text(&mut hasher, text);
    }
    hasher.finalize().into()
}

/// One digest of two.
pub(super) fn joined(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(left).update(right);
    hasher.finalize().into()
}

/// The digest of arguments. Equal are those that RFC 8785 writes alike: whatever the order of their members, and 1
/// is 1.0. Integers that no float holds are not rounded first, as it would have them: two ids that differ in their
/// last digit are two.
pub(super) fn of_value(value: &Value) -> Digest {
    let mut hasher = Hasher::new();
    add(&mut hasher, value);
    hasher.finalize().into()
}

fn add(hasher: &mut Hasher, value: &Value) {
    match value {
        Value::Null => drop(hasher.update(b"n")),
        Value::Bool(true) => drop(hasher.update(b"t")),
        Value::Bool(false) => drop(hasher.update(b"f")),
        Value::Number(number) => add_number(hasher, number),
        Value::String(text) => {
            hasher.update(b"s");
            add_text(hasher, text);
        }
        Value::Array(items) => {
            hasher.update(b"[");
            add_length(hasher, items.len());
            for item in items {
                add(hasher, item);
            }
        }
        // Members come sorted by their names: that is how the map keeps them.
        Value::Object(members) => {
            hasher.update(b"{");
            add_length(hasher, members.len());
            for (name, value) in members {
                add_text(hasher, name);
                add(hasher, value);
            }
        }
    }
}

fn add_number(hasher: &mut Hasher, number: &Number) {
    /// Up to here every integer is a float and no float stands for two.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let integer = match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(integer), ..) => Some(i128::from(integer)),
        (_, Some(integer), _) => Some(i128::from(integer)),
        (.., Some(float)) if float.fract() == 0.0 && float.abs() <= EXACT => Some(float as i128),
        _ => None,
    };
    match integer {
        Some(integer) => {
            hasher.update(b"i");
            hasher.update(&integer.to_le_bytes());
        }
        None => {
            hasher.update(b"d");
            hasher.update(&number.as_f64().unwrap_or_default().to_le_bytes());
        }
    }
}

fn add_text(hasher: &mut Hasher, text: &str) {
    add_length(hasher, text.len());
    hasher.update(text.as_bytes());
}

fn add_length(hasher: &mut Hasher, length: usize) {
    hasher.update(&(length as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_has_the_same_digest_and_nothing_else() {
        let of = |text: &str| of_value(&serde_json::from_str(text).unwrap());
        for (left, right) in [
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1.0}"#),
            ("[0, 1e2]", "[-0.0, 100]"),
            (r#""\u0061""#, r#""a""#),
        ] {
            assert_eq!(of(left), of(right), "{left} {right}");
        }
        for (left, right) in [
            ("1", r#""1""#),
            ("1", "true"),
            ("[[1],2]", "[1,[2]]"),
            (r#"["ab","c"]"#, r#"["a","bc"]"#),
            ("9007199254740993", "9007199254740992"),
            ("18446744073709551615", "18446744073709551614"),
            ("0.1", "0.2"),
            ("{}", "[]"),
            (r#"{"a":null}"#, "{}"),
        ] {
            assert_ne!(of(left), of(right), "{left} {right}");
        }
        assert_ne!(of_texts(&["ab", "c"]), of_texts(&["a", "bc"]));
    }
}
