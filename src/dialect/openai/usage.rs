//! Token counts as providers write them, into ours and back into OpenAI's.
//!
//! The counts are a provider's word: what is no sane number is ignored, never trusted, never a panic.

use serde_json::value::RawValue;

use crate::{
    chat::{MOST_TOKENS, Usage},
    json::{Object, Raw, raw},
};

/// Reads a `usage` object. `None` when it holds no count.
pub(super) fn read(usage: &RawValue) -> Option<Usage> {
    read_object(&Object::of(usage).ok()?)
}

fn read_object(usage: &Object<'_>) -> Option<Usage> {
    let details = |key| nested(usage, key);
    let (input, output) = (
        details("prompt_tokens_details"),
        details("completion_tokens_details"),
    );
    let prompt = count(usage, "prompt_tokens");
    let completion = count(usage, "completion_tokens");
    if prompt.is_none() && completion.is_none() {
        return None;
    }
    let mut read = Usage {
        input: prompt.unwrap_or(0),
        output: completion.unwrap_or(0),
        cached: count(&input, "cached_tokens")
            .or_else(|| count(usage, "prompt_cache_hit_tokens"))
            .or_else(|| count(usage, "cached_tokens")),
        cache_write: count(&input, "cache_write_tokens"),
        reasoning: count(&output, "reasoning_tokens").or_else(|| count(usage, "reasoning_tokens")),
        input_audio: count(&input, "audio_tokens"),
        output_audio: count(&output, "audio_tokens"),
        ..Usage::default()
    };
    let reasoning = read.reasoning.unwrap_or(0);
    let outside = reasoning > 0 && count(usage, "total_tokens") == Some(read.total() + reasoning);
    if outside {
        read.output += reasoning;
    }
    Some(read)
}

/// Members that say in other words what the standard ones say.
const OTHER_WORDS: [&str; 3] = [
    "prompt_cache_hit_tokens",
    "prompt_cache_miss_tokens",
    "cached_tokens",
];

/// The counts of a `usage` object, and the object put right where it is not what OpenAI would write. What it
/// holds beyond counts is kept.
pub(super) fn tidy(usage: &RawValue) -> Option<(Usage, Option<Raw>)> {
    let mut object = Object::of(usage).ok()?;
    let read = read_object(&object)?;
    let as_said = |key, value| count(&object, key) == Some(value);
    let right = as_said("prompt_tokens", read.input)
        && as_said("completion_tokens", read.output)
        && as_said("total_tokens", read.total())
        && !OTHER_WORDS.iter().any(|key| object.get(key).is_some());
    if right {
        return Some((read, None));
    }
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

fn count(object: &Object<'_>, key: &str) -> Option<u64> {
    object
        .peek::<super::lenient::Count>(key)?
        .0
        .filter(|&count| count <= MOST_TOKENS)
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
