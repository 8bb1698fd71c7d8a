//! What is wrong with a setting, in a form the operator's diagnostics can place.
//!
//! Rooms check their own settings and know nothing of files; they say *where* as a path of keys, and `config`
//! turns the path into `file:line:column`.

use std::fmt;

/// One problem with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The keys that lead to it, outermost first; list positions as numbers.
    pub path: Vec<String>,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What was expected there.
    pub expected: Option<String>,
    /// The nearest name that would have been right.
    pub nearest: Option<String>,
}

impl Problem {
    /// A problem at `path`.
    pub fn new<S: Into<String>>(
        path: impl IntoIterator<Item = S>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into_iter().map(Into::into).collect(),
            message: message.into(),
            expected: None,
            nearest: None,
        }
    }

    /// The same problem, saying what was expected.
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// The same problem, suggesting the nearest of `known` to `name` when one is near.
    pub fn suggest<'a>(mut self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        self.nearest = nearest(name, known).map(str::to_owned);
        self
    }

    /// The same problem, seen from further outside.
    pub fn under<S: Into<String>>(mut self, outer: impl IntoIterator<Item = S>) -> Self {
        let mut path: Vec<String> = outer.into_iter().map(Into::into).collect();
        path.append(&mut self.path);
        self.path = path;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path.join("."), self.message)?;
        if let Some(expected) = &self.expected {
            write!(formatter, "; expected {expected}")?;
        }
        if let Some(nearest) = &self.nearest {
            write!(formatter, "; did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

/// The known name most like `name`, if any is like it enough to be a slip of the hand.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}
