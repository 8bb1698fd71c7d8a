//! A full-text index: Okapi BM25 over sections.
//!
//! The same sections and query give the same hits in the same order. Words are runs of letters and digits in lower
//! case, without the `s` of a plural, so languages written without spaces are found by whole runs only.

use std::collections::HashMap;

use super::sections::Section;

/// How soon a word said often says no more, and how much long sections are held back: the usual values of
/// Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), §3.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// A word of the title counts as often as this: who named a section after it writes about it.
const TITLE: u32 = 3;

/// The most different words of a query that are looked up.
const MOST_WORDS: usize = 32;

/// The index.
#[derive(Debug)]
pub(super) struct Index {
    sections: Vec<Section>,
    /// Words in each section.
    lengths: Vec<u32>,
    /// Where each word stands, and how often.
    places: HashMap<String, Vec<(usize, u32)>>,
}

/// A section that was found.
#[derive(Debug)]
pub(super) struct Hit<'a> {
    /// The section.
    pub(super) section: &'a Section,
    /// How well it fits; the higher, the better.
    pub(super) score: f64,
}

impl Index {
    /// Indexes sections.
    pub(super) fn new(sections: Vec<Section>) -> Self {
        let mut places: HashMap<String, Vec<(usize, u32)>> = HashMap::new();
        let mut lengths = Vec::with_capacity(sections.len());
        for (at, section) in sections.iter().enumerate() {
            let mut counts: HashMap<String, u32> = HashMap::new();
            let title = words(&section.title).map(|word| (word, TITLE));
            for (word, weight) in title.chain(words(&section.text).map(|word| (word, 1))) {
                *counts.entry(word).or_default() += weight;
            }
            lengths.push(counts.values().sum());
            for (word, count) in counts {
                places.entry(word).or_default().push((at, count));
            }
        }
        Self {
            sections,
            lengths,
            places,
        }
    }

    /// The sections that fit a query best, the best first; equals in the order of the pages.
    pub(super) fn find(&self, query: &str, limit: usize) -> Vec<Hit<'_>> {
        let mut asked: Vec<String> = Vec::new();
        for word in words(query) {
            if asked.len() < MOST_WORDS && !asked.contains(&word) {
                asked.push(word);
            }
        }
        let total: f64 = self.lengths.iter().copied().map(f64::from).sum();
        let average = total / self.sections.len().max(1) as f64;
        let mut scores: HashMap<usize, f64> = HashMap::new();
        for word in &asked {
            let places = self.places.get(word).map_or(&[][..], Vec::as_slice);
            let rarity = self.rarity(places.len());
            for &(at, count) in places {
                let count = f64::from(count);
                let length = f64::from(self.lengths[at]) / average;
                let weight = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length));
                *scores.entry(at).or_default() += rarity * weight;
            }
        }
        let mut found: Vec<(usize, f64)> = scores.into_iter().collect();
        found.sort_by(|(one, its), (other, theirs)| theirs.total_cmp(its).then(one.cmp(other)));
        let hits = found.into_iter().take(limit);
        hits.map(|(at, score)| Hit {
            section: &self.sections[at],
            score,
        })
        .collect()
    }

    /// How much it says of a section that it has a word which stands in so many; never below nothing.
    fn rarity(&self, having: usize) -> f64 {
        let (all, having) = (self.sections.len() as f64, having as f64);
        (1.0 + (all - having + 0.5) / (having + 0.5)).ln()
    }
}

/// The words of a text.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let runs = text.split(|letter: char| !letter.is_alphanumeric());
    runs.filter(|run| !run.is_empty()).map(|run| {
        let mut word = run.to_lowercase();
        if word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") {
            word.pop();
        }
        word
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(sections: &[(&str, &str)]) -> Index {
        let section = |(title, text): &(&str, &str)| Section {
            title: (*title).to_owned(),
            url: String::new(),
            text: (*text).to_owned(),
        };
        Index::new(sections.iter().map(section).collect())
    }

    fn titles<'a>(index: &'a Index, query: &str) -> Vec<&'a str> {
        let hits = index.find(query, 9);
        hits.iter().map(|hit| &*hit.section.title).collect()
    }

    #[test]
    fn rare_words_titles_and_short_sections_count_more() {
        let index = index(&[
            (
                "a",
                "the limits of the budget and of the many other things that are told here",
            ),
            ("b", "the limit"),
            ("limits", "what else"),
            ("c", "the breaker"),
        ]);
        assert_eq!(titles(&index, "Limits!"), ["limits", "b", "a"]);
        assert_eq!(titles(&index, "the breaker")[0], "c");
        assert_eq!(titles(&index, "nothing of it"), ["a"]);
        assert!(titles(&index, "").is_empty());
    }

    #[test]
    fn equals_keep_their_order_and_an_empty_index_finds_nothing() {
        let index = index(&[("b", "same"), ("a", "same")]);
        assert_eq!(titles(&index, "same"), ["b", "a"]);
        assert!(Index::new(Vec::new()).find("same", 1).is_empty());
    }
}
