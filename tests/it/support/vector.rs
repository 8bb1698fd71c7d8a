//! The golden vectors: loading them, making targets of their configs, and what they expect of answers.

use std::{path::PathBuf, sync::Arc};

use serde_json::Value;
use waypost::{
    catalog::{CardSettings, Catalog, Target, resolve},
    outcome::{ErrorClass, Failure, Fate},
    secret::Secret,
};

use super::{accumulate::accumulate, matcher::Matcher};

/// Vectors of dialects that are not spoken.
const NOT_SPOKEN: [&str; 9] = [
    "errors/bedrock_access_denied",
    "errors/bedrock_daily_tokens",
    "errors/bedrock_throttling",
    "errors/bedrock_too_long",
    "errors/cohere_498_invalid_token",
    "errors/gemini_429_per_day",
    "errors/gemini_429_retryinfo",
    "errors/gemini_503_array_body",
    "errors/gemini_504_deadline",
];

/// One case.
#[derive(Debug)]
pub(crate) struct Vector {
    /// Where it is, below `tests/vectors`.
    pub(crate) name: String,
    /// All of it.
    pub(crate) json: Value,
}

/// All vectors of a folder whose dialect is spoken, in order of their names.
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
    let spoken = |vector: &Vector| !NOT_SPOKEN.contains(&vector.name.as_str());
    files.into_iter().map(read).filter(spoken).collect()
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

    /// Its provider's name, and the settings of its card.
    pub(crate) fn provider(&self) -> (String, Value) {
        let mut config = self.json["config"].clone();
        let provider = config["provider"].as_str().unwrap().to_owned();
        config.as_object_mut().unwrap().remove("provider");
        (provider, config)
    }

    /// The target that its config describes, and the path of the card's base URL.
    pub(crate) fn target(&self) -> (Target, String) {
        let (provider, config) = self.provider();
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

    /// A matcher of what its provider answered, as a caller gets it.
    pub(crate) fn answers(&self) -> Matcher {
        let mut matcher = Matcher::answers();
        // "may be kept", say the notes.
        match self.name.as_str() {
            "openai_compat/azure_v1_path" => matcher.extras.push("prompt_filter_results"),
            "openai_compat/xai_usage_and_finish" => matcher.extras.extend([
                "text_tokens",
                "audio_tokens",
                "image_tokens",
                "accepted_prediction_tokens",
                "rejected_prediction_tokens",
                "num_sources_used",
            ]),
            _ => {}
        }
        matcher
    }

    /// Whether the stream `bytes` is what the vector expects: its end, the order of its pieces, and their sum.
    pub(crate) fn check_stream(&self, name: &str, bytes: &[u8]) {
        let accumulated = accumulate(name, bytes);
        assert_eq!(self.json["expected_done"], accumulated.done, "{name}");
        let reference = self.json["expected_chunks"].as_array().unwrap();
        let reference = reference
            .iter()
            .map(|chunk| format!("data: {chunk}\n\n"))
            .collect::<String>();
        let reference = accumulate(name, reference.replace("\"$INT\"", "1").as_bytes());
        assert_eq!(reference.order, accumulated.order, "{name}");
        let expected = &self.json["expected_accumulated"];
        self.answers().check(name, expected, &accumulated.answer);
    }
}
