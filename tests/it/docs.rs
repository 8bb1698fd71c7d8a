//! The documentation tells the truth where a machine can tell: names, links and examples.

mod defences;

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use serde_json::Value;
use waypost::{
    app::wire,
    config::{File, parse},
    outcome::Reason,
    telemetry::Metrics,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page there is.
fn pages() -> Vec<String> {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let names = docs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let docs = names.filter(|name| name.ends_with(".md"));
    let mut pages: Vec<String> = docs.map(|name| format!("docs/{name}")).collect();
    pages.extend(["README.md".to_owned(), "CONTRIBUTING.md".to_owned()]);
    pages
}

/// The words that begin with `start`.
fn words<'a>(text: &'a str, start: &str) -> BTreeSet<&'a str> {
    let begins = text.match_indices(start).map(|(at, _)| &text[at..]);
    begins
        .map(|word| {
            let ends = |letter: char| !(letter.is_ascii_lowercase() || letter == '_');
            &word[..word.find(ends).unwrap_or(word.len())]
        })
        .collect()
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let page = text("docs/operating.md");
    let names: BTreeSet<&str> = Metrics::names().iter().copied().collect();
    for name in &names {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
    for page in pages() {
        let text = text(&page);
        for word in words(&text, "waypost_") {
            assert!(names.contains(word), "{page} tells of {word}");
        }
    }
}

#[test]
fn dashboard_and_alerts_ask_for_metrics_there_are() {
    let names = Metrics::names();
    for file in ["grafana/waypost.json", "grafana/alerts.yaml"] {
        let text = text(file);
        let mut asked = words(&text, "waypost_");
        asked.extend(words(&text, "gen_ai_client_"));
        asked.extend(words(&text, "mcp_server_"));
        assert!(!asked.is_empty(), "{file}");
        for word in asked {
            let parts = ["_bucket", "_sum", "_count"];
            let of_histogram = parts.iter().find_map(|part| word.strip_suffix(part));
            let known = names.contains(&word) || of_histogram.is_some_and(|it| names.contains(&it));
            assert!(known, "{file} asks for {word}");
        }
    }
}

#[test]
fn every_metric_has_a_panel() {
    let board = text("grafana/waypost.json");
    let asked: BTreeSet<&str> = ["waypost_", "gen_ai_client_", "mcp_server_"]
        .into_iter()
        .flat_map(|start| words(&board, start))
        .collect();
    for name in Metrics::names() {
        let seen = ["", "_bucket", "_sum"]
            .iter()
            .any(|part| asked.contains(format!("{name}{part}").as_str()));
        assert!(seen, "{name} is in no panel of grafana/waypost.json");
    }
}

#[test]
fn panels_have_places_and_titles_of_their_own() {
    let board: Value = serde_json::from_str(&text("grafana/waypost.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let span = |panel: &Value, start: &str, length: &str| {
        let place = &panel["gridPos"];
        let (start, length) = (&place[start], &place[length]);
        let start = start.as_u64().unwrap();
        start..start + length.as_u64().unwrap()
    };
    let meet = |one: Range<u64>, other: Range<u64>| one.start < other.end && other.start < one.end;
    for (at, one) in panels.iter().enumerate() {
        for other in &panels[..at] {
            let titles = (&one["title"], &other["title"]);
            assert_ne!(titles.0, titles.1);
            assert_ne!(one["id"], other["id"], "{titles:?}");
            let [across, down] = [("x", "w"), ("y", "h")]
                .map(|(start, length)| meet(span(one, start, length), span(other, start, length)));
            assert!(!(across && down), "{titles:?} overlap");
        }
    }
}

#[test]
fn the_map_names_every_room() {
    let rooms = text("src/lib.rs");
    let rooms = rooms
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let page = text("docs/architecture.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
    for room in rooms {
        let cell = format!("`{room}`");
        // The second cell names the rooms of the row.
        let named = |row: &&str| {
            row.split('|')
                .nth(2)
                .is_some_and(|rooms| rooms.contains(&cell))
        };
        assert!(
            rows.iter().any(named),
            "{room} is not in docs/architecture.md"
        );
    }
}

#[test]
fn every_reason_is_documented() {
    let page = text("docs/routing.md");
    for reason in Reason::ALL {
        let label = reason.label();
        assert!(page.contains(&format!("| `{label}` |")), "{label}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        let text = text(&page);
        let folder = Path::new(&page).parent().unwrap();
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split([')', ' ']).next().unwrap();
            let path = link.split('#').next().unwrap();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            let target = root().join(folder).join(path);
            assert!(target.exists(), "{page} links to {link}");
        }
    }
}

/// The pieces of YAML a page shows.
fn examples(page: &str) -> Vec<String> {
    let text = text(page);
    let blocks = text.split("```yaml\n").skip(1);
    let blocks: Vec<String> = blocks
        .filter_map(|block| block.split("```").next().map(str::to_owned))
        .collect();
    assert!(!blocks.is_empty(), "{page}");
    blocks
}

#[test]
fn the_readme_shows_configurations_that_are_read() {
    for block in examples("README.md") {
        if let Err(problems) = parse::<File>("README.md", &block) {
            panic!("{:#?}\n{block}", problems.diagnostics);
        }
    }
}

#[test]
fn the_routes_of_the_routing_page_pass_the_check() {
    let environment = |_: &str| Some("a-key-of-more-than-sixteen-letters".to_owned());
    for block in examples("docs/routing.md") {
        let file = match parse::<File>("docs/routing.md", &block) {
            Ok(loaded) => loaded.value,
            Err(problems) => panic!("{:#?}\n{block}", problems.diagnostics),
        };
        if let Err(problems) = wire(&file, &environment) {
            panic!("{problems:#?}\n{block}");
        }
    }
}

/// A whole configuration passes the check, with a secret of its own in every variable.
fn passes(page: &str, block: &str) {
    let environment = |name: &str| {
        Some(if name.ends_with("_URL") {
            "postgres://reader:a-password@127.0.0.1/shop".to_owned()
        } else {
            format!("a-key-of-more-than-sixteen-letters-in-{name}")
        })
    };
    let file = match parse::<File>(page, block) {
        Ok(loaded) => loaded.value,
        Err(problems) => panic!("{:#?}\n{block}", problems.diagnostics),
    };
    if let Err(problems) = wire(&file, &environment) {
        panic!("{page}: {problems:#?}\n{block}");
    }
}

/// The further examples of a page pass the check, each below the first one.
fn pass_below_the_first(page: &str) {
    let blocks = examples(page);
    let (frame, more) = blocks.split_first().unwrap();
    passes(page, frame);
    for block in more {
        passes(page, &format!("{frame}{block}"));
    }
}

#[test]
fn the_tools_of_the_tools_page_pass_the_check_below_its_first_example() {
    pass_below_the_first("docs/tools.md");
}

#[test]
fn the_configurations_of_other_pages_pass_the_check() {
    for page in ["docs/mcp.md", "docs/tool-models.md"] {
        for block in examples(page) {
            passes(page, &block);
        }
    }
}

#[test]
fn the_tokens_of_the_oauth_page_pass_the_check_below_its_first_example() {
    pass_below_the_first("docs/oauth.md");
}

#[test]
fn the_servers_of_the_federation_page_pass_the_check_below_its_first_example() {
    pass_below_the_first("docs/federation.md");
}
