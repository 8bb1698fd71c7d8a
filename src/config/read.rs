//! Reading YAML text into a tree with places.
//!
//! The same parser runs below serde-saphyr, so both see the same document. Aliases and merge keys are expanded
//! here, within a budget: a small file must not become a large tree.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag, options};

use super::{
    diagnostic::{Diagnostic, Place},
    scalar::resolve,
    tree::{Entry, Node, Value},
};
use crate::problem::Problem;

/// The most nodes a file may have, aliases expanded. A gateway with a thousand routes has about 20,000.
const MOST_NODES: usize = 100_000;

/// The deepest nesting, aliases expanded; serde-saphyr has the same limit.
const DEEPEST: usize = 64;

/// Reads `text`. An empty file is an empty map. Problems of the text itself (syntax, duplicate keys, budgets)
/// come beside the tree, which is there as far as it could be read.
pub(super) fn read(file: &Arc<str>, text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let options = options! {
        emit_comments: false,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
        disallow_directives: true,
    };
    let mut builder = Builder {
        file: file.clone(),
        ..Builder::default()
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let done = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => {
                builder.syntax(&error);
                Err(Stop)
            }
        };
        if done.is_err() {
            return (None, builder.problems);
        }
    }
    let root = builder.root.unwrap_or(Node {
        place: Place::START,
        value: Value::Null,
    });
    let root = match root.value {
        Value::Null => Node {
            value: Value::Map(Vec::new()),
            ..root
        },
        _ => root,
    };
    (Some(root), builder.problems)
}

/// The text cannot be read further; the reason is among the problems.
struct Stop;

/// A collection that is still open.
enum Open {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        seen: HashSet<String>,
        /// The key whose value comes next.
        key: Option<Key>,
        /// Values of `<<`.
        merged: Vec<Node>,
    },
}

struct Key {
    name: String,
    place: Place,
    /// Whether it is a plain `<<`.
    merge: bool,
}

