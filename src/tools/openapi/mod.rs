//! From an OpenAPI document to tools: one for each operation, each a call to an API as an operator would write it.
//!
//! The document is data of strangers: it is bounded in size and depth, nothing it refers to is fetched, and of its
//! schemas only known words are taken. What cannot be taken as it is meant is a problem with a pointer into the
//! document, never a guess. Which secrets are shown, and then also to whom, says the operator: only where there are none
//! may the document name its server.

mod arguments;
mod body;
mod document;
mod operation;
mod schema;
mod settings;
mod words;

pub use document::LARGEST;
pub use settings::Import;

use document::Document;

use super::Settings;
use crate::problem::Problem;

/// The most tools of one document. More than a model can choose among, by far.
const MOST: usize = 500;

/// What is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrong {
    /// A JSON pointer.
    pointer: String,
    message: String,
}

impl Wrong {
    fn new(pointer: &str, message: impl Into<String>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            message: message.into(),
        }
    }
}

/// The tools of a document, by name. Paths of problems start at the import's keys.
pub fn expand(import: &Import, text: &str) -> Result<Vec<(String, Settings)>, Vec<Problem>> {
    let told = |wrong: Wrong| {
        let message = format!("{}#{}: {}", import.openapi, wrong.pointer, wrong.message);
        Problem::new(["openapi"], message)
    };
    let mut problems = Vec::new();
    if import.prefix.is_empty() {
        let problem = Problem::new(["prefix"], "there is no prefix");
        problems.push(problem.expected("the first part of the tools' names, like `petstore`"));
    }
    let document = Document::read(text).map_err(|wrong| vec![told(wrong)])?;
    let base = match base(import, &document) {
        Ok(base) => base,
        Err(problem) => {
            problems.push(problem);
            return Err(problems);
        }
    };
    let operations = match operation::all(&document) {
        Ok(operations) => operations,
        Err(wrong) => return Err(wrong.into_iter().map(told).collect()),
    };
    let names: Vec<&str> = operations.iter().map(|it| it.name.as_str()).collect();
    for (at, pattern) in import.operations.iter().enumerate() {
        if !names.iter().any(|name| settings::fits(pattern, name)) {
            let message = format!("no operation is called `{pattern}`");
            let problem = Problem::new(["operations".to_owned(), at.to_string()], message);
            problems.push(problem.suggest(pattern, names.iter().copied()));
        }
    }
    let selected: Vec<_> = operations
        .iter()
        .filter(|it| import.takes(&it.name))
        .collect();
    if selected.len() > MOST {
        let message = format!("there are {} operations", selected.len());
        let problem = Problem::new(["operations"], message);
        problems.push(problem.expected(format!("at most {MOST}: name those that are needed")));
        return Err(problems);
    }
    let mut tools: Vec<(String, Settings)> = Vec::with_capacity(selected.len());
    for operation in selected {
        let id = format!("{}.{}", import.prefix, operation.name);
        if tools.iter().any(|(other, _)| *other == id) {
            let wrong = Wrong::new(
                &operation.pointer,
                format!("there are two `{}`", operation.name),
            );
            problems.push(told(wrong));
            continue;
        }
        match operation.tool(&document, import, &base) {
            Ok(settings) => tools.push((id, settings)),
            Err(wrong) => problems.push(told(wrong)),
        }
    }
    if problems.is_empty() {
        Ok(tools)
    } else {
        Err(problems)
    }
}

/// What stands before every path.
fn base(import: &Import, document: &Document) -> Result<String, Problem> {
    let expected = "an address like `https://api.example.com/v1`";
    let problem = |message: &str| Problem::new(["base_url"], message).expected(expected);
    if import.base_url.is_none() && import.has_secrets() {
        return Err(problem(
            "the import has secrets, and the document may not choose who gets them",
        ));
    }
    let written = import.base_url.clone().or_else(|| document.server());
    let base = written.ok_or_else(|| problem("the document names no server"))?;
    if !base.starts_with("https://") && !base.starts_with("http://") {
        return Err(problem("the document's server is no whole address"));
    }
    if base.contains(['$', '{', '}', '?', '#']) {
        return Err(problem("it may hold neither arguments nor a query"));
    }
    Ok(base.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests;
