//! Token counts as providers write them, into ours and back into OpenAI's.
//!
//! The counts are a provider's word: what is no sane number is ignored, never trusted, never a panic.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::lenient::Count;
use crate::{
    chat::{MOST_TOKENS, Usage},
    json::{Object, Raw, raw},
};

/// A `usage` object as written. Only what is read here has a field; everything else may be anything.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written<'a> {
    prompt_tokens: Count,
    completion_tokens: Count,
    total_tokens: Count,
    #[serde(borrow)]
    prompt_tokens_details: Option<&'a RawValue>,
    #[serde(borrow)]
    completion_tokens_details: Option<&'a RawValue>,
    reasoning_tokens: Count,
    #[serde(deserialize_with = "present")]
    prompt_cache_hit_tokens: Option<Count>,
    #[serde(deserialize_with = "present")]
    prompt_cache_miss_tokens: Option<Count>,
    #[serde(deserialize_with = "present")]
    cached_tokens: Option<Count>,
}

/// What either of the details may hold.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Count,
    cache_write_tokens: Count,
    reasoning_tokens: Count,
    audio_tokens: Count,
}

/// A member that is there, whatever it holds.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Count>, D::Error> {
    Count::deserialize(deserializer).map(Some)
}

impl Details {
    /// Details of the wrong type are none.
    fn of(raw: Option<&RawValue>) -> Self {
        raw.and_then(object).unwrap_or_default()
    }
}

impl Written<'_> {
    fn of(usage: &RawValue) -> Option<Written<'_>> {
        object(usage)
    }

    /// The counts; `None` where there is none.
    fn counts(&self) -> Option<Usage> {
        let (prompt, completion) = (sane(self.prompt_tokens), sane(self.completion_tokens));
        if prompt.is_none() && completion.is_none() {
            return None;
        }
        let input = Details::of(self.prompt_tokens_details);
        let output = Details::of(self.completion_tokens_details);
        let mut read = Usage {
            input: prompt.unwrap_or(0),
            output: completion.unwrap_or(0),
            cached: sane(input.cached_tokens)
                .or_else(|| self.prompt_cache_hit_tokens.and_then(sane))
                .or_else(|| self.cached_tokens.and_then(sane)),
            cache_write: sane(input.cache_write_tokens),
            reasoning: sane(output.reasoning_tokens).or_else(|| sane(self.reasoning_tokens)),
            input_audio: sane(input.audio_tokens),
            output_audio: sane(output.audio_tokens),
            ..Usage::default()
        };
        let reasoning = read.reasoning.unwrap_or(0);
        if reasoning > 0 && sane(self.total_tokens) == Some(read.total() + reasoning) {
            // Some count it beside the output.
            read.output += reasoning;
        }
        Some(read)
    }

    /// Whether it says just that, in OpenAI's words.
    fn says(&self, read: &Usage) -> bool {
        let others = [
            self.prompt_cache_hit_tokens,
            self.prompt_cache_miss_tokens,
            self.cached_tokens,
        ];
        sane(self.prompt_tokens) == Some(read.input)
            && sane(self.completion_tokens) == Some(read.output)
            && sane(self.total_tokens) == Some(read.total())
            && others.iter().all(Option::is_none)
    }
}

/// Members that say in other words what the standard ones say.
const OTHER_WORDS: [&str; 3] = [
    "prompt_cache_hit_tokens",
    "prompt_cache_miss_tokens",
    "cached_tokens",
];

/// Reads a `usage` object. `None` when it holds no count.
pub(super) fn read(usage: &RawValue) -> Option<Usage> {
    Written::of(usage)?.counts()
}

/// The counts of a `usage` object, and the object put right where it is not what OpenAI would write. What it
/// holds beyond counts is kept.
pub(super) fn tidy(usage: &RawValue) -> Option<(Usage, Option<Raw>)> {
    let written = Written::of(usage)?;
    let read = written.counts()?;
    if written.says(&read) {
        return Some((read, None));
    }
    let mut object = Object::of(usage).ok()?;
    object.set("prompt_tokens", &read.input);
    object.set("completion_tokens", &read.output);
    object.set("total_tokens", &read.total());
    object.retain(|key, _| !OTHER_WORDS.contains(&key));
    if let Some(cached) = read.cached {
        let mut details = nested(&object, "prompt_tokens_details").into_owned();
        details.set("cached_tokens", &cached);
        object.set_raw("prompt_tokens_details", details.to_raw());
    }
    Some((read, Some(object.to_raw())))
}

/// Writes counts as OpenAI does; details only where they are known.
pub(super) fn write(usage: &Usage) -> Raw {
    let details = |pairs: &[(&'static str, Option<u64>)]| {
        let mut object = Object::new();
        for (key, value) in pairs {
            if let Some(value) = value {
                object.set(*key, value);
            }
        }
        object
    };
    let input = details(&[
        ("cached_tokens", usage.cached),
        ("cache_write_tokens", usage.cache_write),
        ("audio_tokens", usage.input_audio),
    ]);
    let output = details(&[
        ("reasoning_tokens", usage.reasoning),
        ("audio_tokens", usage.output_audio),
    ]);
    let mut object = Object::new();
    object.set("prompt_tokens", &usage.input);
    object.set("completion_tokens", &usage.output);
    object.set("total_tokens", &usage.total());
    if !input.is_empty() {
        object.set_raw("prompt_tokens_details", input.to_raw());
    }
    if !output.is_empty() {
        object.set_raw("completion_tokens_details", output.to_raw());
    }
    raw(&object)
}

/// An object of a known kind; our derived types would take a list as well.
fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    let object = raw.get().starts_with('{').then_some(raw)?;
    serde_json::from_str(object.get()).ok()
}

/// A count that may be believed.
fn sane(count: Count) -> Option<u64> {
    count.0.filter(|&count| count <= MOST_TOKENS)
}

fn nested<'a>(object: &'a Object<'_>, key: &str) -> Object<'a> {
    object
        .get(key)
        .and_then(|raw| Object::of(raw).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Option<&str>) {
        let tidied = tidy(&serde_json::from_str::<Raw>(json).unwrap()).map(|(usage, raw)| {
            let mut out = write(&usage).get().to_owned();
            out.push_str(raw.map_or("", |_| " put right"));
            out
        });
        assert_eq!(tidied.as_deref(), expected, "{json}");
    }

    #[test]
    fn counts_that_are_none_are_ignored() {
        check("7", None);
        check("{}", None);
        check(
            r#"{"prompt_tokens":-1,"completion_tokens":"4","total_tokens":null}"#,
            None,
        );
        check(
            r#"{"prompt_tokens":18446744073709551615,"completion_tokens":4,"prompt_tokens_details":[1]}"#,
            Some(r#"{"prompt_tokens":0,"completion_tokens":4,"total_tokens":4} put right"#),
        );
    }

    #[test]
    fn other_words_become_openais() {
        check(
            r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":34,"completion_tokens_details":{"reasoning_tokens":20}}"#,
            Some(
                r#"{"prompt_tokens":10,"completion_tokens":24,"total_tokens":34,"completion_tokens_details":{"reasoning_tokens":20}} put right"#,
            ),
        );
        check(
            r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_cache_hit_tokens":6}"#,
            Some(
                r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":6}} put right"#,
            ),
        );
        check(
            r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"cost":0.1}"#,
            Some(r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}"#),
        );
    }
}
