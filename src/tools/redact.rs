//! Taking our secrets out of what a service or a program says: some echo the key they were shown.

use std::{cmp::Reverse, ops::Range};

use serde_json::{Map, Value};

use crate::secret::Secret;

/// What stands in a secret's place.
const HIDDEN: &str = "[redacted]";

/// The shortest secret that is looked for, in bytes: shorter ones would take ordinary words with them.
const SHORTEST: usize = 6;

/// The secrets of one tool, the longest first: one may be a part of another, whose rest would stay.
#[derive(Debug, Default)]
pub(in crate::tools) struct Redactor(Vec<Secret>);

impl Redactor {
    /// Hides this secret from now on.
    pub(in crate::tools) fn hide(&mut self, secret: &Secret) {
        if secret.reveal().len() >= SHORTEST {
            self.0.push(secret.clone());
            self.0.sort_by_key(|secret| Reverse(secret.reveal().len()));
        }
    }

    /// Hides this secret from now on, and each line of it where it has several: some readers see no more than a line.
    pub(in crate::tools) fn hide_lines(&mut self, secret: &Secret) {
        self.hide(secret);
        let lines = secret.reveal().lines().map(str::trim);
        for line in lines.filter(|line| *line != secret.reveal()) {
            self.hide(&Secret::new(line));
        }
    }

    /// The length of the longest secret, in bytes.
    pub(in crate::tools) fn longest(&self) -> usize {
        let lengths = self.0.iter().map(|secret| secret.reveal().len());
        lengths.max().unwrap_or(0)
    }

    /// A text without secrets, however JSON may have escaped them.
    pub(in crate::tools) fn text(&self, text: &str) -> String {
        let hide = |text: String, secret: &Secret| hidden(text, secret.reveal());
        self.0.iter().fold(text.to_owned(), hide)
    }

    /// Whether there is a secret in these bytes, which are no text.
    pub(in crate::tools) fn finds(&self, bytes: &[u8]) -> bool {
        let mut secrets = self.0.iter().map(|secret| secret.reveal().as_bytes());
        secrets.any(|secret| bytes.windows(secret.len()).any(|part| part == secret))
    }

    /// A value without secrets: in texts and in names of members. JSON may escape any letter, so it is looked at
    /// after it was read.
    pub(in crate::tools) fn value(&self, value: Value) -> Value {
        if self.0.is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                let clean = |(key, value): (String, Value)| (self.text(&key), self.value(value));
                Value::Object(members.into_iter().map(clean).collect::<Map<_, _>>())
            }
            other => other,
        }
    }
}

/// The text without one secret.
fn hidden(text: String, secret: &str) -> String {
    let text = match text.contains(secret) {
        true => text.replace(secret, HIDDEN),
        false => text,
    };
    if !text.contains('\\') {
        return text;
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(found) = escaped(rest, secret) {
        clean.push_str(&rest[..found.start]);
        clean.push_str(HIDDEN);
        rest = &rest[found.end..];
    }
    clean.push_str(rest);
    clean
}

/// Where a secret stands with some of its letters escaped, as in JSON.
fn escaped(text: &str, secret: &str) -> Option<Range<usize>> {
    text.char_indices().find_map(|(start, _)| {
        let end = secret.chars().try_fold(start, |end, letter| {
            Some(end + spelt(text.get(end..)?, letter)?)
        });
        Some(start..end?)
    })
}

/// How many bytes spell this letter at the beginning of a text.
fn spelt(text: &str, letter: char) -> Option<usize> {
    if let Some(escape) = text.strip_prefix('\\') {
        if matches!(letter, '\\' | '"' | '/') && escape.starts_with(letter) {
            return Some(2);
        }
        let mut units = [0; 2];
        let units = letter.encode_utf16(&mut units);
        let is_one = |(at, unit): (usize, &mut u16)| {
            let digits = text.get(at * 6..at * 6 + 6)?.strip_prefix("\\u")?;
            (u16::from_str_radix(digits, 16) == Ok(*unit)).then_some(6)
        };
        if let Some(bytes) = units.iter_mut().enumerate().map(is_one).sum() {
            return Some(bytes);
        }
    }
    text.starts_with(letter).then_some(letter.len_utf8())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let mut redactor = Redactor::default();
        redactor.hide(&Secret::new("sk-canary"));
        redactor.hide(&Secret::new("key"));
        assert_eq!(
            redactor.text("key sk-canary, sk-canary"),
            "key [redacted], [redacted]"
        );
        let escaped: Value =
            serde_json::from_str(r#"{"a":["sk-\u0063anary"],"sk-canary":1}"#).unwrap();
        assert_eq!(
            redactor.value(escaped),
            json!({"a": ["[redacted]"], "[redacted]": 1})
        );
    }

    #[test]
    fn an_escaped_secret_is_hidden_in_any_text() {
        let mut redactor = Redactor::default();
        redactor.hide(&Secret::new(r#"sk-"a/b\🦀"#));
        for text in [
            r#"sk-"a/b\🦀"#,
            r#"sk-\"a\/b\\🦀"#,
            r#"\u0073k-\u0022a\u002Fb\u005c\ud83e\udd80"#,
        ] {
            let told = redactor.text(&format!("a \\ {text}, {text}\\u00"));
            assert_eq!(told, "a \\ [redacted], [redacted]\\u00", "{text}");
        }
        assert_eq!(redactor.text(r"sk-\u0022a\u00"), r"sk-\u0022a\u00");
    }

    #[test]
    fn a_secret_inside_of_another_leaves_no_rest() {
        let mut redactor = Redactor::default();
        redactor.hide(&Secret::new("canary"));
        redactor.hide(&Secret::new("sk-canary-tail"));
        assert_eq!(
            redactor.text("sk-canary-tail canary"),
            "[redacted] [redacted]"
        );
        assert!(redactor.finds(b"\x89PNG\0sk-canary-tail\xff"));
        assert!(!redactor.finds(b"\x89PNG"));
    }
}
