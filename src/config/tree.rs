//! A YAML document as a tree in which every key and value knows its place.

use super::diagnostic::Place;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where the value begins.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// What stands at a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number {
        /// Its value, as near as a float can tell.
        value: f64,
        /// Whether it is written as an integer.
        whole: bool,
    },
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The place of the deepest existing node of `path`: its key's where it has one, else its own.
    pub fn find(&self, path: &[String]) -> Place {
        let mut place = self.place;
        let mut node = self;
        for step in path {
            match &node.value {
                Value::Map(entries) => {
                    let Some(entry) = entries.iter().find(|entry| entry.key == *step) else {
                        break;
                    };
                    (place, node) = (entry.place, &entry.node);
                }
                Value::List(items) => {
                    let item = step.parse().ok().and_then(|at: usize| items.get(at));
                    let Some(item) = item else { break };
                    (place, node) = (item.place, item);
                }
                _ => break,
            }
        }
        place
    }

    /// The path to the innermost node that begins at this line and column.
    pub fn path_to(&self, line: usize, column: usize) -> Option<Vec<String>> {
        let here = |place: Place| (place.line, place.column) == (line, column);
        let inner = match &self.value {
            Value::Map(entries) => entries.iter().find_map(|entry| {
                let path = entry.node.path_to(line, column);
                Some((
                    entry.key.clone(),
                    path.or_else(|| here(entry.place).then(Vec::new))?,
                ))
            }),
            Value::List(items) => items
                .iter()
                .enumerate()
                .find_map(|(at, item)| Some((at.to_string(), item.path_to(line, column)?))),
            _ => None,
        };
        match inner {
            Some((step, mut path)) => {
                path.insert(0, step);
                Some(path)
            }
            None => here(self.place).then(Vec::new),
        }
    }

    /// The tree without the nodes at these paths; nothing if the root is among them.
    pub(super) fn without<'a>(&self, paths: impl Iterator<Item = &'a [String]>) -> Option<Self> {
        let mut paths: Vec<&[String]> = paths.collect();
        if paths.iter().any(|path| path.is_empty()) {
            return None;
        }
        // From the end of each list, so that what is left keeps its number until its turn.
        paths.sort_by_key(|path| {
            std::cmp::Reverse(path.last().and_then(|step| step.parse::<usize>().ok()))
        });
        let mut tree = self.clone();
        paths.into_iter().for_each(|path| tree.remove(path));
        Some(tree)
    }

    fn remove(&mut self, path: &[String]) {
        let Some((step, rest)) = path.split_first() else {
            return;
        };
        let at = step.parse::<usize>().ok();
        match (&mut self.value, rest.is_empty()) {
            (Value::Map(entries), true) => entries.retain(|entry| entry.key != *step),
            (Value::Map(entries), false) => {
                let entry = entries.iter_mut().find(|entry| entry.key == *step);
                if let Some(entry) = entry {
                    entry.node.remove(rest);
                }
            }
            (Value::List(items), true) => {
                if let Some(at) = at.filter(|at| *at < items.len()) {
                    items.remove(at);
                }
            }
            (Value::List(items), false) => {
                if let Some(item) = at.and_then(|at| items.get_mut(at)) {
                    item.remove(rest);
                }
            }
            _ => {}
        }
    }

    /// The values alone.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number { value, whole: true } if *value >= 0.0 => (*value as u64).into(),
            Value::Number { value, whole: true } => (*value as i64).into(),
            Value::Number { value, .. } => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                let entry = |entry: &Entry| (entry.key.clone(), entry.node.to_json());
                serde_json::Value::Object(entries.iter().map(entry).collect())
            }
        }
    }

    /// How many nodes it has, itself included, and how many levels.
    pub(super) fn size(&self) -> (usize, usize) {
        let sum = |nodes: &mut dyn Iterator<Item = &Node>| {
            nodes.fold((1, 1), |(count, depth), node| {
                let (inner, below) = node.size();
                (count + inner, depth.max(below + 1))
            })
        };
        match &self.value {
            Value::Map(entries) => sum(&mut entries.iter().map(|entry| &entry.node)),
            Value::List(items) => sum(&mut items.iter()),
            _ => (1, 0),
        }
    }
}
