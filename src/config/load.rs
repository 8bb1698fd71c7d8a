//! From text to settings: tree, then schema, then values; all problems of one stage at once.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter, options};

use super::{
    check::check,
    diagnostic::{Diagnostic, Place},
    read::read,
    schema::schema_of,
    tree::{Node, Value},
};
use crate::problem::Problem;

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// What it says.
    pub value: T,
    /// Where it says it.
    pub tree: Node,
    file: Arc<str>,
}

impl<T> Loaded<T> {
    /// Gives a room's problem its place: that of the deepest key of its path that is in the file.
    pub fn place(&self, problem: &Problem) -> Diagnostic {
        let place = self.tree.find(&problem.path);
        Diagnostic::new(&self.file, place, problem.clone())
    }
}

/// A file whose form is wrong.
#[derive(Clone, Debug)]
pub struct Malformed<T> {
    /// What is wrong, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// What is left without the wrong parts: to look for further problems in, never to be used.
    pub rest: Option<Loaded<T>>,
}

/// Reads the text of a configuration. `file` is its name in diagnostics.
pub fn parse<T: DeserializeOwned + JsonSchema>(
    file: &str,
    text: &str,
) -> Result<Loaded<T>, Malformed<T>> {
    let file: Arc<str> = file.into();
    // A byte-order mark is no column of its own.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (tree, mut problems) = read(&file, text);
    if let Some(tree) = &tree {
        problems.extend(check(&file, tree, &schema_of::<T>()));
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    // An aliased part is met once for each alias.
    problems.dedup_by(|next, last| {
        (next.line, next.column, &next.message) == (last.line, last.column, &last.message)
    });
    match tree {
        Some(tree) if problems.is_empty() => match deserialise(&tree, text) {
            Ok(value) => Ok(Loaded { value, tree, file }),
            Err(error) => Err(malformed(&file, &tree, vec![placed(&file, &tree, &error)])),
        },
        Some(tree) => Err(malformed(&file, &tree, problems)),
        None => Err(Malformed {
            diagnostics: problems,
            rest: None,
        }),
    }
}

fn malformed<T: DeserializeOwned>(
    file: &Arc<str>,
    tree: &Node,
    diagnostics: Vec<Diagnostic>,
) -> Malformed<T> {
    let wrong = diagnostics.iter().map(|diagnostic| &*diagnostic.path);
    let rest = tree.without(wrong).and_then(|tree| {
        let value = serde_json::from_value(tree.to_json()).ok()?;
        Some(Loaded {
            value,
            tree,
            file: file.clone(),
        })
    });
    Malformed { diagnostics, rest }
}

fn deserialise<T: DeserializeOwned>(tree: &Node, text: &str) -> Result<T, Error> {
    let nothing = matches!(&tree.value, Value::Map(entries) if entries.is_empty());
    let options = options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(if nothing { "{}" } else { text }, options)
}

/// What only the values themselves could tell, such as a number out of range.
fn placed(file: &Arc<str>, tree: &Node, error: &Error) -> Diagnostic {
    let location = error.location();
    let coordinate = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    let place = location.map_or(Place::START, |location| Place {
        line: coordinate(location.line()),
        column: coordinate(location.column()),
        width: 1,
    });
    let path = tree.path_to(place.line, place.column).unwrap_or_default();
    let message = UserMessageFormatter.format_message(error);
    Diagnostic::new(file, place, Problem::new(path, message))
}
