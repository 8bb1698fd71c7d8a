//! What one look at a prompt tells: how much of it is text, and which kinds of media are in it.
//!
//! Images, sounds and files stand in a prompt as base64, which is no measure of their tokens. One pass finds the few
//! words that decide; it is made of every request, so it parses nothing. Quotes inside JSON strings are escaped:
//! `"type":"image"` with its quotes cannot stand inside a text. It may stand in the arguments of a tool's call where
//! a dialect writes those as JSON; then the prompt is taken to hold an image.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind, Span, packed::Searcher};

use super::outline::BYTES_PER_TOKEN;

/// Prompts up to this size count as they stand: an image in them costs little more by its bytes than as a part.
const SMALL: usize = 16 * 1024;

/// Tokens a part is taken to cost. By their documentation of images, OpenAI counts 765 for a square one in high
/// detail and up to about 1,500 for a larger one, Anthropic a 750th of the pixels: 1,530 for 1.15 megapixels. Sounds
/// and files differ widely; what they really cost is settled afterwards.
const TOKENS_PER_PART: u64 = 1_500;

/// The words of all dialects, without the quote before: a search for words that all begin with the commonest byte of
/// JSON would stop at every string.
const MARKS: [(&str, Mark); 7] = [
    (";base64,", Mark::Base64),
    ("data\"", Mark::Data),
    ("image_url\"", Mark::Image),
    ("image\"", Mark::Image),
    ("input_audio\"", Mark::Sound),
    ("file\"", Mark::Document),
    ("document\"", Mark::Document),
];

#[derive(Clone, Copy)]
enum Mark {
    /// The head of a data URL.
    Base64,
    /// The key of a part that holds nothing but base64.
    Data,
    /// Kinds of parts.
    Image,
    Sound,
    Document,
}

/// What a look at a prompt finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Its bytes as JSON text, each media part counted as the text that would cost as much.
    pub bytes: u64,
    /// Whether there are images.
    pub images: bool,
    /// Whether there are sounds.
    pub sounds: bool,
    /// Whether there are documents.
    pub documents: bool,
}

/// Looks at a prompt.
pub fn look(prompt: &str) -> Look {
    let mut look = Look {
        bytes: prompt.len() as u64,
        ..Look::default()
    };
    let text = prompt.as_bytes();
    let mut at = 0;
    while let Some((mark, start, end)) = next(prompt, at) {
        at = end;
        match mark {
            Mark::Base64 => at = look.base64(text, end),
            Mark::Data if text[..start].ends_with(b"\"") => {
                if let Some(value) = string(text, end) {
                    at = look.base64(text, value);
                }
            }
            Mark::Data => {}
            Mark::Image => look.images |= is_kind(&text[..start]),
            Mark::Sound => look.sounds |= is_kind(&text[..start]),
            Mark::Document => look.documents |= is_kind(&text[..start]),
        }
    }
    look
}

impl Look {
    /// Counts what begins at `at` as a part, if it is base64 up to the end of its string. Gives where to look on.
    fn base64(&mut self, text: &[u8], at: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        let length = rest.iter().take_while(|&&byte| is_base64(byte)).count();
        // A quote that is escaped is one of a text, which quotes a data URL.
        let whole = rest.get(length) == Some(&b'"') && !rest[..length].ends_with(b"\\");
        if whole && text.len() > SMALL {
            // A small part costs no more than its bytes.
            let spared = (length as u64).saturating_sub(TOKENS_PER_PART * BYTES_PER_TOKEN);
            self.bytes = self.bytes.saturating_sub(spared);
        }
        at + length
    }
}

/// The next mark from `at` on, with where it starts and ends.
fn next(prompt: &str, at: usize) -> Option<(Mark, usize, usize)> {
    static QUICK: LazyLock<Option<Searcher>> =
        LazyLock::new(|| Searcher::new(MARKS.map(|(word, _)| word)));
    // For a processor without the vector instructions.
    static PLAIN: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let builder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(MARKS.map(|(word, _)| word));
        builder.ok()
    });
    let span = Span::from(at..prompt.len());
    let hit = match &*QUICK {
        Some(quick) => quick.find_in(prompt, span),
        None => PLAIN.as_ref()?.find(Input::new(prompt).span(span)),
    }?;
    let (_, mark) = MARKS[hit.pattern().as_usize()];
    Some((mark, hit.start(), hit.end()))
}

