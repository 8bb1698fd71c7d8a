//! Characters that people do not see and programs obey: what is in a text must be what is read.
//!
//! Five rules look here. Descriptions and schemas of the configuration may not hold them; arguments that do are
//! refused, because a tool must get what the caller sent and nothing else; in results they are left out, because a
//! result cannot be sent back; in what other servers say of their tools they are left out for models and written as
//! escapes for operators; and whom a token names by them is nobody.

use icu_properties::{
    CodePointSetData, CodePointSetDataBorrowed, props::DefaultIgnorableCodePoint,
};

/// Why a character is not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// A control character other than tab and the ends of lines: terminals obey them, databases cut at them.
    Control,
    /// It turns the direction of what follows, so that a text reads as another: U+202A to U+202E, U+2066 to U+2069
    /// (CVE-2021-42574).
    Direction,
    /// Models read it and people do not see it: tags (U+E0000 to U+E007F) and characters without width. The two
    /// joiners, which Persian and emoji are spelled with, are none of them.
    Invisible,
}

impl Harm {
    /// In a sentence: "… holds a control character".
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "a control character",
            Self::Direction => "a character that turns the direction of text",
            Self::Invisible => "an invisible character",
        }
    }
}

/// What is wrong with one character.
pub fn harm(character: char) -> Option<Harm> {
    match character {
        '\t' | '\n' | '\r' => None,
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Some(Harm::Direction),
        '\u{200B}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{180E}' => Some(Harm::Invisible),
        '\u{E0000}'..='\u{E007F}' => Some(Harm::Invisible),
        other => other.is_control().then_some(Harm::Control),
    }
}

/// The first unwanted character of a text.
pub fn first_harm(text: &str) -> Option<(char, Harm)> {
    // Plain text is told by its bytes, some ten times faster than by its characters.
    if text.bytes().all(is_plain) {
        return None;
    }
    text.chars()
        .find_map(|character| Some((character, harm(character)?)))
}

/// The text without unwanted characters; `None` where there are none. Sequences that colour or move on terminals
/// go as a whole, or their letters would stay.
pub fn cleaned(text: &str) -> Option<String> {
    first_harm(text)?;
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let behind = &rest[character.len_utf8()..];
        rest = match character {
            '\u{1B}' => behind_escape(behind),
            _ => {
                if harm(character).is_none() {
                    clean.push(character);
                }
                behind
            }
        };
    }
    Some(clean)
}

/// What follows an escape sequence (ECMA-48): `[` with its parameters and one final byte, or `]` up to its end.
fn behind_escape(text: &str) -> &str {
    match text.as_bytes().first() {
        Some(b'[') => {
            let inside = text[1..].bytes();
            let parameters = inside
                .take_while(|byte| (0x20..=0x3F).contains(byte))
                .count();
            let end = 1 + parameters;
            let final_byte = text.as_bytes().get(end);
            let ends = final_byte.is_some_and(|byte| (0x40..=0x7E).contains(byte));
            &text[end + usize::from(ends)..]
        }
        // Titles and links of terminals end with a bell or with another escape. One without an end is no sequence.
        Some(b']') => match text.find(['\u{7}', '\u{1B}']) {
            Some(end) if text.as_bytes()[end] == 7 => &text[end + 1..],
            Some(end) => text[end + 1..]
                .strip_prefix('\\')
                .unwrap_or(&text[end + 1..]),
            None => text,
        },
        _ => text,
    }
}

/// What Unicode asks programs to draw nothing for.
const IGNORABLE: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<DefaultIgnorableCodePoint>();

/// Whether nothing is drawn for it: Unicode's Default_Ignorable_Code_Point, and the three marks that frame an annotation
/// between lines (U+FFF9 to U+FFFB). Any text can be spelled in these, two variation selectors being enough for bits.
pub fn is_ignorable(character: char) -> bool {
    !character.is_ascii()
        && (IGNORABLE.contains(character) || matches!(character, '\u{FFF9}'..='\u{FFFB}'))
}

