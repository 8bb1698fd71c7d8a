//! A digest of how a conversation begins: what stays the same while it grows.
//!
//! Providers cache prompts by their beginning, so requests with the same one should go where the last went. The
//! beginning is the instructions, the tools, and the turns up to the first of the user, each as it was written, but
//! for marks of the cache, which wander.

use serde::{
    Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::json::Object;

/// A member that says where the cache should end.
const MARKS: [&str; 2] = ["cache_control", "prompt_cache_breakpoint"];

/// The digest of a request's beginning; 0 where it has no messages.
pub(super) fn digest(request: &Object<'_>) -> u64 {
    let Some(messages) = request.get("messages") else {
        return 0;
    };
    let mut hasher = blake3::Hasher::new();
    for key in ["system", "tools"] {
        if let Some(raw) = request.get(key) {
            hasher.update(key.as_bytes());
            value(&mut hasher, raw);
        }
    }
    for message in beginning(messages) {
        value(&mut hasher, message);
    }
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

/// The messages up to the first of the user.
fn beginning(messages: &RawValue) -> Vec<&RawValue> {
    struct Beginning<'a, 'de>(&'a mut Vec<&'de RawValue>);
    impl<'de> Visitor<'de> for Beginning<'_, 'de> {
        type Value = ();

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("messages")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            while let Some(message) = list.next_element::<&'de RawValue>()? {
                self.0.push(message);
                let role = Object::of(message)
                    .ok()
                    .and_then(|it| it.peek::<String>("role"));
                if role.as_deref() == Some("user") {
                    break;
                }
            }
            Ok(())
        }
    }
    let mut found = Vec::new();
    // It fails where the list goes on, which is the point: the rest is not looked at.
    let _ =
        serde_json::Deserializer::from_str(messages.get()).deserialize_seq(Beginning(&mut found));
    found
}

/// Takes in a value without its marks: those of an object, of the objects in a list, and of their content.
fn value(hasher: &mut blake3::Hasher, raw: &RawValue) {
    match raw.get().as_bytes().first() {
        Some(b'{') => {
            for (key, raw) in Object::of(raw).unwrap_or_default().iter() {
                match key {
                    _ if MARKS.contains(&key) => {}
                    "content" => value(hasher, raw),
                    _ => text(hasher, key, raw.get()),
                }
            }
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
            items.into_iter().for_each(|item| value(hasher, item));
        }
        _ => text(hasher, "", raw.get()),
    }
}

/// Takes in a text with its length, so that two texts never look like another two.
fn text(hasher: &mut blake3::Hasher, key: &str, text: &str) {
    for part in [key, text] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> u64 {
        digest(&Object::parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn it_stays_while_a_conversation_grows_and_marks_wander() {
        let first = of(
            r#"{"model":"a","system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
                "messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}]}"#,
        );
        let later = of(
            r#"{"model":"b","max_tokens":7,"system":[{"type":"text","text":"Be brief."}],
                "messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":"Yes?"},
                {"role":"user","content":"Go on"}]}"#,
        );
        assert_eq!(first, later);
        assert_ne!(first, 0);
    }

    #[test]
    fn another_beginning_is_another() {
        let all = [
            r#"{"messages":[{"role":"user","content":"Hi"}]}"#,
            r#"{"messages":[{"role":"user","content":"Ho"}]}"#,
            r#"{"messages":[{"role":"system","content":"x"},{"role":"user","content":"Hi"}]}"#,
            r#"{"messages":[{"role":"user","content":"Hi"}],"tools":[{"name":"f"}]}"#,
            r#"{"messages":[{"role":"user","content":"Hi"}],"system":"x"}"#,
        ]
        .map(of);
        let different: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(of(r#"{"input":"x"}"#), 0);
        assert_ne!(of(r#"{"messages":[1,{"role":7}]}"#), 0);
    }
}
