//! Ids of events. Each says which stream of its session it belongs to, and proves that it is of this session.
//!
//! Whoever resumes a stream sends the last id it saw. rmcp would replay whatever stream an id names, whoever asks.
//! So an id carries a code that only this session's id can make: who does not know the session cannot ask for its
//! events. The key comes from the session's id alone, so ids are still good when the server was restarted, and none
//! has to be kept.

use std::fmt::{self, Display};

use subtle::ConstantTimeEq;

/// What the derived key is for, as BLAKE3 wants it said.
const CONTEXT: &str = "waypost 2026-11 ids of MCP events";

/// The bytes of the code that are sent: 128 bits cannot be guessed.
const CODE: usize = 16;

/// Makes and reads the ids of one session.
#[derive(Clone, Copy)]
pub(crate) struct EventIds([u8; blake3::KEY_LEN]);

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The stream in its session.
    pub(super) stream: u64,
    /// The event in its stream.
    pub(super) event: u64,
}

impl Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:x}-{:x}", self.stream, self.event)
    }
}

impl EventIds {
    /// The ids of the session with this id.
    pub(crate) fn of(session: &str) -> Self {
        Self(blake3::derive_key(CONTEXT, session.as_bytes()))
    }

    /// The id of an event.
    pub(super) fn write(&self, place: Place) -> String {
        let place = place.to_string();
        let code = self.code(&place);
        format!("{place}-{code}")
    }

    /// Where an event stands; `None` if the id is not of this session.
    pub(crate) fn read(&self, id: &str) -> Option<Place> {
        let (place, code) = id.rsplit_once('-')?;
        let (stream, event) = place.split_once('-')?;
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let read = Place {
            stream: number(stream)?,
            event: number(event)?,
        };
        let ours = self.code(place);
        bool::from(ours.as_bytes().ct_eq(code.as_bytes())).then_some(read)
    }

    fn code(&self, place: &str) -> String {
        let code = blake3::keyed_hash(&self.0, place.as_bytes()).to_hex();
        code.chars().take(2 * CODE).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_by_its_own_session_only() {
        let ids = EventIds::of("a-session");
        let place = Place {
            stream: 3,
            event: 17,
        };
        let id = ids.write(place);
        assert_eq!(ids.read(&id), Some(place));
        assert_eq!(EventIds::of("another-session").read(&id), None);
        let changed = id.replacen('3', "4", 1);
        for forged in [
            "",
            "0",
            "1-2",
            "3-11-",
            "3-11-00",
            &changed,
            &id[..id.len() - 1],
        ] {
            assert_eq!(ids.read(forged), None, "{forged}");
        }
    }
}