/// Whether it changes how others are read without being seen: all that is ignorable, controls, and what ends lines and
/// paragraphs. A name holds none of them, or two that read alike are two.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}')
        || is_ignorable(character)
}

/// The text with everything that is not seen written as `\u{…}`, tabs and the ends of lines excepted. Where a text may
/// hold such an escape itself, its backslashes must have been doubled before.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let odd = matches!(character, '\r' | '\u{2028}' | '\u{2029}');
        if odd || harm(character).is_some() || is_ignorable(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7E)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_characters_are_not_wanted() {
        for (character, expected) in [
            ('a', None),
            ('\n', None),
            ('é', None),
            ('\u{200D}', None),
            ('\u{200C}', None),
            ('\0', Some(Harm::Control)),
            ('\u{1B}', Some(Harm::Control)),
            ('\u{7F}', Some(Harm::Control)),
            ('\u{85}', Some(Harm::Control)),
            ('\u{202E}', Some(Harm::Direction)),
            ('\u{2066}', Some(Harm::Direction)),
            ('\u{200B}', Some(Harm::Invisible)),
            ('\u{FEFF}', Some(Harm::Invisible)),
            ('\u{E0041}', Some(Harm::Invisible)),
        ] {
            assert_eq!(harm(character), expected, "{character:?}");
        }
    }

    #[test]
    fn what_is_not_seen_is_hidden_and_what_is_seen_is_not() {
        for hidden in [
            '\0'..='\u{1F}',
            '\u{7F}'..='\u{9F}',
            '\u{AD}'..='\u{AD}',
            '\u{34F}'..='\u{34F}',
            '\u{61C}'..='\u{61C}',
            '\u{115F}'..='\u{1160}',
            '\u{17B4}'..='\u{17B5}',
            '\u{180B}'..='\u{180F}',
            '\u{200B}'..='\u{200F}',
            '\u{2028}'..='\u{202E}',
            '\u{2060}'..='\u{206F}',
            '\u{3164}'..='\u{3164}',
            '\u{FE00}'..='\u{FE0F}',
            '\u{FEFF}'..='\u{FEFF}',
            '\u{FFA0}'..='\u{FFA0}',
            '\u{FFF0}'..='\u{FFFB}',
            '\u{1BCA0}'..='\u{1BCA3}',
            '\u{1D173}'..='\u{1D17A}',
            '\u{E0000}'..='\u{E0FFF}',
        ] {
            for character in hidden {
                assert!(is_hidden(character), "{character:?}");
            }
        }
        for seen in [
            ' ', '~', 'é', 'ß', '\u{A0}', '漢', 'ก', '\u{FFFC}', '\u{FFFD}', '👩',
        ] {
            assert!(!is_hidden(seen), "{seen:?}");
        }
    }

    #[test]
    fn what_is_not_seen_is_shown_as_an_escape() {
        for (text, expected) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("Grüße 👩", "Grüße 👩"),
            (
                "a\u{202E}b\u{E0041}\u{FE01}",
                "a\\u{202e}b\\u{e0041}\\u{fe01}",
            ),
            ("\u{1B}[31m\r\n", "\\u{1b}[31m\\u{d}\n"),
            ("a\u{2028}b", "a\\u{2028}b"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn escape_sequences_go_as_a_whole() {
        for (text, expected) in [
            ("plain\ttext\n", None),
            ("\u{1B}[1;31mred\u{1B}[0m!", Some("red!")),
            ("\u{1B}]0;title\u{7}text", Some("text")),
            ("\u{1B}]8;;http://x\u{1B}\\link", Some("link")),
            ("a\u{1B}", Some("a")),
            ("a\u{1B}[", Some("a")),
            ("\u{1B}[é", Some("é")),
            ("\u{1B}]open", Some("]open")),
            ("a\u{202E}b\u{200B}c\0d", Some("abcd")),
            ("👩\u{200D}👩", None),
        ] {
            assert_eq!(cleaned(text).as_deref(), expected, "{text:?}");
        }
    }
}
