//! Sources listed beside an answer whose text refers to them as `[1]`, made into OpenAI's annotations.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::lenient::Text;
use crate::json::{Raw, raw};

/// The sources of an answer, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<Source>);

#[derive(Debug)]
struct Source {
    url: String,
    title: String,
}

#[derive(Serialize)]
struct Annotation<'a> {
    r#type: &'a str,
    url_citation: Citation<'a>,
}

#[derive(Serialize)]
struct Citation<'a> {
    start_index: usize,
    end_index: usize,
    title: &'a str,
    url: &'a str,
}

impl Sources {
    /// Reads the list of URLs, and titles from the search results with the same URL. `None` without URLs.
    pub(super) fn read(citations: Option<&RawValue>, results: Option<&RawValue>) -> Option<Self> {
        #[derive(Deserialize)]
        struct SearchResult<'a> {
            #[serde(borrow, default)]
            title: Text<'a>,
            #[serde(borrow, default)]
            url: Text<'a>,
        }
        let urls: Vec<String> = serde_json::from_str(citations?.get()).ok()?;
        let results: Vec<SearchResult<'_>> = results
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        let source = |url: String| {
            let result = results.iter().find(|result| result.url.get() == url);
            let title = result.map_or_else(|| url.clone(), |result| result.title.get().to_owned());
            Source { url, title }
        };
        let sources: Vec<Source> = urls.into_iter().map(source).collect();
        (!sources.is_empty()).then_some(Self(sources))
    }

    /// One annotation for each mark in the text that names a source. Places count characters.
    pub(super) fn annotations(&self, text: &str) -> Vec<Raw> {
        let mut annotations = Vec::new();
        let mut open: Option<(usize, usize)> = None;
        for (place, (at, c)) in text.char_indices().enumerate() {
            match (c, open) {
                ('[', _) => open = Some((place, at + 1)),
                (']', Some((start, digits))) => {
                    let number = text[digits..at].parse::<usize>().ok();
                    let source = number.and_then(|number| self.0.get(number.checked_sub(1)?));
                    if let Some(source) = source {
                        annotations.push(raw(&source.annotation(start, place + 1)));
                    }
                    open = None;
                }
                (c, _) if !c.is_ascii_digit() => open = None,
                _ => {}
            }
        }
        annotations
    }
}

impl Source {
    fn annotation(&self, start: usize, end: usize) -> Annotation<'_> {
        Annotation {
            r#type: "url_citation",
            url_citation: Citation {
                start_index: start,
                end_index: end,
                title: &self.title,
                url: &self.url,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_without_a_source_are_left_alone() {
        let citations: Raw = serde_json::from_str(r#"["https://a"]"#).unwrap();
        let sources = Sources::read(Some(&citations), None).unwrap();
        let places = |text: &str| {
            let all = sources.annotations(text);
            all.iter()
                .map(|raw| raw.get().to_owned())
                .collect::<String>()
        };
        for text in [
            "[2]",
            "[0]",
            "[]",
            "[1",
            "1]",
            "[-1]",
            "[99999999999999999999]",
            "[a]",
            "",
        ] {
            assert_eq!(places(text), "", "{text}");
        }
        assert_eq!(
            places("é[[1]"),
            r#"{"type":"url_citation","url_citation":{"start_index":2,"end_index":5,"title":"https://a","url":"https://a"}}"#
        );
    }
}
