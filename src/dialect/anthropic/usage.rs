//! Token counts: Anthropic's `input_tokens` leave out what was read from or written to the cache, ours hold it.
//!
//! Counts are a provider's word: what is missing, negative or fractional is read as well as can be, what no answer
//! can have is ignored, and sums saturate.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    chat::{MOST_TOKENS, Usage},
    json::Object,
};

/// The counts of one answer so far; each `None` until the provider says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    created: Option<u64>,
    created_5m: Option<u64>,
    created_1h: Option<u64>,
    read: Option<u64>,
    thinking: Option<u64>,
}

impl Counts {
    /// Reads a `usage` object.
    pub(super) fn of(usage: &RawValue) -> Self {
        let usage = Object::of(usage).unwrap_or_default();
        let inner = |key: &str| usage.get(key).and_then(|raw| Object::of(raw).ok());
        let split = inner("cache_creation").unwrap_or_default();
        let details = inner("output_tokens_details").unwrap_or_default();
        Self {
            input: count(&usage, "input_tokens"),
            output: count(&usage, "output_tokens"),
            created: count(&usage, "cache_creation_input_tokens"),
            created_5m: count(&split, "ephemeral_5m_input_tokens"),
            created_1h: count(&split, "ephemeral_1h_input_tokens"),
            read: count(&usage, "cache_read_input_tokens"),
            thinking: count(&details, "thinking_tokens"),
        }
    }

    /// Takes later counts, which are cumulative and win; what they do not say stays.
    pub(super) fn update(&mut self, later: Self) {
        *self = Self {
            input: later.input.or(self.input),
            output: later.output.or(self.output),
            created: later.created.or(self.created),
            created_5m: later.created_5m.or(self.created_5m),
            created_1h: later.created_1h.or(self.created_1h),
            read: later.read.or(self.read),
            thinking: later.thinking.or(self.thinking),
        };
    }

    /// Whether anything was said.
    pub(super) fn is_known(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }

    /// The counts as ours. Those of the cache are zero where the provider is silent: it has nothing to hide.
    pub(super) fn usage(&self) -> Usage {
        let known = |count: Option<u64>| count.unwrap_or(0);
        let split = known(self.created_5m).saturating_add(known(self.created_1h));
        let created = self.created.unwrap_or(split);
        let read = known(self.read);
        Usage {
            input: known(self.input)
                .saturating_add(created)
                .saturating_add(read),
            output: known(self.output),
            cached: Some(read),
            cache_write: Some(created),
            cache_write_1h: self.created_1h.map(|long| long.min(created)),
            reasoning: self.thinking,
            ..Usage::default()
        }
    }
}

/// A count as written; none where no answer can have it.
fn count(object: &Object<'_>, key: &str) -> Option<u64> {
    let text = object.get(key)?.get();
    // Casting a float saturates: below zero is zero, above the largest number is the largest.
    let rounded = || text.parse::<f64>().ok().map(|number| number as u64);
    let count = text.parse().ok().or_else(rounded)?;
    (count <= MOST_TOKENS).then_some(count)
}

/// Counts as Anthropic writes them, without our cached tokens among the input.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<WrittenSplit>,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<WrittenDetails>,
}

#[derive(Debug, Serialize)]
struct WrittenSplit {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Debug, Serialize)]
struct WrittenDetails {
    thinking_tokens: u64,
}

impl Written {
    /// Zeros where nothing is known.
    pub(super) fn of(usage: Option<&Usage>) -> Self {
        let usage = usage.copied().unwrap_or_default();
        let read = usage.cached.unwrap_or(0).min(usage.input);
        let created = usage.cache_write.unwrap_or(0).min(usage.input - read);
        let split = |long: u64| WrittenSplit {
            ephemeral_5m_input_tokens: created.saturating_sub(long),
            ephemeral_1h_input_tokens: long.min(created),
        };
        let details = |thinking_tokens| WrittenDetails { thinking_tokens };
        Self {
            input_tokens: usage.input - read - created,
            cache_creation_input_tokens: created,
            cache_read_input_tokens: read,
            cache_creation: usage.cache_write_1h.map(split),
            output_tokens: usage.output,
            output_tokens_details: usage.reasoning.map(details),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(usage: &str) -> Usage {
        Counts::of(serde_json::from_str(usage).unwrap()).usage()
    }

    #[test]
    fn hostile_counts_are_ignored() {
        let check = |usage: &str, input, output| {
            let usage = read(usage);
            assert_eq!((usage.input, usage.output), (input, output), "{usage:?}");
        };
        check("null", 0, 0);
        check("[]", 0, 0);
        check(r#"{"input_tokens":-5,"output_tokens":"many"}"#, 0, 0);
        check(r#"{"input_tokens":1e400,"output_tokens":2.9}"#, 0, 2);
        check(
            r#"{"input_tokens":18446744073709551615,"cache_read_input_tokens":99999999999999999999,"output_tokens":9223372036854775808}"#,
            0,
            0,
        );
    }

    #[test]
    fn input_holds_the_cached_tokens() {
        let usage = read(
            r#"{"input_tokens":4,"output_tokens":6,"cache_creation_input_tokens":100,
                "cache_read_input_tokens":2000,"cache_creation":{"ephemeral_1h_input_tokens":100}}"#,
        );
        assert_eq!(usage.input, 2104);
        assert_eq!(
            (usage.cached, usage.cache_write, usage.cache_write_1h),
            (Some(2000), Some(100), Some(100))
        );
        assert_eq!(usage.reasoning, None);
        let split = read(
            r#"{"cache_creation":{"ephemeral_5m_input_tokens":7,"ephemeral_1h_input_tokens":3}}"#,
        );
        assert_eq!((split.input, split.cache_write), (10, Some(10)));
    }

    #[test]
    fn what_is_written_adds_up_again() {
        let text = serde_json::to_string(&Written::of(Some(&Usage {
            input: 10,
            output: 5,
            cached: Some(7),
            cache_write: Some(9),
            reasoning: Some(2),
            ..Usage::default()
        })));
        assert_eq!(
            text.unwrap(),
            r#"{"input_tokens":0,"cache_creation_input_tokens":3,"cache_read_input_tokens":7,"output_tokens":5,"output_tokens_details":{"thinking_tokens":2}}"#
        );
    }
}
