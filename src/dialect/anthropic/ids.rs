//! Ids of tool calls: the API takes `^[a-zA-Z0-9_-]+$` only.
//!
//! Good ids stay as they are; others are rewritten one to one, the same in call and result, and never to an id
//! that another call already bears.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use crate::chat::Request;

/// The ids of one request.
pub(super) struct Ids<'a> {
    taken: HashSet<Cow<'a, str>>,
    rewritten: HashMap<&'a str, String>,
}

impl<'a> Ids<'a> {
    pub(super) fn of(request: &'a Request) -> Self {
        let good = |id: &&str| is_good(id);
        let taken = request.messages.iter().flat_map(|message| {
            let calls = message.tool_calls.iter().map(|call| call.id.as_str());
            calls.chain(message.tool_call_id.as_deref()).filter(good)
        });
        Self {
            taken: taken.map(Cow::Borrowed).collect(),
            rewritten: HashMap::new(),
        }
    }

    /// The id to send for `id`.
    pub(super) fn map(&mut self, id: &'a str) -> Cow<'a, str> {
        if is_good(id) {
            return Cow::Borrowed(id);
        }
        if let Some(known) = self.rewritten.get(id) {
            return Cow::Owned(known.clone());
        }
        let plain = |c: char| if is_plain(c) { c } else { '_' };
        let base: String = match id {
            "" => "call".to_owned(),
            _ => id.chars().map(plain).collect(),
        };
        let mut fresh = base.clone();
        let mut count = 1u32;
        while self.taken.contains(fresh.as_str()) {
            count += 1;
            fresh = format!("{base}_{count}");
        }
        self.taken.insert(Cow::Owned(fresh.clone()));
        self.rewritten.insert(id, fresh.clone());
        Cow::Owned(fresh)
    }
}

fn is_good(id: &str) -> bool {
    !id.is_empty() && id.chars().all(is_plain)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Content, Message, Role};

    #[test]
    fn bad_ids_are_rewritten_one_to_one() {
        let result = |id: &str| Message {
            tool_call_id: Some(id.to_owned()),
            ..Message::new(Role::Tool, Content::Empty)
        };
        let request = Request {
            messages: vec![result("a_b"), result("a.b"), result("a:b")],
            ..Request::default()
        };
        let mut ids = Ids::of(&request);
        assert_eq!(ids.map("a.b"), "a_b_2");
        assert_eq!(ids.map("a:b"), "a_b_3");
        assert_eq!(ids.map("a_b"), "a_b");
        assert_eq!(ids.map("a.b"), "a_b_2");
        assert_eq!(ids.map(""), "call");
    }
}
