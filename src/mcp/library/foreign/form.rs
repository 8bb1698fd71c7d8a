//! The form of a server's addresses: a URI template (RFC 6570), read well enough to tell whether an address may be
//! one of its.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

/// The longest template, in bytes: what servers take as a URL.
const LONGEST: usize = 2_048;

/// The most memory its pattern may take, in bytes.
const LARGEST: usize = 256 * 1024;

/// The form of addresses.
#[derive(Debug)]
pub(super) struct Form(Regex);

impl Form {
    /// Reads a template; `None` where it is none.
    pub(super) fn read(template: &str) -> Option<Self> {
        if template.len() > LONGEST {
            return None;
        }
        let mut pattern = "^".to_owned();
        let mut rest = template;
        while let Some((literal, behind)) = rest.split_once('{') {
            let (expression, behind) = behind.split_once('}')?;
            // `+`, `#`, `/` and their like let slashes through; a plain part has none.
            let part = match expression.chars().next()? {
                letter if letter.is_ascii_alphanumeric() || letter == '_' => "[^/]+",
                _ => ".*",
            };
            // Writing to a string does not fail.
            let _ = write!(pattern, "{}{part}", regex::escape(literal));
            rest = behind;
        }
        let _ = write!(pattern, "{}$", regex::escape(rest));
        let pattern = RegexBuilder::new(&pattern).size_limit(LARGEST).build();
        pattern.ok().map(Self)
    }

    /// Whether an address has this form.
    pub(super) fn has(&self, uri: &str) -> bool {
        uri.len() <= LONGEST && self.0.is_match(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_form_or_not() {
        for (template, uri, expected) in [
            ("note://{id}", "note://7", true),
            ("note://{id}", "note://7/8", false),
            ("note://{id}", "note://", false),
            ("note://{id}", "other://7", false),
            ("note://{id}", "xnote://7", false),
            ("note://{id}.md", "note://a.md", true),
            ("note://{id}.md", "note://aXmd", false),
            ("file:///{+path}", "file:///a/b/c", true),
            ("s://x{?q,r}", "s://x?q=1&r=2", true),
            ("s://x", "s://x", true),
            ("s://x", "s://xy", false),
        ] {
            let form = Form::read(template).unwrap();
            assert_eq!(form.has(uri), expected, "{template} {uri}");
        }
        for none in ["a{", "a{}", &"x".repeat(LONGEST + 1)] {
            assert!(Form::read(none).is_none(), "{none}");
        }
    }
}