#[derive(Default)]
struct Builder {
    file: Arc<str>,
    /// Open collections, outermost first, with their place and anchor.
    open: Vec<(Open, Place, usize)>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    problems: Vec<Diagnostic>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let place = place_of(&span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return self.stop(place, "a second document begins here", "one document");
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, 0, place)?;
                self.tag(tag.as_deref(), place);
                if self.awaits_key() {
                    self.key(text.into_owned(), style, place);
                    return Ok(());
                }
                let value = resolve(&text, style, tag.is_some());
                self.close(Node { place, value }, anchor);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.count(1, 1, place)?;
                self.tag(tag.as_deref(), place);
                self.open.push((Open::List(Vec::new()), place, anchor));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.count(1, 1, place)?;
                self.tag(tag.as_deref(), place);
                let map = Open::Map {
                    entries: Vec::new(),
                    seen: HashSet::new(),
                    key: None,
                    merged: Vec::new(),
                };
                self.open.push((map, place, anchor));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((collection, place, anchor)) = self.open.pop() else {
                    return Ok(());
                };
                let value = match collection {
                    Open::List(items) => Value::List(items),
                    Open::Map {
                        entries,
                        seen,
                        merged,
                        ..
                    } => Value::Map(self.merge(entries, seen, merged)),
                };
                self.close(Node { place, value }, anchor);
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return self.stop(place, "an alias stands inside its own anchor", "a value");
                };
                let (nodes, depth) = node.size();
                self.count(nodes, depth, place)?;
                self.close(
                    Node {
                        place,
                        value: node.value,
                    },
                    0,
                );
            }
            _ => {}
        }
        Ok(())
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some((Open::Map { key: None, .. }, ..)))
    }

    fn key(&mut self, name: String, style: ScalarStyle, place: Place) {
        let merge = style == ScalarStyle::Plain && name == "<<";
        if let Some((Open::Map { key, .. }, ..)) = self.open.last_mut() {
            *key = Some(Key { name, place, merge });
        }
    }

    /// Puts a finished node where it belongs.
    fn close(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        if self.awaits_key() {
            self.problem(node.place, "a key must be text", None);
            self.key(String::new(), ScalarStyle::DoubleQuoted, node.place);
            return;
        }
        let path = self.path();
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((Open::List(items), ..)) => items.push(node),
            Some((
                Open::Map {
                    entries,
                    seen,
                    key,
                    merged,
                },
                ..,
            )) => {
                let Some(Key { name, place, merge }) = key.take() else {
                    return;
                };
                if merge {
                    merged.push(node);
                } else if seen.insert(name.clone()) {
                    entries.push(Entry {
                        key: name,
                        place,
                        node,
                    });
                } else {
                    let first = entries.iter().find(|entry| entry.key == name);
                    let first = first.map_or(place.line, |entry| entry.place.line);
                    let problem = Problem::new(path, format!("duplicate key `{name}`")).expected(
                        format!("each key once; `{name}` is already on line {first}"),
                    );
                    let diagnostic = Diagnostic::new(&self.file, place, problem);
                    self.problems.push(diagnostic);
                }
            }
        }
    }

    /// Adds what `<<` names; a map's own keys and earlier sources win.
    fn merge(
        &mut self,
        mut entries: Vec<Entry>,
        mut seen: HashSet<String>,
        merged: Vec<Node>,
    ) -> Vec<Entry> {
        let sources = merged.into_iter().flat_map(|node| match node.value {
            Value::List(items) => items,
            _ => vec![node],
        });
        for source in sources {
            match source.value {
                Value::Map(more) => {
                    entries.extend(
                        more.into_iter()
                            .filter(|entry| seen.insert(entry.key.clone())),
                    );
                }
                _ => self.problem(
                    source.place,
                    "`<<` does not name a map",
                    Some("a map, or a list of maps"),
                ),
            }
        }
        entries
    }

    /// Takes `nodes` from the budget, for something `depth` levels deep.
    fn count(&mut self, nodes: usize, depth: usize, place: Place) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            let most = format!("at most {MOST_NODES} values, with aliases expanded");
            return self.stop(place, "the file becomes too large here", &most);
        }
        if self.open.len() + depth > DEEPEST {
            let most = format!("at most {DEEPEST} levels");
            return self.stop(place, "the file is nested too deeply here", &most);
        }
        Ok(())
    }

    /// Only `!!str` and `!` mean anything to settings; both make text.
    fn tag(&mut self, tag: Option<&Tag>, place: Place) {
        let Some(tag) = tag else { return };
        if !tag.is_yaml_core_schema_tag("str") && tag.original() != "!" {
            let message = format!("the tag `{}` has no meaning here", tag.original());
            self.problem(place, &message, Some("a value without a tag"));
        }
    }

    fn syntax(&mut self, error: &ScanError) {
        let marker = error.marker();
        let place = Place {
            line: marker.line().max(1),
            column: marker.col() + 1,
            width: 1,
        };
        let message = error.info();
        let expected = message
            .contains("tab")
            .then_some("spaces: YAML takes no tabs for indentation");
        self.problem(place, &format!("this is no YAML: {message}"), expected);
    }

    fn stop(&mut self, place: Place, message: &str, expected: &str) -> Result<(), Stop> {
        self.problem(place, message, Some(expected));
        Err(Stop)
    }

    fn problem(&mut self, place: Place, message: &str, expected: Option<&str>) {
        let mut problem = Problem::new(self.path(), message);
        problem.expected = expected.map(str::to_owned);
        let diagnostic = Diagnostic::new(&self.file, place, problem);
        self.problems.push(diagnostic);
    }

    /// The path to what is read now.
    fn path(&self) -> Vec<String> {
        let steps = self.open.iter().filter_map(|(open, ..)| match open {
            Open::List(items) => Some(items.len().to_string()),
            Open::Map { key, .. } => key.as_ref().map(|key| key.name.clone()),
        });
        steps.collect()
    }
}

fn place_of(span: &Span) -> Place {
    let width = match span.end.line() == span.start.line() {
        true => span.end.col().saturating_sub(span.start.col()),
        false => 1,
    };
    Place {
        line: span.start.line().max(1),
        column: span.start.col() + 1,
        width: width.max(1),
    }
}
