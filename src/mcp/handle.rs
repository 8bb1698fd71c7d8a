//! Handles of conversations: how calls that belong together say so where there are no sessions.
//!
//! A result may carry a handle, and a request that sends it back goes on with the same conversation. A handle is a
//! name that nobody can guess and a code over it and the caller, made with a key of this process: one that is made up,
//! or somebody else's, is known for it. After a restart all are unknown, and callers begin anew by sending none.

use std::sync::Arc;

use rmcp::{ErrorData, model::RequestMetaObject};
use subtle::ConstantTimeEq;

use super::{Gate, Guest};
use crate::tools::Conversation;

/// The member of `_meta` that carries a handle, both ways.
pub(super) const MEMBER: &str = "dev.waypost/conversation";

/// The code's length in hexadecimal digits: 128 bits, which nobody guesses online.
const CODE: usize = 32;

/// The longest name of a conversation. Ours have 32 bytes.
const LONGEST_NAME: usize = 128;

/// Writes and reads handles.
pub(super) struct Handles {
    key: [u8; blake3::KEY_LEN],
}

impl std::fmt::Debug for Handles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Handles").finish_non_exhaustive()
    }
}

impl Handles {
    /// Handles of this process.
    pub(super) fn new() -> Self {
        Self {
            key: rand::random(),
        }
    }

    /// The handle of a conversation, for this caller alone.
    pub(super) fn write(&self, conversation: &Conversation, caller: &str) -> String {
        let name = &conversation.id;
        format!("{name}.{}", self.code(name, caller))
    }

    /// The conversation of a handle; `None` where it is none of ours, or another caller's.
    pub(super) fn read(&self, handle: &str, caller: &str) -> Option<Conversation> {
        let (name, code) = handle.rsplit_once('.')?;
        let expected = self.code(name, caller);
        let is_ours =
            name.len() <= LONGEST_NAME && bool::from(code.as_bytes().ct_eq(expected.as_bytes()));
        is_ours.then(|| Conversation::named(name.to_owned()))
    }

    fn code(&self, name: &str, caller: &str) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        // The length keeps the end of one apart from the beginning of the other.
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(caller.as_bytes());
        let mut code = hasher.finalize().to_hex().to_string();
        code.truncate(CODE);
        code
    }
}

/// What a call belongs to: what its handle names, else what its guest has.
pub(super) fn conversation(
    gate: &Gate,
    guest: &Guest,
    meta: &RequestMetaObject,
) -> Result<Arc<Conversation>, ErrorData> {
    let Some(sent) = meta.0.0.get(MEMBER) else {
        return Ok(guest.conversation.clone());
    };
    let known = sent.as_str();
    let known = known.and_then(|sent| gate.handles.read(sent, &guest.caller.name));
    known.map(Arc::new).ok_or_else(|| {
        let message = "The conversation is not known: send none to begin one";
        ErrorData::invalid_params(message, None)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_its_callers_and_this_process_own() {
        let handles = Handles::new();
        let conversation = Conversation::default();
        let handle = handles.write(&conversation, "ann");
        let read = |handle: &str, caller: &str| handles.read(handle, caller).map(|read| read.id);
        assert_eq!(read(&handle, "ann"), Some(conversation.id.clone()));
        assert_eq!(read(&handle, "bob"), None);
        assert_eq!(
            Handles::new().read(&handle, "ann").map(|read| read.id),
            None
        );
        for forged in [
            "",
            ".",
            "a.",
            "a.b",
            &handle[1..],
            &format!("{handle}0"),
            &conversation.id,
        ] {
            assert_eq!(read(forged, "ann"), None, "{forged}");
        }
    }
}
