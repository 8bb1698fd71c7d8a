//! Texts for simple patterns: a row of characters and classes with their counts, such as `^ORD-[0-9]{6}$`.
//!
//! Groups, alternatives, look-arounds and classes that exclude are beyond it; such a pattern is not obeyed.

use std::{iter::Peekable, str::Chars};

use super::CHARACTERS;
use crate::upstream::simulated::dice::Dice;

/// A text of `least` to `most` characters that the pattern matches, if it is simple and such a text is found.
pub(super) fn sample(pattern: &str, least: usize, most: usize, dice: &mut Dice) -> Option<String> {
    let atoms = parse(pattern)?;
    let mut text = String::new();
    let mut length = 0;
    for atom in &atoms {
        let others: usize = atoms.iter().map(|other| other.least).sum::<usize>() - atom.least;
        // What may grow takes what is missing for the least length.
        let missing = least.saturating_sub(others).min(atom.most);
        let room = most.saturating_sub(others).min(atom.most).min(CHARACTERS);
        let low = atom.least.max(missing);
        let some = dice.place(3);
        let count = (low + some).min(room).max(low);
        for _ in 0..count {
            text.push(*dice.pick(&atom.letters)?);
        }
        length += count;
        if length > CHARACTERS {
            return None;
        }
    }
    (least..=most).contains(&length).then_some(text)
}

/// One of some letters, so many times.
struct Atom {
    letters: Vec<char>,
    least: usize,
    most: usize,
}

fn parse(pattern: &str) -> Option<Vec<Atom>> {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let pattern = pattern.strip_suffix('$').unwrap_or(pattern);
    let mut rest = pattern.chars().peekable();
    let mut atoms = Vec::new();
    while let Some(letter) = rest.next() {
        let letters = match letter {
            '[' => class(&mut rest)?,
            '\\' => escape(rest.next()?)?,
            '.' => ('a'..='z').collect(),
            '(' | ')' | '|' | '^' | '$' | '*' | '+' | '?' | '{' | '}' => return None,
            letter => vec![letter],
        };
        let (least, most) = count(&mut rest)?;
        // The sum of all counts stays small, since the pattern does.
        if least > CHARACTERS || atoms.len() > CHARACTERS {
            return None;
        }
        atoms.push(Atom {
            letters,
            least,
            most,
        });
    }
    Some(atoms)
}

fn escape(letter: char) -> Option<Vec<char>> {
    match letter {
        'd' => Some(('0'..='9').collect()),
        'w' => Some(('a'..='z').collect()),
        's' => Some(vec![' ']),
        letter if letter.is_ascii_punctuation() => Some(vec![letter]),
        _ => None,
    }
}

fn class(rest: &mut Peekable<Chars<'_>>) -> Option<Vec<char>> {
    let mut letters: Vec<char> = Vec::new();
    if rest.peek() == Some(&'^') {
        return None;
    }
    loop {
        match rest.next()? {
            ']' => break,
            '\\' => letters.extend(escape(rest.next()?)?),
            '-' if !letters.is_empty() && rest.peek().is_some_and(|next| *next != ']') => {
                let (from, to) = (*letters.last()?, rest.next()?);
                // A wide range gives its first letters only.
                letters.extend((from..=to).skip(1).take(64));
            }
            letter => letters.push(letter),
        }
    }
    Some(letters).filter(|letters| !letters.is_empty())
}

fn count(rest: &mut Peekable<Chars<'_>>) -> Option<(usize, usize)> {
    let counts = match rest.peek() {
        Some('?') => (0, 1),
        Some('*') => (0, usize::MAX),
        Some('+') => (1, usize::MAX),
        Some('{') => {
            rest.next();
            let inside: String = rest.by_ref().take_while(|letter| *letter != '}').collect();
            let (least, most) = inside.split_once(',').unwrap_or((&inside, &inside));
            let least = least.parse().ok()?;
            let most = if most.is_empty() {
                usize::MAX
            } else {
                most.parse().ok()?
            };
            return (least <= most).then_some((least, most));
        }
        _ => return Some((1, 1)),
    };
    rest.next();
    Some(counts)
}
