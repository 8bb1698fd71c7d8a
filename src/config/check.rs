//! The tree against the schema: every unknown key, wrong type, wrong name and missing key at once.
//!
//! Deserialising stops at the first error and loses places inside untagged enums; this walk does neither, so it
//! comes first and finds nearly all that can be wrong with the form of a file.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{
    diagnostic::{Diagnostic, Place},
    schema::{Shape, expectation, listed, shapes},
    tree::{Entry, Node, Value},
};
use crate::problem::{Problem, nearest};

/// All problems of `tree` under `schema`, in the order of the file's structure.
pub(super) fn check(file: &Arc<str>, tree: &Node, schema: &Json) -> Vec<Diagnostic> {
    let mut walk = Walk {
        file,
        root: schema,
        path: Vec::new(),
        problems: Vec::new(),
    };
    walk.node(tree, tree.place, schema);
    walk.problems
}

struct Walk<'a> {
    file: &'a Arc<str>,
    /// The whole schema, for its `$defs`.
    root: &'a Json,
    path: Vec<String>,
    problems: Vec<Diagnostic>,
}

impl<'a> Walk<'a> {
    /// `key` is the place of the node's key, or its own in a list.
    fn node(&mut self, node: &Node, key: Place, schema: &'a Json) {
        if schema == &Json::Bool(true) {
            return;
        }
        let shapes = shapes(self.root, schema);
        let fitting: Vec<Shape<'_>> = shapes
            .iter()
            .copied()
            .filter(|shape| kinds(&node.value).iter().any(|kind| shape.admits(kind)))
            .collect();
        match &node.value {
            _ if fitting.is_empty() => self.wrong_kind(node, key, &shapes),
            Value::Null | Value::Bool(_) => {}
            Value::Number { value, .. } => self.number(*value, node.place, &fitting),
            Value::Text(text) => self.text(text, node.place, &fitting, &shapes),
            Value::List(items) => {
                if let Some(schema) = fitting.iter().find_map(Shape::items) {
                    for (at, item) in items.iter().enumerate() {
                        self.step(at.to_string(), |walk| walk.node(item, item.place, schema));
                    }
                }
            }
            Value::Map(entries) => self.map(entries, key, &fitting),
        }
    }

    fn wrong_kind(&mut self, node: &Node, key: Place, shapes: &[Shape<'_>]) {
        let expected = expectation(shapes);
        let (place, found) = match &node.value {
            Value::Null => (key, "empty"),
            Value::Bool(_) => (node.place, "`true` or `false`"),
            Value::Number { .. } => (node.place, "a number"),
            Value::Text(_) => (node.place, "text"),
            Value::List(_) => (key, "a list"),
            Value::Map(_) => (key, "a map"),
        };
        let message = format!("{} cannot be {found}", self.subject());
        let plain_word = matches!(node.value, Value::Bool(_) | Value::Number { .. });
        let expected = match &node.value {
            _ if plain_word && expected == "text" => "text: put quotes around it".to_owned(),
            Value::Null if expected == "a map" => {
                "a map, `{}` if there is nothing in it".to_owned()
            }
            Value::Null if expected == "a list" => {
                "a list, `[]` if there is nothing in it".to_owned()
            }
            _ => expected,
        };
        self.report(place, message, Some(expected), None);
    }

    fn number(&mut self, value: f64, place: Place, fitting: &[Shape<'_>]) {
        let within = |shape: &Shape<'_>| {
            let (least, most) = shape.range();
            least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most)
        };
        if !fitting.iter().any(within) {
            let message = format!("{} cannot be {value}", self.subject());
            self.report(place, message, Some(expectation(fitting)), None);
        }
    }

    fn text(&mut self, text: &str, place: Place, fitting: &[Shape<'_>], shapes: &[Shape<'_>]) {
        let mut names = Vec::new();
        let mut malformed = None;
        for shape in fitting {
            match (shape.names(), shape.malformed(text)) {
                (Some(more), _) => names.extend(more),
                (None, None) => return,
                (None, problem) => malformed = problem,
            }
        }
        if names.contains(&text) {
            return;
        }
        match malformed {
            Some(message) => self.report(place, message, None, None),
            None => {
                let message = format!("{} cannot be `{text}`", self.subject());
                let nearest = nearest(text, names).map(str::to_owned);
                self.report(place, message, Some(expectation(shapes)), nearest);
            }
        }
    }

