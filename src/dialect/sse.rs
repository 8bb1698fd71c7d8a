//! Server-sent events: bytes to events.
//!
//! Follows the WHATWG rules where they matter to us: CR, LF and CRLF end a line (also when split over two
//! reads), a BOM at the start is skipped, comments are skipped, several `data` lines join with LF, fields
//! without a colon have an empty value. Events borrow from the framer's buffer; nothing is copied unless an
//! event has several `data` lines.

use std::borrow::Cow;

use bytes::{Buf, BytesMut};

/// The largest event read; more than any provider sends in one event, small enough to hold for every stream.
pub const MAX_EVENT: usize = 4 * 1024 * 1024;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event` field; empty when there was none.
    pub name: &'a str,
    /// The `data` lines, joined.
    pub data: Cow<'a, str>,
    /// The event as it came, with the blank line that ended it. Comments before it are included.
    pub raw: &'a [u8],
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An event larger than [`MAX_EVENT`].
    #[error("an event of the stream is larger than {MAX_EVENT} bytes")]
    TooLarge,
    /// An event that is not UTF-8.
    #[error("the stream is not valid UTF-8")]
    NotUtf8,
}

/// Cuts a byte stream into events.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Bytes of the event handed out last, dropped at the next call.
    taken: usize,
    /// Up to where the buffer has been searched for the end of an event.
    searched: usize,
    started: bool,
}

impl Framer {
    /// A framer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.drop_taken();
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event, if there is one. Blocks that hold only comments are skipped.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, Broken> {
        self.drop_taken();
        self.skip_bom();
        let mut start = 0;
        loop {
            let Some(end) = self.block_end(start) else {
                self.buffer.advance(start);
                self.searched = self.searched.saturating_sub(start);
                return if self.buffer.len() > MAX_EVENT {
                    Err(Broken::TooLarge)
                } else {
                    Ok(None)
                };
            };
            if end - start > MAX_EVENT {
                return Err(Broken::TooLarge);
            }
            if has_data(&self.buffer[start..end]) {
                self.taken = end;
                return event(&self.buffer[start..end]).map(Some);
            }
            start = end;
            self.searched = end;
        }
    }

    /// Whether bytes of an unfinished event are left: at the end of a stream, they are lost.
    pub fn has_rest(&self) -> bool {
        !self.buffer[self.taken..]
            .iter()
            .all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    fn drop_taken(&mut self) {
        if self.taken > 0 {
            self.buffer.advance(self.taken);
            self.taken = 0;
            self.searched = 0;
        }
    }

    fn skip_bom(&mut self) {
        const BOM: &[u8] = b"\xef\xbb\xbf";
        if !self.started && self.buffer.len() >= BOM.len() {
            self.started = true;
            if self.buffer.starts_with(BOM) {
                self.buffer.advance(BOM.len());
            }
        }
    }

    /// The end of the block that begins at `start`: just behind its blank line. A CR at the very end of the
    /// buffer may be half of a CRLF, but the block is over either way; the LF then counts as an empty line.
    fn block_end(&mut self, start: usize) -> Option<usize> {
        let bytes = &self.buffer[..];
        // A line end may straddle what was searched and what is new.
        let mut at = self.searched.saturating_sub(3).max(start);
        while let Some(found) = memchr::memchr2(b'\n', b'\r', &bytes[at..]) {
            let first = at + found;
            let next = line_end(bytes, first);
            if first == start {
                // An empty line before the event: part of no event.
                return Some(next);
            }
            if next < bytes.len() && matches!(bytes[next], b'\n' | b'\r') {
                return Some(line_end(bytes, next));
            }
            at = next;
        }
        self.searched = bytes.len();
        None
    }
}

/// The position behind the line end that begins at `at`.
fn line_end(bytes: &[u8], at: usize) -> usize {
    let crlf = bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
    at + 1 + usize::from(crlf)
}

fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, tail) = rest.split_at(end);
        rest = if tail.is_empty() {
            tail
        } else {
            &tail[line_end(tail, 0)..]
        };
        Some(line)
    })
}

fn has_data(block: &[u8]) -> bool {
    lines(block).any(|line| field(line).0 == b"data")
}

/// A line's field name and value.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, b""),
    }
}

fn event(block: &[u8]) -> Result<Event<'_>, Broken> {
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| Broken::NotUtf8);
    let mut name = "";
    let mut data: Option<Cow<'_, str>> = None;
    for line in lines(block) {
        let (key, value) = field(line);
        match key {
            b"event" => name = text(value)?,
            b"data" => {
                let value = text(value)?;
                data = Some(match data {
                    None => Cow::Borrowed(value),
                    Some(before) => Cow::Owned(format!("{before}\n{value}")),
                });
            }
            _ => {}
        }
    }
    Ok(Event {
        name,
        data: data.unwrap_or_default(),
        raw: block,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut framer = Framer::new();
        let mut events = Vec::new();
        for piece in pieces {
            framer.push(piece);
            while let Some(event) = framer.next_event().unwrap() {
                events.push((event.name.to_owned(), event.data.into_owned()));
            }
        }
        events
    }

    fn check(stream: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, data)| ((*name).into(), (*data).into()))
            .collect();
        assert_eq!(read(&[stream.as_bytes()]), expected, "{stream:?}");
    }

    #[test]
    fn reads_names_data_and_every_line_end() {
        check("data: a\n\n", &[("", "a")]);
        check(
            "event: x\r\ndata:b\r\n\r\ndata: c\r\r",
            &[("x", "b"), ("", "c")],
        );
        check("data: one\ndata: two\n\n", &[("", "one\ntwo")]);
        check("data\n\n", &[("", "")]);
        check("\u{feff}data: a\n\n", &[("", "a")]);
        check(
            ": ping\n\n: more\ndata: a\nid: 7\n\n\n\ndata: b\n\n",
            &[("", "a"), ("", "b")],
        );
        check("data: unfinished\n", &[]);
    }

    #[test]
    fn knows_when_an_event_is_unfinished() {
        let mut framer = Framer::new();
        framer.push(b"data: a\n\ndata: b");
        assert!(framer.next_event().unwrap().is_some());
        assert!(framer.next_event().unwrap().is_none());
        assert!(framer.has_rest());
    }

    #[test]
    fn refuses_an_event_that_never_ends_and_bytes_that_are_no_text() {
        let mut framer = Framer::new();
        framer.push(&vec![b'x'; MAX_EVENT + 1]);
        assert_eq!(framer.next_event().unwrap_err(), Broken::TooLarge);
        let mut framer = Framer::new();
        framer.push(b"data: \xff\n\n");
        assert_eq!(framer.next_event().unwrap_err(), Broken::NotUtf8);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(
            stream in "(data|event|: c|id)?(: ?)?[a-zé]{0,3}(\n|\r\n|\r|\n\n|\r\n\r\n){0,3}(data: [a-z]{0,3}\n){0,2}(\n|\r\n){0,2}data: z\n\n",
            cut in 0usize..64,
            cut2 in 0usize..64,
        ) {
            let bytes = stream.as_bytes();
            let (low, high) = (cut.min(cut2).min(bytes.len()), cut.max(cut2).min(bytes.len()));
            let whole = read(&[bytes]);
            prop_assert_eq!(read(&[&bytes[..low], &bytes[low..high], &bytes[high..]]), whole);
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut framer = Framer::new();
            framer.push(&bytes);
            while let Ok(Some(_)) = framer.next_event() {}
        }
    }
}
