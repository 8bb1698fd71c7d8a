//! Secrets of a program's environment, which nothing repeats that the program writes.

use std::sync::Arc;

use crate::secret::Secret;

/// How many letters a value has at least that is taken for a secret: shorter ones stand in ordinary words.
const LETTERS: usize = 8;

/// What stands in place of one.
const INSTEAD: &str = "…";

/// The values that are not repeated, the longest first.
#[derive(Clone, Debug)]
pub(super) struct Unsaid(Arc<[Secret]>);

impl Unsaid {
    /// Those of an environment.
    pub(super) fn of(environment: &[(String, Secret)]) -> Self {
        let values = environment.iter().map(|(_, value)| value.reveal().trim());
        let values = values.filter(|value| value.chars().count() >= LETTERS);
        let mut values: Vec<Secret> = values.map(Secret::new).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.reveal().len()));
        Self(values.into())
    }

    /// All of a text without them.
    pub(super) fn without(&self, text: &[u8]) -> Vec<u8> {
        let mut sieve = Sieve::new(self.clone());
        let mut sieved = sieve.more(text);
        sieved.extend(sieve.rest());
        sieved
    }

    /// That which stands at the beginning of a text.
    fn at(&self, text: &[u8]) -> Option<usize> {
        let mut values = self.0.iter().map(|value| value.reveal().as_bytes());
        values
            .find(|value| text.starts_with(value))
            .map(<[u8]>::len)
    }

    /// Whether a text could go on as one.
    fn may_begin(&self, text: &[u8]) -> bool {
        let mut values = self.0.iter().map(|value| value.reveal().as_bytes());
        values.any(|value| value.len() > text.len() && value.starts_with(text))
    }
}

/// Takes them out of what comes in pieces.
#[derive(Debug)]
pub(super) struct Sieve {
    unsaid: Unsaid,
    /// What may be the beginning of one.
    held: Vec<u8>,
}

impl Sieve {
    pub(super) fn new(unsaid: Unsaid) -> Self {
        Self {
            unsaid,
            held: Vec::new(),
        }
    }

    /// What can be told after one more piece.
    pub(super) fn more(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let mut sieved = Vec::with_capacity(self.held.len());
        let mut text = &self.held[..];
        while let Some((first, behind)) = text.split_first() {
            if self.unsaid.may_begin(text) {
                break;
            }
            if let Some(length) = self.unsaid.at(text) {
                sieved.extend_from_slice(INSTEAD.as_bytes());
                text = &text[length..];
            } else {
                sieved.push(*first);
                text = behind;
            }
        }
        self.held = text.to_vec();
        sieved
    }

    /// What is left at the end. Half a secret is one.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        if held.len() >= LETTERS {
            return INSTEAD.as_bytes().to_vec();
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sieved(pieces: &[&str]) -> String {
        let environment = ["hunter2-hunter2", "hunter2-hunter2-more", "short"];
        let environment = environment.map(|value| (String::new(), Secret::new(value)));
        let mut sieve = Sieve::new(Unsaid::of(&environment));
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(sieve.more(piece.as_bytes()));
        }
        all.extend(sieve.rest());
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn a_secret_is_taken_out_wherever_its_pieces_end() {
        let text = "key hunter2-hunter2, short hunter2-hunter2-more hunter";
        let expected = "key …, short … hunter";
        assert_eq!(sieved(&[text]), expected);
        for at in 0..text.len() {
            assert_eq!(sieved(&[&text[..at], &text[at..]]), expected, "{at}");
        }
        assert_eq!(sieved(&["a hunter2-hunte"]), "a …");
        assert_eq!(sieved(&["hunter2-hunter2"]), "…");
    }
}
