//! Reading a file of invented settings that have every shape the rooms' settings have.

#![expect(dead_code, reason = "some settings are there to be read by serde only")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Diagnostic, Loaded, json_schema};
use crate::{problem::Problem, span::Span};

fn parse<T: serde::de::DeserializeOwned + JsonSchema>(
    file: &str,
    text: &str,
) -> Result<Loaded<T>, Vec<Diagnostic>> {
    super::parse(file, text).map_err(|malformed| malformed.diagnostics)
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct File {
    server: Server,
    providers: BTreeMap<String, Provider>,
    routes: BTreeMap<String, Route>,
    access: Option<Access>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Server {
    /// Where it listens.
    listen: Option<String>,
    workers: Option<u8>,
    shy: bool,
    pair: Option<Even>,
}

/// Something whose values are not all in its schema.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(try_from = "u64")]
struct Even(u64);

impl TryFrom<u64> for Even {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        match number % 2 {
            0 => Ok(Self(number)),
            _ => Err(format!("{number} is odd")),
        }
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Provider {
    auth: Option<Auth>,
    kind: Option<Kind>,
    headers: BTreeMap<String, String>,
    first_token: Option<Span>,
    error_rate: Option<f64>,
    limit: Option<Limit>,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Auth {
    /// In the usual header.
    Bearer,
    None,
    /// In this header.
    Header(String),
    /// In this parameter.
    Query(String),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    OpenAi,
    Anthropic,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
enum Limit {
    Requests { most: u32 },
    Tokens { most: u32, burst: Option<u32> },
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Route {
    targets: Vec<Target>,
    timeout: Timeout,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Timeout {
    connect: Option<Span>,
    idle: Option<Span>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Target {
    Name(String),
    Full(FullTarget),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FullTarget {
    target: String,
    #[serde(default)]
    weight: Option<u32>,
    #[serde(default)]
    pair: Option<Even>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Access {
    Word(Word),
    Keys(Keys),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Word {
    Open,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    keys: Vec<String>,
}

fn lines(problems: &[Diagnostic]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| problem.to_string().replace(" error:", ""))
        .collect()
}

#[track_caller]
fn check(yaml: &str, expected: &[&str]) {
    let found = match parse::<File>("f", yaml) {
        Ok(_) => Vec::new(),
        Err(problems) => lines(&problems),
    };
    assert_eq!(found, expected, "\n{yaml}");
}

fn loaded(yaml: &str) -> Loaded<File> {
    parse::<File>("f", yaml).unwrap_or_else(|problems| panic!("{:#?}", lines(&problems)))
}

#[test]
fn unknown_keys_name_the_nearest_or_the_known_ones() {
    check(
        "routes:\n  a:\n    timout: {}\n",
        &["f:3:5: unknown key `timout`; did you mean `timeout`?"],
    );
    check(
        "routes: { a: { timeout: { zzz: 3s } } }",
        &["f:1:27: unknown key `zzz`; expected one of `connect`, `idle`"],
    );
    check(
        "rotes: {}\nserver: { lisen: x }",
        &[
            "f:1:1: unknown key `rotes`; did you mean `routes`?",
            "f:2:11: unknown key `lisen`; did you mean `listen`?",
        ],
    );
}

#[test]
fn wrong_types_say_what_was_expected() {
    check(
        "routes:\n  a:\n    timeout: { connect: 3 }\n",
        &["f:3:25: `connect` cannot be a number; expected a duration like `3s`"],
    );
    check(
        "server:\n  workers: many\n",
        &["f:2:12: `workers` cannot be text; expected a whole number from 0 to 255"],
    );
    check(
        "server:\n  listen: 8080\n",
        &["f:2:11: `listen` cannot be a number; expected text: put quotes around it"],
    );
    check(
        "server: { shy: yes }",
        &["f:1:16: `shy` cannot be text; expected `true` or `false`"],
    );
    check(
        "server: [1]\nproviders:\n",
        &[
            "f:1:1: `server` cannot be a list; expected a map",
            "f:2:1: `providers` cannot be empty; expected a map, `{}` if there is nothing in it",
        ],
    );
    check(
        "routes: { a: { targets: x } }",
        &["f:1:25: `targets` cannot be text; expected a list"],
    );
    check(
        "providers: { a: { headers: { x: 1 } } }",
        &["f:1:33: `x` cannot be a number; expected text: put quotes around it"],
    );
}

#[test]
fn words_of_closed_lists_name_the_nearest() {
    check(
        "providers: { a: { kind: openai } }",
        &[
            "f:1:25: `kind` cannot be `openai`; did you mean `open-ai`?; expected one of `open-ai`, `anthropic`",
        ],
    );
    check(
        "providers: { a: { auth: barer } }",
        &[
            "f:1:25: `auth` cannot be `barer`; did you mean `bearer`?; expected one of `none`, `bearer`, or a map",
        ],
    );
    check(
        "access: opn",
        &["f:1:9: `access` cannot be `opn`; did you mean `open`?; expected `open`, or a map"],
    );
}

#[test]
fn numbers_and_durations_out_of_bounds_are_found_together() {
    check(
        "server: { workers: 256 }\nproviders: { a: { first_token: 3 weeks, error_rate: high } }\nroutes: { r: { timeout: { idle: 25h } } }",
        &[
            "f:1:20: `workers` cannot be 256; expected a whole number from 0 to 255",
            "f:2:32: `3 weeks` is no duration: write a number and a unit, like `50ms`, `3s`, `10m` or `1h`",
            "f:2:53: `error_rate` cannot be text; expected a number",
            "f:3:33: `25h` is longer than 24h, the most a duration may be",
        ],
    );
    check(
        "server: { workers: 1.5 }",
        &["f:1:20: `workers` cannot be a number; expected a whole number from 0 to 255"],
    );
}

#[test]
fn untagged_maps_are_checked_inside() {
    check(
        "routes:\n  a:\n    targets:\n      - a/b\n      - target: c/d\n        wieght: 2\n      - { weight: 2 }\n      - 7\n",
        &[
            "f:6:9: unknown key `wieght`; did you mean `weight`?",
            "f:7:9: missing key `target`",
            "f:8:9: item 4 of `targets` cannot be a number; expected text, or a map",
        ],
    );
    check(
        "routes: { a: { targets: [{ taget: x }] } }",
        &["f:1:28: unknown key `taget`; did you mean `target`?"],
    );
    check(
        "access: { kys: [] }",
        &["f:1:11: unknown key `kys`; did you mean `keys`?"],
    );
}

#[test]
fn variants_are_told_apart_by_their_tag() {
    check(
        "providers: { a: { auth: { heeder: x } } }",
        &["f:1:27: unknown key `heeder`; did you mean `header`?"],
    );
    check(
        "providers: { a: { auth: { header: x, query: y } } }",
        &["f:1:19: `auth` needs exactly one key; expected one of `header`, `query`"],
    );
    check(
        "providers: { a: { auth: { header: [] } } }",
        &["f:1:27: `header` cannot be a list; expected text"],
    );
    check(
        "providers:\n  a: { limit: { by: token, most: 3 } }\n  b: { limit: { by: tokens, most: 3, brst: 1 } }\n  c: { limit: { most: 3 } }\n",
        &[
            "f:2:21: `by` cannot be `token`; did you mean `tokens`?; expected one of `requests`, `tokens`",
            "f:3:38: unknown key `brst`; did you mean `burst`?",
            "f:4:8: missing key `by`; expected one of `requests`, `tokens`",
        ],
    );
}

#[test]
fn keys_are_given_once() {
    check(
        "server: {}\nroutes: {}\nserver: { shy: 1 }\n",
        &["f:3:1: duplicate key `server`; expected each key once; `server` is already on line 1"],
    );
}

#[test]
fn text_that_is_no_yaml_is_one_problem_with_its_place() {
    for (yaml, start) in [
        ("server:\n\tlisten: x\n", "f:2:2: this is no YAML: "),
        ("server: [", "f:1:"),
        ("server: {a: b", "f:1:"),
        ("a: b: c", "f:1:"),
        ("x: *nowhere", "f:1:4: this is no YAML: "),
        ("server: 'open", "f:1:"),
    ] {
        let problems = lines(&parse::<File>("f", yaml).unwrap_err());
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with(start), "{problems:#?}");
    }
    let problems = parse::<File>("f", "server:\n\tlisten: x\n").unwrap_err();
    assert!(problems[0].expected.as_deref().unwrap().contains("tabs"));
}

#[test]
fn what_is_no_map_of_settings_is_refused() {
    check("- a", &["f:1:1: the file cannot be a list; expected a map"]);
    check("hello", &["f:1:1: the file cannot be text; expected a map"]);
    check(
        "server: {}\n---\nserver: {}\n",
        &["f:2:1: a second document begins here; expected one document"],
    );
    check(
        "server: !secret {}\n",
        &["f:1:17: the tag `!secret` has no meaning here; expected a value without a tag"],
    );
    check(
        "? [a, b]\n: c\n",
        &[
            "f:1:3: a key must be text",
            "f:1:3: unknown key ``; expected one of `access`, `providers`, `routes`, `server`",
        ],
    );
}

#[test]
fn small_files_do_not_become_large_trees() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    check(
        &bomb,
        &[
            "f:5:45: the file becomes too large here; expected at most 100000 values, with aliases expanded",
        ],
    );
    let deep = parse::<File>("f", &"[".repeat(5000)).unwrap_err();
    assert_eq!(deep.len(), 1, "{:#?}", lines(&deep));
    let deep = parse::<File>("f", &"- ".repeat(5000)).unwrap_err();
    assert_eq!(deep.len(), 1, "{:#?}", lines(&deep));
    check(
        "a: &a { b: *a }",
        &["f:1:12: an alias stands inside its own anchor; expected a value"],
    );
}

#[test]
fn empty_files_are_all_defaults() {
    for yaml in ["", "\n", "# nothing\n", "---\n", "~", "{}", "\u{feff}"] {
        assert!(loaded(yaml).value.routes.is_empty(), "{yaml:?}");
    }
}

#[test]
fn marks_and_line_ends_do_not_move_places() {
    check(
        "\u{feff}sever: {}\r\nroutes:\r\n  a:\r\n    timout: {}\r\n",
        &[
            "f:1:1: unknown key `sever`; did you mean `server`?",
            "f:4:5: unknown key `timout`; did you mean `timeout`?",
        ],
    );
    check(
        "providers: { größe: { knd: x } }",
        &["f:1:23: unknown key `knd`; did you mean `kind`?"],
    );
}

#[test]
fn aliases_and_merge_keys_are_read_as_written() {
    let file = loaded(
        "routes:\n  a: &a\n    timeout: &t { connect: 3s }\n    targets: [x/y]\n  b: { timeout: *t }\n  c: { <<: *a, targets: [] }\n",
    );
    let route = |name: &str| &file.value.routes[name];
    assert_eq!(route("b").timeout.connect, Some(Span::secs(3)));
    assert_eq!(route("c").timeout.connect, Some(Span::secs(3)));
    assert!(route("c").targets.is_empty());
    check(
        "routes:\n  a: &a { tmeout: {} }\n  b: *a\n  c: { <<: *a }\n  d: { <<: 3 }\n",
        &[
            "f:2:11: unknown key `tmeout`; did you mean `timeout`?",
            "f:5:12: `<<` does not name a map; expected a map, or a list of maps",
        ],
    );
}

#[test]
fn all_shapes_are_read() {
    let file = loaded(
        "server: { listen: '127.0.0.1:80', workers: 4, shy: true }\n\
         providers:\n  a: { auth: bearer, kind: anthropic, first_token: 50ms, error_rate: 1, headers: { x: '1' } }\n  b: { auth: { header: x-key }, limit: { by: tokens, most: 3 } }\n  c: { auth: ~ }\n\
         routes:\n  r: { targets: [a/b, { target: c/d, weight: 2 }] }\n\
         access: { keys: [k] }\n",
    );
    assert_eq!(file.value.server.workers, Some(4));
    assert_eq!(
        file.value.providers["b"].auth,
        Some(Auth::Header("x-key".to_owned()))
    );
    assert_eq!(file.value.routes["r"].targets.len(), 2);
}

#[test]
fn what_the_schema_cannot_say_keeps_the_place_of_the_value() {
    check(
        "routes: { a: { targets: [{ target: x, weight: 5000000000 }] } }",
        &["f:1:47: `weight` cannot be 5000000000; expected a whole number from 0 to 4294967295"],
    );
    check("server:\n  pair: 3\n", &["f:2:9: 3 is odd"]);
    check(
        "routes: { a: { targets: [{ target: x, pair: 3 }] } }",
        &["f:1:26: data did not match any variant of untagged enum Target"],
    );
    let problem = parse::<File>("f", "server: { pair: 3 }")
        .unwrap_err()
        .remove(0);
    assert_eq!(problem.path, ["server", "pair"]);
}

#[test]
fn problems_of_rooms_stand_at_their_key() {
    let file =
        loaded("routes:\n  a:\n    targets:\n      - a/b\n      - target: c/d\nproviders: {}\n");
    for (path, at) in [
        (vec!["routes", "a", "targets"], (3, 5)),
        (vec!["routes", "a", "targets", "0"], (4, 9)),
        (vec!["routes", "a", "targets", "1", "target"], (5, 9)),
        (vec!["routes", "a", "targets", "1", "weight"], (5, 9)),
        (vec!["routes", "a", "targets", "9"], (3, 5)),
        (vec!["routes", "a", "retry"], (2, 3)),
        (vec!["server", "listen"], (1, 1)),
        (vec![], (1, 1)),
    ] {
        let found = file.place(&Problem::new(path.clone(), "is wrong"));
        assert_eq!((found.line, found.column), at, "{path:?}");
        assert_eq!(found.path, path);
    }
}

#[test]
fn the_schema_is_the_same_at_every_call() {
    let schema = json_schema::<File>();
    assert_eq!(schema, json_schema::<File>());
    assert!(schema.contains("\"title\": \"Waypost configuration\""));
    assert!(schema.contains("\"$schema\": \"https://json-schema.org/draft/2020-12/schema\""));
}

proptest::proptest! {
    #[test]
    fn reading_never_panics(text in "(?s).{0,200}") {
        let _ = parse::<File>("f", &text);
    }

    #[test]
    fn reading_yaml_like_text_never_panics(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "server", "routes", "a", ": ", ":\n  ", "\n", "- ", "[", "]", "{", "}", ", ", "&a ", "*a", "<<: ", "? ",
            "!x ", "|\n ", "'", "\"", "#", "---\n", "3s", "7", "~", "\t", "\r", "\u{feff}", "é", "targets", "limit", "by",
        ]), 0..40)) {
        let _ = parse::<File>("f", &words.concat());
    }
}
