//! The digest of everything a server says of a tool, a prompt, a resource or a template.

use serde::Serialize;
use serde_json::Value;

/// The digest of a tool of a server. Every member that is handed on to callers is in it, `_meta` and icons too, so that
/// nothing reaches a model that was not approved; and the operator's name for the server, so that an approval is good
/// for that server alone.
///
/// It is BLAKE3, as everywhere here: as hard to meet twice as SHA-256. It is taken of canonical JSON: members sorted, no
/// space, each number in one way. RFC 8785 sorts likewise, but would write two integers beyond 2^53 alike.
pub(super) fn fingerprint(server: &str, tool: &Value) -> String {
    digest(&(server, tool))
}

/// The digest of something of a server that is no tool. Its kind is in it, so that an approval is good for no other.
pub(super) fn fingerprint_of(server: &str, kind: &str, item: &Value) -> String {
    digest(&(server, kind, item))
}

fn digest(it: &impl Serialize) -> String {
    // Maps keep their members sorted, and what was read as JSON can be written as JSON.
    let canonical = serde_json::to_vec(it).unwrap_or_default();
    format!("blake3:{}", blake3::hash(&canonical).to_hex())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
    use serde_json::json;

    use super::*;

    fn tool() -> Value {
        json!({
            "name": "search",
            "title": "Search",
            "description": "Searches tickets by their words.",
            "inputSchema": {
                "type": "object",
                "required": ["query"],
                "properties": {
                    "query": {"type": "string", "description": "The words."},
                    "limit": {"type": "integer", "maximum": 9_007_199_254_740_993_u64, "default": 5.5},
                    "order": {"enum": ["new", "old", null]}
                },
                "additionalProperties": false
            },
            "outputSchema": {"type": "object", "properties": {"hits": {"type": "array"}}},
            "annotations": {"title": "Search", "readOnlyHint": true, "destructiveHint": false},
            "icons": [{"src": "https://example.com/icon.png", "sizes": ["48x48"]}],
            "_meta": {"example.com/ui": "ui://search"}
        })
    }

    /// Every place in a value, as a JSON pointer.
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Object(members) => {
                for (name, inner) in members {
                    places(inner, &format!("{at}/{}", name.replace('/', "~1")), found);
                }
            }
            Value::Array(items) => {
                for (index, inner) in items.iter().enumerate() {
                    places(inner, &format!("{at}/{index}"), found);
                }
            }
            _ => {}
        }
    }

    /// Another text: one byte other, more or less.
    fn another(text: &str, random: &mut SmallRng) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        let at = random.random_range(0..=letters.len());
        let letter = char::from_u32(random.random_range(0..0x3000)).unwrap_or('\u{E0041}');
        match random.random_range(0..3) {
            0 if at < letters.len() => drop(letters.remove(at)),
            1 if at < letters.len() && letters[at] != letter => letters[at] = letter,
            _ => letters.insert(at, letter),
        }
        letters.into_iter().collect()
    }

    /// Changes one thing.
    fn mutate(value: &mut Value, random: &mut SmallRng) {
        match value {
            Value::Null => *value = json!(false),
            Value::Bool(yes) => *yes = !*yes,
            Value::Number(number) => match number.as_u64() {
                Some(number) => *value = json!(number ^ (1 << random.random_range(0..63))),
                None => *value = json!(number.as_f64().unwrap() + random.random_range(0.1..9.0)),
            },
            Value::String(text) => *text = another(text, random),
            Value::Array(items) => match random.random_range(0..2) {
                0 if !items.is_empty() => drop(items.pop()),
                _ => items.push(json!(random.random::<u32>())),
            },
            Value::Object(members) => {
                let names: Vec<String> = members.keys().cloned().collect();
                match (names.choose(random), random.random_range(0..3)) {
                    (Some(name), 0) => drop(members.remove(name)),
                    (Some(name), 1) => {
                        let inner = members.remove(name).unwrap();
                        let mut name = another(name, random);
                        while members.contains_key(&name) {
                            name = another(&name, random);
                        }
                        members.insert(name, inner);
                    }
                    _ => drop(members.insert(format!("x{}", random.random::<u32>()), json!(1))),
                }
            }
        }
    }

    #[test]
    fn a_hundred_thousand_single_changes_are_all_seen() {
        let tool = tool();
        let approved = fingerprint("crm", &tool);
        let mut everywhere = Vec::new();
        places(&tool, "", &mut everywhere);
        let mut random = SmallRng::seed_from_u64(54);
        let mut seen = HashSet::new();
        for round in 0..100_000 {
            let place = &everywhere[round % everywhere.len()];
            let mut changed = tool.clone();
            mutate(changed.pointer_mut(place).unwrap(), &mut random);
            assert_ne!(changed, tool, "{place}");
            let digest = fingerprint("crm", &changed);
            assert_ne!(digest, approved, "{place}: {changed}");
            seen.insert(digest);
        }
        assert!(seen.len() > 10_000, "{} different ones", seen.len());
    }

    #[test]
    fn the_same_has_the_same_digest_however_it_is_written_and_another_server_another() {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let left = read(r#"{"name":"a","inputSchema":{"type":"object","x":1}}"#);
        let right = read(r#"{ "inputSchema": {"x": 1, "type": "\u006fbject"}, "name": "a" }"#);
        assert_eq!(fingerprint("crm", &left), fingerprint("crm", &right));
        assert_ne!(fingerprint("crm", &left), fingerprint("crn", &left));
        let digest = fingerprint("crm", &left);
        assert!(
            digest.starts_with("blake3:") && digest.len() == 71,
            "{digest}"
        );
    }
}
