//! The golden vectors: loading them, making targets of their configs, and comparing values by their rules.
//!
//! `$ID` is any text, `$INT` any integer; `$TOOL_ID_n` and `$TC_n` any text, equal where n is equal and different
//! where it differs, `$TC_n` of nine alphanumerics. A member that is null may be absent where answers are
//! compared, and a `content` that is empty may be null.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
};

use serde_json::Value;
use waypost::{
    catalog::{CardSettings, Catalog, Target, resolve},
    outcome::{ErrorClass, Failure, Fate},
    secret::Secret,
};

/// One case.
#[derive(Debug)]
pub(crate) struct Vector {
    /// Where it is, below `tests/vectors`.
    pub(crate) name: String,
    /// All of it.
    pub(crate) json: Value,
}

/// All vectors of a folder, in order of their names.
pub(crate) fn load(folder: &str) -> Vec<Vector> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut files: Vec<_> = std::fs::read_dir(root.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |path: PathBuf| Vector {
        name: format!("{folder}/{}", path.file_stem().unwrap().to_str().unwrap()),
        json: serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(),
    };
    files.into_iter().map(read).collect()
}

impl Vector {
    /// A member, if it is there and not null.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.json.get(key).filter(|value| !value.is_null())
    }

    /// The caller's body.
    pub(crate) fn request(&self) -> Vec<u8> {
        serde_json::to_vec(&self.json["openai_request"]).unwrap()
    }

    /// The target that its config describes, and the path of the card's base URL.
    pub(crate) fn target(&self) -> (Target, String) {
        let mut config = self.json["config"].clone();
        let provider = config["provider"].as_str().unwrap().to_owned();
        config.as_object_mut().unwrap().remove("provider");
        let mut settings: CardSettings = serde_json::from_value(config).unwrap();
        // Some providers have no address of their own: any will do, with the path their SDKs expect.
        let address = match provider.as_str() {
            "azure" => Some("https://resource.test"),
            "generic" => Some("https://host.test/v1"),
            _ => None,
        };
        settings.base_url = address.map(str::to_owned);
        let card = resolve(&provider, &settings, Some(Secret::new("KEY")))
            .unwrap_or_else(|problems| panic!("{}: {problems:?}", self.name));
        let base = card.base_url.split_once("://").unwrap().1;
        let path = base
            .find('/')
            .map_or(String::new(), |at| base[at..].to_owned());
        let model = self.json["openai_request"]["model"].as_str().unwrap();
        let target = match Catalog::new([card.clone()]).target(&format!("{provider}/{model}")) {
            Ok(target) => target,
            // The errors' vectors name models nobody has.
            Err(_) => Target {
                card: Arc::new(card),
                model: model.into(),
                facts: None,
            },
        };
        (target, path)
    }

    /// Whether `failure` is what the vector expects: class, what may be done, and the time to wait.
    pub(crate) fn check_classification(&self, failure: &Failure) {
        let Some(expected) = self.get("expected_classification") else {
            return;
        };
        let name = &self.name;
        assert_eq!(
            expected["class"],
            failure.class.label(),
            "{name}: {failure:?}"
        );
        let retryable = failure.fate == Fate::RetryHere;
        assert_eq!(expected["retryable"], retryable, "{name}: {failure:?}");
        // Once an answer has begun there is no other target, whatever the failure.
        if expected["action"] != "surface_in_stream" {
            let fallback = failure.fate != Fate::Stop;
            assert_eq!(expected["fallback"], fallback, "{name}: {failure:?}");
        }
        let larger = expected["action"] == "fallback_larger_context";
        assert_eq!(larger, failure.class == ErrorClass::ContextLength, "{name}");
        let wait = failure.retry_after.map(|wait| wait.as_millis() as u64);
        assert_eq!(
            expected["retry_after_ms"].as_u64(),
            wait,
            "{name}: {failure:?}"
        );
    }
}

/// Compares values; remembers what stood for numbered placeholders.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    known: HashMap<String, String>,
    /// Members of answers that may stand there though nobody expects them, by their name.
    pub(crate) extras: Vec<&'static str>,
    /// Whether null and absent are the same, and empty content and null: in answers.
    pub(crate) answers: bool,
}

impl Matcher {
    /// A matcher of requests: members must be the same.
    pub(crate) fn requests() -> Self {
        Self::default()
    }

    /// A matcher of answers.
    pub(crate) fn answers() -> Self {
        Self {
            answers: true,
            ..Self::default()
        }
    }

    /// Fails with the path of the first difference.
    pub(crate) fn check(&mut self, name: &str, expected: &Value, actual: &Value) {
        if let Err(difference) = self.compare("$", expected, actual) {
            panic!("{name}: {difference}\nexpected {expected}\n  actual {actual}");
        }
    }

