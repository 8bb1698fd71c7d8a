//! One line for a terminal: pieces of text with a style each, cut to a width, coloured or not.
//!
//! Callers choose model names, and names are shown: whatever could steer a terminal is replaced here, so that
//! no text needs care before it comes.

use owo_colors::{OwoColorize, Style};

/// A line under construction. Each of its characters is one column wide.
#[derive(Debug, Default)]
pub(super) struct Line {
    pieces: Vec<(String, Style)>,
    columns: usize,
}

impl Line {
    /// The line with this text behind it.
    pub(super) fn then(mut self, text: impl AsRef<str>, style: Style) -> Self {
        let text: String = text.as_ref().chars().map(harmless).collect();
        self.columns += text.chars().count();
        self.pieces.push((text, style));
        self
    }

    /// The line with plain text behind it.
    pub(super) fn plain(self, text: impl AsRef<str>) -> Self {
        self.then(text, Style::new())
    }

    /// The line with all pieces of `other` behind it.
    pub(super) fn join(mut self, other: Self) -> Self {
        self.columns += other.columns;
        self.pieces.extend(other.pieces);
        self
    }

    /// The line with exactly so many columns: filled with blanks, or cut with an ellipsis.
    pub(super) fn exactly(self, columns: usize) -> Self {
        let missing = columns.saturating_sub(self.columns);
        self.at_most(columns).plain(" ".repeat(missing))
    }

    /// The line with no more than so many columns; an ellipsis says that there was more.
    pub(super) fn at_most(self, columns: usize) -> Self {
        if self.columns <= columns {
            return self;
        }
        let mut cut = Self::default();
        for (text, style) in self.pieces {
            let room = columns.saturating_sub(1).saturating_sub(cut.columns);
            let head: String = text.chars().take(room).collect();
            cut = cut.then(head, style);
        }
        cut.plain(if columns == 0 { "" } else { "…" })
    }

    /// Its width.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The text, without blanks at its end.
    pub(super) fn render(&self, colour: bool) -> String {
        let mut out = String::new();
        for (text, style) in &self.pieces {
            if colour && !text.trim().is_empty() {
                out.push_str(&text.style(*style).to_string());
            } else {
                out.push_str(text);
            }
        }
        out.truncate(out.trim_end().len());
        out
    }
}

/// ASCII and the few signs of ours; anything else could be wider than a column, or a command.
fn harmless(letter: char) -> char {
    const SIGNS: &str = "✓✗→…█·─";
    if letter == ' ' || letter.is_ascii_graphic() || SIGNS.contains(letter) {
        letter
    } else {
        '?'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_and_fills_to_the_width() {
        let check = |columns, cut: &str, filled: &str| {
            let line = || {
                Line::default()
                    .plain("steady")
                    .then("/chat", Style::new().red())
            };
            assert_eq!(line().at_most(columns).render(false), cut);
            let filled_line = line().exactly(columns).plain("|");
            assert_eq!(filled_line.render(false), filled);
        };
        check(0, "", "|");
        check(1, "…", "…|");
        check(8, "steady/…", "steady/…|");
        check(11, "steady/chat", "steady/chat|");
        check(13, "steady/chat", "steady/chat  |");
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        let line = Line::default().plain("a\x1b[2J\u{202e}b\n漢");
        assert_eq!(line.render(true), "a?[2J?b??");
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        let line = Line::default().then("no", Style::new().red()).plain(" yes");
        assert_eq!(line.render(false), "no yes");
        assert_eq!(line.render(true), "\x1b[31mno\x1b[0m yes");
    }
}
