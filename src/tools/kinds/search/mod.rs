//! Full-text search over pages of Markdown, from memory.

mod index;
mod manual;
mod sections;
mod settings;

pub use settings::{PageSettings, Settings};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::{
    problem::Problem,
    tools::{Kind, Materials, Output, Run, Stop},
};

use index::{Hit, Index, words};
use sections::Page;

/// The most text that is searched. The index holds it, and about as much again, in memory; more belongs in a
/// database.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// The most hits of one call, and how many there are where the caller does not say.
const MOST_HITS: u64 = 20;
const USUAL_HITS: u64 = 5;

/// The longest query, in characters: a question, no essay.
const LONGEST_QUERY: usize = 1_000;

/// The longest text of a hit, in characters: about 400 tokens, so that twenty of them leave a model room to think.
const LONGEST_TEXT: usize = 1_600;

#[derive(Debug)]
struct Search {
    index: Index,
}

/// Builds the kind.
pub(crate) fn build(
    settings: &Settings,
    materials: &mut Materials<'_>,
) -> Result<Box<dyn Kind>, Vec<Problem>> {
    let mut pages: Vec<Page> = Vec::new();
    if let Some(folder) = &settings.folder {
        let read = (materials.pages)(folder, MOST_BYTES);
        let files = read.map_err(|message| vec![Problem::new(["folder"], message)])?;
        let base = settings.base_url.as_deref().unwrap_or_default();
        pages.extend(files.into_iter().map(|(path, text)| Page {
            title: String::new(),
            url: format!("{base}{path}"),
            text,
        }));
    }
    pages.extend(settings.pages.iter().map(|page| Page {
        title: page.title.clone(),
        url: page.url.clone(),
        text: page.text.clone(),
    }));
    if settings.manual {
        pages.extend(manual::pages());
    }
    let sections: Vec<_> = pages.iter().flat_map(sections::of).collect();
    if sections.is_empty() {
        let problem = Problem::new(["pages"], "there is nothing to search");
        return Err(vec![
            problem.expected("`folder`, `pages` or `manual: true`"),
        ]);
    }
    Ok(Box::new(Search {
        index: Index::new(sections),
    }))
}

impl Search {
    fn find(&self, arguments: &Value) -> Output {
        let query = arguments.get("query").and_then(Value::as_str);
        let query = query.unwrap_or_default();
        let limit = arguments.get("limit").and_then(Value::as_u64);
        let limit = limit.unwrap_or(USUAL_HITS).min(MOST_HITS) as usize;
        let hits = self.index.find(query, limit);
        let hits: Vec<Value> = hits.iter().map(|hit| shown(hit, query)).collect();
        Output::structured(json!({"hits": hits}))
    }
}

fn shown(hit: &Hit<'_>, query: &str) -> Value {
    json!({
        "title": hit.section.title,
        "url": hit.section.url,
        "text": excerpt(&hit.section.text, query),
        "score": (hit.score * 1_000.0).round() / 1_000.0,
    })
}

/// The text, if it is short; else what follows the first line with a word of the query.
fn excerpt(text: &str, query: &str) -> String {
    if text.chars().count() <= LONGEST_TEXT {
        return text.to_owned();
    }
    let asked: Vec<String> = words(query).collect();
    let has = |line: &str| words(line).any(|word| asked.contains(&word));
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        if has(line) {
            break;
        }
        begin += line.len();
    }
    let from = text.get(begin..).filter(|rest| !rest.is_empty());
    let mut letters = from.unwrap_or(text).chars();
    let mut shown: String = letters.by_ref().take(LONGEST_TEXT).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

impl Kind for Search {
    fn is_silent(&self) -> bool {
        true
    }

    fn input_schema(&self) -> Option<Map<String, Value>> {
        let schema = json!({
            "type": "object",
            "required": ["query"],
            "properties": {
                "query": {
                    "description": "Words to look for.",
                    "type": "string", "minLength": 1, "maxLength": LONGEST_QUERY,
                },
                "limit": {
                    "description": "The most hits.",
                    "type": "integer", "minimum": 1, "maximum": MOST_HITS, "default": USUAL_HITS,
                },
            },
        });
        schema.as_object().cloned()
    }

    fn output_schema(&self) -> Option<Map<String, Value>> {
        let schema = json!({
            "type": "object",
            "required": ["hits"],
            "properties": {"hits": {
                "description": "The sections that fit best, the best first.",
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["title", "url", "text", "score"],
                    "properties": {
                        "title": {"type": "string"},
                        "url": {"type": "string"},
                        "text": {"type": "string"},
                        "score": {"type": "number"},
                    },
                },
            }},
        });
        schema.as_object().cloned()
    }

    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(std::future::ready(Ok(self.find(run.arguments))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shown_from_where_it_tells_of_the_query() {
        let text = format!("{}\nThe limits: é.\n{}", "x ".repeat(900), "y ".repeat(900));
        let shown = excerpt(&text, "limit");
        assert!(shown.starts_with("The limits: é.\ny "), "{shown}");
        assert_eq!(shown.chars().count(), LONGEST_TEXT + 1);
        assert!(excerpt(&text, "nothing").starts_with("x x"));
        assert_eq!(excerpt("short", "limit"), "short");
    }
}
