//! What an unquoted word of YAML is: nothing, a truth, a number or text (YAML 1.2 core schema).
//!
//! Kept as strict as the settings are: `yes` and `on` are text, and so is `0755`.

use granit_parser::ScalarStyle;

use super::tree::Value;

/// The value of a scalar. `is_text` is true when a tag says so.
pub(super) fn resolve(text: &str, style: ScalarStyle, is_text: bool) -> Value {
    if is_text || style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(Value::Number {
            value: sign * f64::INFINITY,
            whole: false,
        });
    }
    if let Some(value) = integer(unsigned) {
        return Some(Value::Number {
            value: sign * value,
            whole: true,
        });
    }
    let digits = unsigned.strip_prefix('.').unwrap_or(unsigned);
    let leading_zero = unsigned.len() > 1 && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if !digits.starts_with(|first: char| first.is_ascii_digit()) || leading_zero {
        return None;
    }
    let value: f64 = unsigned.parse().ok()?;
    Some(Value::Number {
        value: sign * value,
        whole: false,
    })
}

/// An integer without its sign: decimal, `0x`, `0o` or `0b`, with `_` between digits.
fn integer(text: &str) -> Option<f64> {
    let (radix, digits) = match text.get(..2) {
        Some("0x" | "0X") => (16, text.get(2..)?),
        Some("0o" | "0O") => (8, text.get(2..)?),
        Some("0b" | "0B") => (2, text.get(2..)?),
        _ if text.len() > 1 && text.starts_with('0') => return None,
        _ => (10, text),
    };
    let tidy = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    if digits.is_empty() || !tidy || digits.starts_with('+') {
        return None;
    }
    if !digits
        .chars()
        .all(|digit| digit == '_' || digit.is_digit(radix))
    {
        return None;
    }
    let value = digits
        .chars()
        .filter_map(|digit| digit.to_digit(radix))
        .fold(0.0, |value, digit| {
            value * f64::from(radix) + f64::from(digit)
        });
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_yaml_1_2_says() {
        let number = |value, whole| Value::Number { value, whole };
        let text = |text: &str| Value::Text(text.to_owned());
        for (word, expected) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("true", Value::Bool(true)),
            ("yes", text("yes")),
            ("on", text("on")),
            ("0", number(0.0, true)),
            ("-12", number(-12.0, true)),
            ("200_000", number(200_000.0, true)),
            ("0x1F", number(31.0, true)),
            ("0o17", number(15.0, true)),
            ("1.5", number(1.5, false)),
            (".5", number(0.5, false)),
            ("1e3", number(1000.0, false)),
            ("-.inf", number(f64::NEG_INFINITY, false)),
            ("0755", text("0755")),
            ("inf", text("inf")),
            ("nan", text("nan")),
            ("1__0", text("1__0")),
            ("3s", text("3s")),
            ("2026-10-21", text("2026-10-21")),
            ("127.0.0.1:8080", text("127.0.0.1:8080")),
            ("-", text("-")),
            ("é", text("é")),
        ] {
            assert_eq!(resolve(word, ScalarStyle::Plain, false), expected, "{word}");
        }
        assert_eq!(resolve("1", ScalarStyle::DoubleQuoted, false), text("1"));
        assert_eq!(resolve("1", ScalarStyle::Plain, true), text("1"));
    }
}
