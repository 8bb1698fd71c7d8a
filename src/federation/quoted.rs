//! What others say, as it may be told on.

/// The most of a server's words that is told on, in characters.
const TOLD: usize = 1000;

/// A server's words: without what does not print, and cut.
pub(super) fn words(said: &str) -> String {
    let printing = said.chars().filter(|letter| !letter.is_control());
    let mut words: String = printing.clone().take(TOLD).collect();
    if printing.count() > TOLD {
        words.push('…');
    }
    words
}

/// The words of one or more lines on one line.
pub(super) fn on_one_line(said: &str) -> String {
    let words = said.split_whitespace().map(words);
    words.collect::<Vec<_>>().join(" ")
}
