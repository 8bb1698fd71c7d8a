//! Numbers that keep their digits where JSON's are read as doubles.

use std::borrow::Cow;

use serde_json::Value;

/// Beyond this, doubles do not hold every integer: 2^53 - 1.
const MOST_EXACT: u64 = (1 << 53) - 1;

/// Whether an integer keeps its digits.
pub(super) fn holds(number: i64) -> bool {
    number.unsigned_abs() <= MOST_EXACT
}

/// JSON in which every number that would lose digits stands in quotes.
pub(super) fn json(text: &str) -> Cow<'_, str> {
    let mut written = String::new();
    let (mut from, mut at, mut quoted) = (0, 0, false);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'-' | b'0'..=b'9' if !quoted => {
                let rest = text.get(at..).unwrap_or_default();
                let is_of_it = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
                let end = rest.bytes().position(|byte| !is_of_it(byte));
                let number = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                if !keeps(number) {
                    written += text.get(from..at).unwrap_or_default();
                    written.push('"');
                    written += number;
                    written.push('"');
                    from = at + number.len();
                }
                at += number.len();
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    written += text.get(from..).unwrap_or_default();
    Cow::Owned(written)
}

/// Whether a number is the same when it was read and written.
fn keeps(number: &str) -> bool {
    match serde_json::from_str::<Value>(number) {
        Ok(Value::Number(read)) if !read.is_f64() => read.as_i64().is_some_and(holds),
        Ok(read) => digits(&read.to_string()) == digits(number),
        Err(_) => false,
    }
}

/// The digits of a number without zeros around them, and its exponent; its sign is never lost.
fn digits(number: &str) -> (String, i64) {
    let (number, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(i64::MAX);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let all = format!("{}{part}", whole.trim_start_matches('-'));
    let kept = all.trim_end_matches('0');
    let zeros = all.len() - kept.len();
    let shift = i64::try_from(zeros).unwrap_or(0) - i64::try_from(part.len()).unwrap_or(0);
    match kept.trim_start_matches('0') {
        "" => (String::new(), 0),
        kept => (kept.to_owned(), exponent.saturating_add(shift)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_would_be_rounded_stand_in_quotes() {
        for (text, written) in [
            ("1", "1"),
            (
                "[1, 2.50, -0.10, 0, -0, 0.0, 1e2, 1.5E-7]",
                "[1, 2.50, -0.10, 0, -0, 0.0, 1e2, 1.5E-7]",
            ),
            ("[12345678901234567.89]", "[\"12345678901234567.89\"]"),
            (
                "[9007199254740991, 9007199254740992, -9007199254740993]",
                "[9007199254740991, \"9007199254740992\", \"-9007199254740993\"]",
            ),
            ("18446744073709551616", "\"18446744073709551616\""),
            ("0.1234567890123456789", "\"0.1234567890123456789\""),
            ("0.3333333333333333", "0.3333333333333333"),
            ("1e400", "\"1e400\""),
            (
                r#"{"12345678901234567.89": "12345678901234567.89 \" 1e400", "é": 1e400}"#,
                r#"{"12345678901234567.89": "12345678901234567.89 \" 1e400", "é": "1e400"}"#,
            ),
        ] {
            assert_eq!(json(text), written);
        }
    }
}
