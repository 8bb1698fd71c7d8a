//! The simulator's words: sentences about what the user spoke of, and their division into tokens.

use super::dice::Dice;

/// Bytes of the longest token. English text comes to about four bytes per token with the usual vocabularies.
const TOKEN_BYTES: usize = 8;

/// How many words of the user's text are taken up.
const MOST_WORDS: usize = 12;

/// Longer words that say nothing about the subject.
const GLUE: &[&str] = &[
    "about", "could", "does", "from", "have", "into", "please", "should", "some", "tell", "than",
    "that", "them", "then", "there", "they", "this", "what", "when", "where", "which", "will",
    "with", "would", "your",
];

/// Sentences; `{t}` is a word of the user's, `{n}` a noun, `{a}` an adjective. Nouns and adjectives begin with a
/// consonant, and no verb depends on `{t}`, so that every filling is grammatical.
const SENTENCES: [&str; 10] = [
    "In short, {t} and the {a} {n} belong together.",
    "Most people begin with {t} and keep the {n} {a}.",
    "The {a} part of {t} is the {n}, and it is worth a second look.",
    "A {a} {n} makes {t} easier to follow.",
    "If you care about {t}, look at the {n} before you change it.",
    "There are two ways to see {t}: from the inside, or as a {a} {n}.",
    "The {n} stays {a}, so {t} can grow without surprises.",
    "Think of {t} as a {a} {n}, and the rest comes by itself.",
    "Once the {n} is in place, come back to {t}.",
    "It helps to write down {t}, because a {a} {n} is quickly forgotten.",
];

/// Strides that visit every sentence before one comes again: those without a common factor with their number.
const STRIDES: [usize; 4] = [1, 3, 7, 9];

const NOUNS: &[&str] = &[
    "plan", "detail", "route", "signal", "question", "pattern", "context", "path", "budget",
    "method", "season", "harbour", "garden", "window", "letter", "bridge",
];

const ADJECTIVES: &[&str] = &[
    "simple", "steady", "clear", "brisk", "careful", "patient", "quiet", "small", "sturdy",
    "plain", "tidy", "gentle",
];

/// What the user spoke of.
#[derive(Default)]
pub(super) struct Topic {
    /// The longer words, in their order, without repeats.
    pub(super) words: Vec<String>,
    /// Those written with a capital inside the text: most likely names.
    pub(super) names: Vec<String>,
}

impl Topic {
    /// The topic of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut topic = Self::default();
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        for (at, word) in words.filter(|word| !word.is_empty()).enumerate() {
            if topic.words.len() == MOST_WORDS {
                break;
            }
            let length = word.chars().count();
            let known = |known: &str| known.eq_ignore_ascii_case(word);
            if !(4..=24).contains(&length)
                || GLUE.iter().any(|glue| known(glue))
                || topic.words.iter().any(|before| known(before))
            {
                continue;
            }
            topic.words.push(word.to_owned());
            if at > 0 && word.starts_with(char::is_uppercase) {
                topic.names.push(word.to_owned());
            }
        }
        topic
    }

    /// Its words as one phrase; a noun where there are none.
    pub(super) fn phrase(&self, dice: &mut Dice) -> String {
        match self.words.get(..self.words.len().min(4)) {
            Some(words) if !words.is_empty() => words.join(" "),
            _ => dice.word(NOUNS).to_owned(),
        }
    }
}

/// Whole sentences about `topic`, of at least `least` tokens.
pub(super) fn prose(topic: &Topic, least: u64, dice: &mut Dice) -> String {
    let mut text = String::new();
    let mut have = 0;
    let stride = dice.pick(&STRIDES).copied().unwrap_or(1);
    let start = dice.place(SENTENCES.len());
    let mut order = SENTENCES.iter().cycle().skip(start).step_by(stride);
    while have < least
        && let Some(frame) = order.next()
    {
        let mut sentence = fill(frame, topic, dice);
        if !text.is_empty() {
            sentence.insert(0, ' ');
        }
        have += count(&sentence);
        text.push_str(&sentence);
    }
    text
}

/// One sentence about `topic`.
pub(super) fn sentence(topic: &Topic, dice: &mut Dice) -> String {
    fill(dice.word(&SENTENCES), topic, dice)
}

fn fill(frame: &str, topic: &Topic, dice: &mut Dice) -> String {
    let mut pieces = frame.split('{');
    let mut sentence = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (slot, rest) = piece.split_once('}').unwrap_or((piece, ""));
        match slot {
            "t" => sentence.push_str(dice.pick(&topic.words).map_or("this", String::as_str)),
            "n" => sentence.push_str(dice.word(NOUNS)),
            _ => sentence.push_str(dice.word(ADJECTIVES)),
        }
        sentence.push_str(rest);
    }
    sentence
}

/// The tokens of a text, in order; joined they are the text. A token is a run of letters and digits with the
/// space before it, or any other single character.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut end = 0;
        for (at, letter) in rest.char_indices() {
            let after = at + letter.len_utf8();
            let space_before = at == 0 && letter == ' ';
            let lone = !letter.is_alphanumeric() && !space_before;
            if at > 0 && (lone || after > TOKEN_BYTES) {
                break;
            }
            end = after;
            if lone {
                break;
            }
        }
        let (token, tail) = rest.split_at_checked(end).filter(|_| end > 0)?;
        rest = tail;
        Some(token)
    })
}

/// How many tokens a text has.
pub(super) fn count(text: &str) -> u64 {
    tokens(text).count() as u64
}

/// The first `most` tokens of a text.
pub(super) fn head(text: &str, most: u64) -> &str {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let end = tokens(text).take(most).map(str::len).sum();
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_join_to_the_text() {
        for text in [
            "",
            " ",
            "  a",
            "Hello, wörld!",
            "{\"k\":  1}",
            "日本語の文章です",
            "👩‍👩‍👧 ok",
        ] {
            assert_eq!(tokens(text).collect::<String>(), text);
        }
        let cut: Vec<&str> = tokens("Say it, extraordinarily \"x\"").collect();
        assert_eq!(
            cut,
            [
                "Say", " it", ",", " extraor", "dinarily", " ", "\"", "x", "\""
            ]
        );
    }

    #[test]
    fn the_topic_is_the_longer_words_and_the_names_among_them() {
        let topic = Topic::of("What is the weather in Oslo, the weather now?");
        assert_eq!(topic.words, ["weather", "Oslo"]);
        assert_eq!(topic.names, ["Oslo"]);
    }
}
