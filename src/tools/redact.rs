//! Taking our secrets out of what a service or a program says: some echo the key they were shown.

use serde_json::{Map, Value};

use crate::secret::Secret;

/// What stands in a secret's place.
const HIDDEN: &str = "[redacted]";

/// The shortest secret that is looked for, in bytes: shorter ones would take ordinary words with them.
const SHORTEST: usize = 6;

/// The secrets of one tool.
#[derive(Debug, Default)]
pub(in crate::tools) struct Redactor(Vec<Secret>);

impl Redactor {
    /// Hides this secret from now on.
    pub(in crate::tools) fn hide(&mut self, secret: &Secret) {
        if secret.reveal().len() >= SHORTEST {
            self.0.push(secret.clone());
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

    /// A text without secrets.
    pub(in crate::tools) fn text(&self, text: &str) -> String {
        let hide = |text: String, secret: &Secret| match text.contains(secret.reveal()) {
            true => text.replace(secret.reveal(), HIDDEN),
            false => text,
        };
        self.0.iter().fold(text.to_owned(), hide)
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
}
