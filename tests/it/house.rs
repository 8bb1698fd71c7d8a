//! The house keeps its layers: a room imports rooms on lower lines only, and there is no circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Rooms by height. Rooms of one height do not see each other, words and papers excepted.
const HEIGHTS: &[(&str, &[&str])] = &[
    (
        "words",
        &[
            "json", "secret", "span", "problem", "expr", "schema", "outcome", "facts", "policy",
            "chat", "catalog",
        ],
    ),
    ("languages and ledger", &["dialect", "telemetry"]),
    ("judgement", &["access", "health", "limit", "route"]),
    ("hands", &["intake", "store", "upstream"]),
    ("will", &["federation", "identity", "relay"]),
    ("tools", &["tools"]),
    ("face", &["http", "mcp"]),
    ("papers", &["config", "app", "cli", "lib", "main"]),
];

fn height(room: &str) -> usize {
    let at = HEIGHTS.iter().position(|(_, rooms)| rooms.contains(&room));
    at.unwrap_or_else(|| {
        panic!("the room `{room}` has no height: give it one in tests/it/house.rs")
    })
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with its room and its text, without comments and tests.
fn files() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    let mut files = Vec::new();
    for path in paths {
        let inner = path.strip_prefix(&root).unwrap();
        if inner.to_string_lossy().contains("tests") {
            continue;
        }
        let room = inner
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy();
        let room = room.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code = product
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        files.push((room, inner.to_owned(), code.collect::<Vec<_>>().join("\n")));
    }
    files
}

/// The rooms a text names behind `crate::`, alone or in braces.
fn imports(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    let word = |text: &str| {
        let end = text.find(|letter: char| !(letter.is_ascii_lowercase() || letter == '_'));
        text[..end.unwrap_or(text.len())].to_owned()
    };
    for behind in code.split("crate::").skip(1) {
        let Some(list) = behind.strip_prefix('{') else {
            rooms.insert(word(behind));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, letter) in list.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                _ if start && letter.is_ascii_lowercase() => {
                    rooms.insert(word(&list[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    rooms.remove("");
    rooms
}

fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (room, _, code) in files() {
        let mut seen = imports(&code);
        seen.remove(&room);
        graph.entry(room).or_default().extend(seen);
    }
    graph
}

#[test]
fn a_room_imports_rooms_on_lower_lines_only() {
    let mut wrong = Vec::new();
    for (room, seen) in graph() {
        for other in seen {
            let (mine, theirs) = (height(&room), height(&other));
            let peers = mine == theirs && (mine == 0 || mine == HEIGHTS.len() - 1);
            if theirs >= mine && !peers {
                wrong.push(format!(
                    "{room} ({}) imports {other} ({})",
                    HEIGHTS[mine].0, HEIGHTS[theirs].0
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn there_is_no_circle() {
    let mut left = graph();
    left.remove("lib");
    while !left.is_empty() {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, seen)| seen.iter().all(|other| !left.contains_key(other)))
            .map(|(room, _)| room.clone())
            .collect();
        assert!(
            !free.is_empty(),
            "these rooms import each other in a circle: {:#?}",
            left
        );
        free.iter().for_each(|room| {
            left.remove(room);
        });
    }
}

#[test]
fn only_one_room_knows_each_outside_thing() {
    let rule = |what: &str, rooms: &[&str]| {
        for (room, path, code) in files() {
            let known = rooms.contains(&room.as_str());
            assert!(
                known || !code.contains(what),
                "{} mentions {what}",
                path.display()
            );
        }
    };
    rule("axum::", &["http", "mcp"]);
    rule("rmcp::", &["federation", "mcp", "tools"]);
    rule("tokio_postgres::", &["tools"]);
    rule("rusqlite::", &["store"]);
    rule("reqwest::", &["upstream", "cli"]);
    rule("Command::new(", &["tools", "cli"]);
    rule("std::fs", &["config", "app", "cli"]);
    rule("std::env::var", &["app", "cli"]);
    rule(
        "Instant::now()",
        &[
            "telemetry",
            "limit",
            "relay",
            "intake",
            "upstream",
            "tools",
            "http",
            "mcp",
            "app",
            "cli",
            "config",
        ],
    );
}

#[test]
fn pure_rooms_do_not_await() {
    for (room, path, code) in files() {
        if [
            "chat", "catalog", "dialect", "route", "json", "outcome", "schema",
        ]
        .contains(&room.as_str())
        {
            assert!(
                !code.contains(".await") && !code.contains("async "),
                "{} awaits",
                path.display()
            );
        }
    }
}

#[test]
fn providers_are_data() {
    let dialects = ["openai", "anthropic"];
    let words = ["generic", "simulated", "together"];
    let names: Vec<&str> = waypost::catalog::shipped_names()
        .filter(|name| !dialects.contains(name) && !words.contains(name))
        .collect();
    for (_, path, code) in files() {
        if path.ends_with("catalog/shipped.rs") {
            continue;
        }
        for name in &names {
            let named = code.contains(&format!("\"{name}\""));
            assert!(!named, "{} names the provider {name}", path.display());
        }
    }
}

#[test]
fn files_are_small() {
    for (_, path, code) in files() {
        let lines = code.lines().count();
        assert!(
            lines <= 500,
            "{} has {lines} lines: which second subject has moved in?",
            path.display()
        );
    }
}
