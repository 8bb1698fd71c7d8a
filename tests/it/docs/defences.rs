//! The tables of defences and attacks name places and tests there are.

use super::{root, text};

/// Whether a file holds a test of ours, in Rust or in Python.
fn has_tests(path: &str) -> bool {
    let text = text(path);
    ["#[test]", "::test", "\ndef test_"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// The rows of the tables in a chapter, by their cells; `first` heads the first column.
fn rows(page: &str, chapter: &str, first: &str) -> Vec<[String; 3]> {
    let page = text(page);
    let chapter = page.split(chapter).nth(1).unwrap();
    let chapter = chapter.split("\n## ").next().unwrap();
    let rows = chapter.lines().filter(|line| line.starts_with("| "));
    let rows = rows
        .filter(|line| !line.starts_with(&format!("| {first} |")) && !line.starts_with("| ---"));
    let cells = rows.map(|row| {
        let cells = row.trim_matches('|').split(" | ").map(str::to_owned);
        let cells: Vec<String> = cells.collect();
        cells
            .try_into()
            .unwrap_or_else(|_| panic!("three cells: {row}"))
    });
    cells.collect()
}

/// What stands in quotes in a cell.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Where a test of a table is: one of `tests/it/`, if nothing else is said.
fn file_of(test: &str) -> String {
    match test.starts_with("src/") || test.starts_with("tests/") {
        true => test.to_owned(),
        false => format!("tests/it/{test}"),
    }
}

#[test]
fn defences_of_the_security_page_name_places_and_tests_there_are() {
    for [defence, place, tests] in
        rows("docs/security.md", "## Defences and their tests", "Defence")
    {
        let (places, tests) = (quoted(&place), quoted(&tests));
        assert!(!places.is_empty() && !tests.is_empty(), "{defence}");
        for place in places {
            assert!(root().join(place).exists(), "{defence}: {place}");
        }
        for test in tests {
            let path = file_of(test);
            assert!(has_tests(&path), "{path} has no test");
        }
    }
}

#[test]
fn attacks_of_the_security_page_name_tests_there_are() {
    let rows = rows("docs/security.md", "## Attacks, one by one", "Attack");
    assert!(!rows.is_empty());
    for [attack, _, tests] in rows {
        let tests = quoted(&tests);
        assert!(!tests.is_empty(), "{attack}");
        for test in tests {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{test}"));
            let path = file_of(file);
            let text = text(&path);
            let is_there = has_tests(&path)
                && ["fn", "def"]
                    .iter()
                    .any(|word| text.contains(&format!("{word} {name}(")));
            assert!(is_there, "{path} has no test {name}");
        }
    }
}

#[test]
fn defences_of_the_mcp_page_name_files_with_tests() {
    let page = text("docs/mcp.md");
    let table = page.split("## Defences and their tests").nth(1).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    for row in rows.skip(2) {
        let files: Vec<&str> = row
            .split('`')
            .filter(|word| word.ends_with(".rs"))
            .collect();
        assert!(!files.is_empty(), "{row}");
        for file in files {
            let path = match file.strip_prefix("src/") {
                Some(_) => file.to_owned(),
                None => format!("tests/it/{file}"),
            };
            assert!(has_tests(&path), "{path} has no test");
        }
    }
}