/// Whether a word behind `before` is the value of `type`.
fn is_kind(before: &[u8]) -> bool {
    let key = || {
        let before = before.strip_suffix(b"\"")?.trim_ascii_end();
        Some(before.strip_suffix(b":")?.trim_ascii_end())
    };
    key().is_some_and(|key| key.ends_with(b"\"type\""))
}

/// Where the text of a member begins whose key ends at `at`.
fn string(text: &[u8], at: usize) -> Option<usize> {
    let behind = text.get(at..)?.trim_ascii_start().strip_prefix(b":")?;
    let value = behind.trim_ascii_start().strip_prefix(b"\"")?;
    Some(text.len() - value.len())
}

/// Both alphabets; some writers escape slashes.
fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: u64 = TOKENS_PER_PART * BYTES_PER_TOKEN;

    #[test]
    fn media_count_as_parts_and_text_as_text() {
        let media = "iVBORw0K".repeat(75_000);
        let check = |prompt: &str, spared: usize| {
            let text = (prompt.len() - spared) as u64;
            let parts = (spared / media.len()) as u64;
            assert_eq!(look(prompt).bytes, text + parts * FLAT, "{}", &prompt[..90]);
        };
        let url = format!(
            r#"[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{media}"}}}}]}}]"#
        );
        check(&url, media.len());
        check(&format!("{url}{url}"), 2 * media.len());
        let escaped = url.replace("0K", "\\/");
        assert_eq!(look(&escaped).bytes, look(&url).bytes, "escaped slashes");
        let source = format!(
            r#"[{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data" : "{media}"}}}}]}}]"#
        );
        check(&source, media.len());
        let sound = format!(
            r#"[{{"type":"input_audio","input_audio":{{"format":"wav","data":"{media}"}}}}]"#
        ) + &" ".repeat(90);
        check(&sound, media.len());
        let prose = format!(
            r#"[{{"role":"user","content":"{}"}}]"#,
            "what is ;base64, here? ".repeat(9_000)
        );
        check(&prose, 0);
        let open = format!(r#"[{{"role":"user","content":"a data URL: ;base64,{media}"#);
        check(&open, 0);
        let data = format!(
            r#"[{{"data":"{}"}}, {{"data":7}}, {{"data""#,
            "some text ".repeat(9_000)
        );
        check(&data, 0);
    }

    #[test]
    fn what_is_small_counts_as_it_stands() {
        let small = format!(r#"{{"url":"data:image/png;base64,{}"}}"#, "A".repeat(9_000));
        assert_eq!(look(&small).bytes, small.len() as u64);
        let icon = format!(
            "{}{}",
            small.replace(&"A".repeat(8_990), ""),
            " ".repeat(20_000)
        );
        assert_eq!(look(&icon).bytes, icon.len() as u64);
    }

    #[test]
    fn kinds_of_parts_are_seen_and_words_of_a_text_are_not() {
        let check = |prompt: &str, expected: (bool, bool, bool)| {
            let look = look(prompt);
            assert_eq!(
                (look.images, look.sounds, look.documents),
                expected,
                "{prompt}"
            );
        };
        let part = |kind: &str| format!(r#"[{{"role":"user","content":[{{"type" : "{kind}"}}]}}]"#);
        check(&part("image_url"), (true, false, false));
        check(&part("image"), (true, false, false));
        check(&part("input_audio"), (false, true, false));
        check(&part("file"), (false, false, true));
        check(&part("document"), (false, false, true));
        check(&part("text"), (false, false, false));
        check(
            r#"[{"role":"user","content":"image"}]"#,
            (false, false, false),
        );
        let quoted = serde_json::to_string(&part("image_url")).unwrap();
        check(
            &format!(r#"[{{"role":"user","content":{quoted}}}]"#),
            (false, false, false),
        );
        let both = part("image") + &" ".repeat(SMALL) + &part("file");
        check(&both, (true, false, true));
    }

    #[test]
    fn a_text_of_nothing_but_marks_is_looked_at_once() {
        // Each mark looked at to the end of the string would take minutes.
        let marks = format!("\"{}\"", ";base64,".repeat(100_000));
        assert_eq!(look(&marks).bytes, marks.len() as u64);
        let keys = format!("[{}1]", "{\"data\":\"".repeat(100_000));
        assert_eq!(look(&keys).bytes, keys.len() as u64);
    }
}