    fn compare(&mut self, path: &str, expected: &Value, actual: &Value) -> Result<(), String> {
        let differ = || Err(format!("at {path}: expected {expected}, got {actual}"));
        match (expected, actual) {
            (Value::String(pattern), _) if pattern.starts_with('$') => {
                self.placeholder(pattern, actual).or_else(|_| differ())
            }
            (Value::Object(expected), Value::Object(actual)) => {
                self.members(path, &expected.iter().collect(), &actual.iter().collect())
            }
            (Value::Array(expected), Value::Array(actual)) => {
                if expected.len() != actual.len() {
                    return differ();
                }
                for (at, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                    self.compare(&format!("{path}[{at}]"), expected, actual)?;
                }
                Ok(())
            }
            (Value::Number(expected), Value::Number(actual)) => {
                let same = expected == actual || expected.as_f64() == actual.as_f64();
                if same { Ok(()) } else { differ() }
            }
            _ if expected == actual => Ok(()),
            _ => differ(),
        }
    }

    fn members(
        &mut self,
        path: &str,
        expected: &BTreeMap<&String, &Value>,
        actual: &BTreeMap<&String, &Value>,
    ) -> Result<(), String> {
        let keys = expected
            .keys()
            .chain(actual.keys().filter(|key| !expected.contains_key(*key)));
        for key in keys {
            let path = format!("{path}.{key}");
            let (expected, actual) = (expected.get(key).copied(), actual.get(key).copied());
            let (expected, actual) = if self.answers {
                let empty =
                    |value: &&Value| value.is_null() || (key.as_str() == "content" && *value == "");
                let there = |value: Option<&Value>| value.filter(|value| !empty(value)).cloned();
                (there(expected), there(actual))
            } else {
                (expected.cloned(), actual.cloned())
            };
            match (expected, actual) {
                (None, None) => {}
                (Some(expected), Some(actual)) => self.compare(&path, &expected, &actual)?,
                (None, Some(_)) if self.extras.contains(&key.as_str()) => {}
                (None, Some(actual)) => return Err(format!("at {path}: unexpected {actual}")),
                (Some(expected), None) => return Err(format!("at {path}: missing {expected}")),
            }
        }
        Ok(())
    }

    fn placeholder(&mut self, pattern: &str, actual: &Value) -> Result<(), ()> {
        if pattern == "$INT" {
            return actual.is_i64().then_some(()).ok_or(());
        }
        let text = actual.as_str().filter(|text| !text.is_empty()).ok_or(())?;
        if pattern == "$ID" {
            return Ok(());
        }
        let numbered = pattern.starts_with("$TOOL_ID_") || pattern.starts_with("$TC_");
        if !numbered {
            return Err(());
        }
        let short = text.len() == 9 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if pattern.starts_with("$TC_") && !short {
            return Err(());
        }
        match self.known.get(pattern) {
            Some(known) if known == text => return Ok(()),
            Some(_) => return Err(()),
            None => {}
        }
        if self.known.values().any(|known| known == text) {
            return Err(());
        }
        self.known.insert(pattern.to_owned(), text.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_matcher_sees_every_difference() {
        let check = |answers: bool, expected: Value, actual: Value, same: bool| {
            let mut matcher = Matcher {
                answers,
                ..Matcher::default()
            };
            let compared = matcher.compare("$", &expected, &actual);
            assert_eq!(compared.is_ok(), same, "{expected} {actual} {compared:?}");
        };
        check(false, json!({"a": 1}), json!({"a": 1, "b": null}), false);
        check(true, json!({"a": 1}), json!({"a": 1, "b": null}), true);
        check(true, json!({"a": 1}), json!({"a": 1, "b": 2}), false);
        check(true, json!({"a": 1, "b": 2}), json!({"a": 1}), false);
        check(true, json!({"content": null}), json!({"content": ""}), true);
        check(
            false,
            json!({"content": null}),
            json!({"content": ""}),
            false,
        );
        check(false, json!([1]), json!([1, 2]), false);
        check(false, json!(1), json!(1.0), true);
        check(false, json!("$ID"), json!(""), false);
        check(false, json!("$INT"), json!("1"), false);
        check(
            false,
            json!(["$TOOL_ID_1", "$TOOL_ID_2"]),
            json!(["a", "a"]),
            false,
        );
        check(
            false,
            json!(["$TOOL_ID_1", "$TOOL_ID_1"]),
            json!(["a", "b"]),
            false,
        );
        check(
            false,
            json!(["$TC_1", "$TC_1"]),
            json!(["abcdef012", "abcdef012"]),
            true,
        );
        check(false, json!("$TC_1"), json!("call_1234"), false);
        check(false, json!("$OTHER"), json!("x"), false);
    }
}
