//! Texts of a document: what a model reads of them, and names made of them.

use crate::character::is_hidden;

/// The longest text taken from a document, in characters: some tell the history of an operation.
const LONGEST: usize = 1_000;

/// The longest name of an argument: what models' APIs take.
const LONGEST_NAME: usize = 64;

/// A text without what does not print, cut at a length that is worth reading.
pub(super) fn clean(text: &str) -> String {
    let shown = |letter: &char| matches!(letter, '\n' | '\t') || !is_hidden(*letter);
    let mut letters = text.trim().chars().filter(shown);
    let mut clean: String = letters.by_ref().take(LONGEST).collect();
    if letters.next().is_some() {
        clean.push('…');
    }
    clean
}

/// A name that may be a part of a tool's: everything but letters, digits, `_` and `-` becomes `_`.
pub(super) fn name(text: &str) -> String {
    let plain = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => letter,
        _ => '_',
    };
    text.chars().map(plain).collect()
}

/// A name that models' APIs take for an argument.
pub(super) fn argument(text: &str) -> String {
    name(text).chars().take(LONGEST_NAME).collect()
}
