//! Strings: by format, by pattern, or by what their name suggests.

use super::{CHARACTERS, Facts, as_length, pattern};
use crate::upstream::simulated::{
    dice::Dice,
    prose::{self, Topic},
};

/// Values by a part of the property's name; the first that fits is taken. The user's own words come before.
const BY_NAME: &[(&str, &[&str])] = &[
    ("email", &["ada@example.com", "linus@example.org"]),
    ("url", &["https://example.com/plan"]),
    ("link", &["https://example.com/plan"]),
    ("phone", &["+47 22 00 00 00"]),
    ("city", &["Oslo", "Lisbon", "Bruges"]),
    ("location", &["Oslo", "Lisbon", "Bruges"]),
    ("country", &["Norway", "Portugal", "Belgium"]),
    ("street", &["12 Harbour Road", "3 Garden Lane"]),
    ("address", &["12 Harbour Road, Oslo"]),
    ("postal", &["0150"]),
    ("zip", &["0150"]),
    ("currency", &["EUR", "NOK"]),
    ("language", &["en", "no"]),
    ("unit", &["celsius"]),
    ("timezone", &["Europe/Oslo"]),
    ("date", &["2026-03-14", "2026-09-01"]),
    ("time", &["09:30", "14:15"]),
    ("company", &["Harbour & Sons"]),
    ("vendor", &["Harbour & Sons"]),
    ("file", &["notes.txt"]),
    ("path", &["notes/plan.txt"]),
    ("status", &["open", "done"]),
    ("category", &["general", "billing"]),
    ("color", &["blue", "green"]),
    ("name", &["Ada", "Grace", "Edsger"]),
    ("author", &["Ada", "Grace", "Edsger"]),
    ("user", &["ada", "grace"]),
];

/// Names of things the user has most likely just said.
const SAID: &[&str] = &["query", "question", "topic", "subject", "search", "title"];

/// Names that ask for one word of it.
const WORDS: &[&str] = &["tag", "keyword", "label", "term"];

/// Names that ask for whole sentences.
const TOLD: &[&str] = &[
    "summary",
    "description",
    "answer",
    "reason",
    "explanation",
    "text",
    "message",
    "content",
];

/// Names of places, where a name out of the user's text fits best.
const PLACES: &[&str] = &["city", "location", "place", "country"];

/// A string for these facts.
pub(super) fn text(name: &str, facts: &Facts, topic: &Topic, dice: &mut Dice) -> String {
    let least = as_length(facts.greatest("minLength"), 0, CHARACTERS);
    let most = as_length(facts.least("maxLength"), usize::MAX, CHARACTERS).max(least);
    let formats: Vec<String> = facts.each("format");
    if let Some(formatted) = formats.iter().find_map(|format| by_format(format, dice)) {
        return formatted;
    }
    let patterns: Vec<String> = facts.each("pattern");
    let mut sampled = patterns
        .iter()
        .filter_map(|one| pattern::sample(one, least, most, dice));
    if let Some(sample) = sampled.next() {
        return sample;
    }
    fit(by_name(name, topic, dice), least, most)
}

fn by_format(format: &str, dice: &mut Dice) -> Option<String> {
    let day = 1 + dice.below(28);
    let month = 1 + dice.below(12);
    match format {
        "date" => Some(format!("2026-{month:02}-{day:02}")),
        "date-time" => Some(format!("2026-{month:02}-{day:02}T09:26:53Z")),
        "time" => Some("09:26:53Z".to_owned()),
        "duration" => Some(format!("P{day}D")),
        "email" | "idn-email" => Some(format!("ada{day}@example.com")),
        "hostname" => Some("host.example.com".to_owned()),
        "ipv4" => Some(format!("192.0.2.{day}")),
        "ipv6" => Some(format!("2001:db8::{day}")),
        "uri" | "url" | "iri" | "uri-reference" => {
            Some(format!("https://example.com/{month}/{day}"))
        }
        "uuid" => {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&dice.below(u64::MAX).to_be_bytes());
            bytes[8..].copy_from_slice(&dice.below(u64::MAX).to_be_bytes());
            Some(
                uuid::Builder::from_random_bytes(bytes)
                    .into_uuid()
                    .to_string(),
            )
        }
        _ => None,
    }
}

fn by_name(name: &str, topic: &Topic, dice: &mut Dice) -> String {
    let name = name.to_lowercase();
    let among = |names: &[&str]| names.iter().any(|part| name.contains(part));
    if among(PLACES)
        && let Some(place) = dice.pick(&topic.names)
    {
        return place.clone();
    }
    if among(TOLD) {
        return prose::sentence(topic, dice);
    }
    if among(WORDS)
        && let Some(word) = dice.pick(&topic.words)
    {
        return word.clone();
    }
    if among(SAID) {
        return topic.phrase(dice);
    }
    let known = BY_NAME.iter().find(|(part, _)| name.contains(part));
    match known {
        Some((_, values)) => dice.word(values).to_owned(),
        None if name == "id" || name.ends_with("_id") => format!("{:08x}", dice.below(1 << 32)),
        None => topic.phrase(dice),
    }
}

/// Cuts a text, or goes on with it, until its length is allowed. Lengths are in characters.
fn fit(text: String, least: usize, most: usize) -> String {
    let length = text.chars().count();
    if length > most {
        return text.chars().take(most).collect();
    }
    let filler = "abcdefghijklmnopqrstuvwxyz".chars().cycle();
    let missing = least.saturating_sub(length);
    text.chars().chain(filler.take(missing)).collect()
}
