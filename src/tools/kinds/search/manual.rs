//! Waypost's own manual, which is part of the program.

use super::sections::Page;

/// The pages by their paths in the repository.
const PAGES: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../../README.md")),
    ("docs/adding.md", include_str!("../../../../docs/adding.md")),
    (
        "docs/architecture.md",
        include_str!("../../../../docs/architecture.md"),
    ),
    (
        "docs/federation.md",
        include_str!("../../../../docs/federation.md"),
    ),
    ("docs/mcp.md", include_str!("../../../../docs/mcp.md")),
    ("docs/oauth.md", include_str!("../../../../docs/oauth.md")),
    (
        "docs/operating.md",
        include_str!("../../../../docs/operating.md"),
    ),
    (
        "docs/performance.md",
        include_str!("../../../../docs/performance.md"),
    ),
    (
        "docs/routing.md",
        include_str!("../../../../docs/routing.md"),
    ),
    ("docs/rules.md", include_str!("../../../../docs/rules.md")),
    (
        "docs/security.md",
        include_str!("../../../../docs/security.md"),
    ),
    (
        "docs/tool-models.md",
        include_str!("../../../../docs/tool-models.md"),
    ),
    ("docs/tools.md", include_str!("../../../../docs/tools.md")),
];

/// The pages.
pub(super) fn pages() -> impl Iterator<Item = Page> {
    PAGES.iter().map(|&(path, text)| Page {
        title: String::new(),
        url: path.to_owned(),
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_page_of_the_manual_is_in_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("docs/{name}");
            let is_there = PAGES.iter().any(|(known, _)| *known == path);
            assert!(is_there || !name.ends_with(".md"), "add {path}");
        }
    }
}