    fn map(&mut self, entries: &[Entry], key: Place, fitting: &[Shape<'a>]) {
        match fitting {
            [] => {}
            [shape] => self.entries(entries, key, shape),
            several => match tag_of(several) {
                Some(tag) => self.tagged(entries, key, several, tag),
                None if several.iter().all(|shape| shape.outer_tag().is_some()) => {
                    self.variant(entries, key, several);
                }
                None => self.best(entries, key, several),
            },
        }
    }

    /// A map of one shape.
    fn entries(&mut self, entries: &[Entry], key: Place, shape: &Shape<'a>) {
        let mut slips = Vec::new();
        let keys = shape.keys().map(|keys| self.names(keys));
        for entry in entries {
            if let Some(keys) = &keys
                && !keys.contains(&entry.key.as_str())
            {
                self.unknown(entry, keys);
                continue;
            }
            match shape.property(&entry.key) {
                Some(schema) => self.step(entry.key.clone(), |walk| {
                    walk.node(&entry.node, entry.place, schema);
                }),
                None => {
                    let absent = shape.properties().map(|(known, _)| known);
                    let absent = absent.filter(|known| !has(entries, known));
                    slips.extend(nearest(&entry.key, absent));
                    let known: Vec<&str> = shape.properties().map(|(known, _)| known).collect();
                    self.unknown(entry, &known);
                }
            }
        }
        for name in shape.required() {
            // A slip of the hand in a required key is one problem, not two.
            if !has(entries, name) && !slips.contains(&name) {
                self.report(key, format!("missing key `{name}`"), None, None);
            }
        }
    }

    /// The names a schema allows.
    fn names(&self, schema: &'a Json) -> Vec<&'a str> {
        let shapes = shapes(self.root, schema);
        shapes.iter().filter_map(Shape::names).flatten().collect()
    }

    /// Shapes told apart by the value of one key.
    fn tagged(&mut self, entries: &[Entry], key: Place, several: &[Shape<'a>], tag: &str) {
        let names: Vec<&str> = several.iter().filter_map(|it| it.constant(tag)).collect();
        let Some(entry) = entries.iter().find(|entry| entry.key == tag) else {
            let message = format!("missing key `{tag}`");
            return self.report(key, message, listed(&names), None);
        };
        let Value::Text(name) = &entry.node.value else {
            let message = format!("`{tag}` must be a name");
            return self.report(entry.node.place, message, listed(&names), None);
        };
        match several.iter().find(|it| it.constant(tag) == Some(name)) {
            Some(shape) => self.entries(entries, key, shape),
            None => {
                let message = format!("`{tag}` cannot be `{name}`");
                let nearest = nearest(name, names.iter().copied()).map(str::to_owned);
                self.step(tag.to_owned(), |walk| {
                    walk.report(entry.node.place, message, listed(&names), nearest);
                });
            }
        }
    }

    /// Shapes of one key each, told apart by that key.
    fn variant(&mut self, entries: &[Entry], key: Place, several: &[Shape<'a>]) {
        let names: Vec<&str> = several.iter().filter_map(Shape::outer_tag).collect();
        let chosen = |entry: &Entry| {
            let mut shapes = several.iter();
            shapes.find(|shape| shape.outer_tag() == Some(&entry.key))
        };
        match entries {
            [entry] => match chosen(entry) {
                Some(shape) => self.entries(entries, key, shape),
                None => self.unknown(entry, &names),
            },
            _ => {
                let message = format!("{} needs exactly one key", self.subject());
                self.report(key, message, listed(&names), None);
            }
        }
    }

    /// Shapes that nothing tells apart: the one with the fewest problems is the one that was meant.
    fn best(&mut self, entries: &[Entry], key: Place, several: &[Shape<'a>]) {
        let attempts = several.iter().map(|shape| {
            let mut walk = Walk {
                file: self.file,
                root: self.root,
                path: self.path.clone(),
                problems: Vec::new(),
            };
            walk.entries(entries, key, shape);
            walk.problems
        });
        let least = attempts.min_by_key(Vec::len);
        self.problems.extend(least.unwrap_or_default());
    }

    fn unknown(&mut self, entry: &Entry, known: &[&str]) {
        let nearest = nearest(&entry.key, known.iter().copied()).map(str::to_owned);
        let expected = match nearest {
            Some(_) => None,
            None => listed(known),
        };
        let message = format!("unknown key `{}`", entry.key);
        self.step(entry.key.clone(), |walk| {
            walk.report(entry.place, message, expected, nearest);
        });
    }

    /// Does something one step further inside.
    fn step(&mut self, step: String, inside: impl FnOnce(&mut Self)) {
        self.path.push(step);
        inside(self);
        self.path.pop();
    }

    /// What the problem is about: the last key, or the position in a list.
    fn subject(&self) -> String {
        let Some((last, before)) = self.path.split_last() else {
            return "the file".to_owned();
        };
        match (last.parse::<usize>(), before.last()) {
            (Ok(at), Some(list)) => format!("item {} of `{list}`", at.saturating_add(1)),
            _ => format!("`{last}`"),
        }
    }

    fn report(
        &mut self,
        place: Place,
        message: String,
        expected: Option<String>,
        nearest: Option<String>,
    ) {
        let problem = Problem {
            path: self.path.clone(),
            message,
            expected,
            nearest,
        };
        self.problems
            .push(Diagnostic::new(self.file, place, problem));
    }
}

fn has(entries: &[Entry], key: &str) -> bool {
    entries.iter().any(|entry| entry.key == key)
}

/// The key whose constant value tells all shapes apart.
fn tag_of<'a>(shapes: &[Shape<'a>]) -> Option<&'a str> {
    let (first, others) = shapes.split_first()?;
    let mut keys = first.properties().map(|(key, _)| key);
    keys.find(|key| {
        first.constant(key).is_some() && others.iter().all(|it| it.constant(key).is_some())
    })
}

/// The JSON types a value has.
fn kinds(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Null => &["null"],
        Value::Bool(_) => &["boolean"],
        Value::Number { whole: true, .. } => &["integer", "number"],
        Value::Number { whole: false, .. } => &["number"],
        Value::Text(_) => &["string"],
        Value::List(_) => &["array"],
        Value::Map(_) => &["object"],
    }
}
