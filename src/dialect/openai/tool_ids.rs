//! Tool call ids for a provider that takes only some.

use std::collections::{HashMap, HashSet};

use super::messages::edit_list;
use crate::json::Object;

/// Maps tool call ids one to one to nine alphanumerics. The same id always gives the same result, so that
/// the provider's prompt cache keeps hitting.
#[derive(Default)]
pub(super) struct Ids {
    known: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Ids {
    /// Maps the ids of a message's calls, or of the call it answers.
    pub(super) fn rewrite(&mut self, message: &mut Object<'_>) {
        if let Some(id) = message.peek::<String>("tool_call_id") {
            let id = self.short(&id);
            message.set("tool_call_id", &id);
        }
        let calls = edit_list(message.get("tool_calls"), "tool_calls", |call, _| {
            if let Some(id) = call.peek::<String>("id") {
                let id = self.short(&id);
                call.set("id", &id);
            }
            Ok(())
        });
        if let Ok(calls) = calls {
            message.set_raw("tool_calls", calls);
        }
    }

    fn short(&mut self, id: &str) -> String {
        if let Some(known) = self.known.get(id) {
            return known.clone();
        }
        let fits = id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let mut short = if fits { id.to_owned() } else { digest(id) };
        while !self.taken.insert(short.clone()) {
            short = digest(&format!("{short} {id}"));
        }
        self.known.insert(id.to_owned(), short.clone());
        short
    }
}

fn digest(id: &str) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let hash = blake3::hash(id.as_bytes());
    let digit = |byte: &u8| char::from(DIGITS[usize::from(*byte) % DIGITS.len()]);
    hash.as_bytes().iter().take(9).map(digit).collect()
}
