//! What is no tool: schemas that cannot be held to, and texts that hide something.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::{
    policy::Breaker,
    span::Span,
    tools::{Cache, Concurrency, Output, Retry, Run, Scope, Stop},
};

#[derive(Debug)]
struct Nothing;

impl Kind for Nothing {
    fn run<'a>(&'a self, _: Run<'a>) -> BoxFuture<'a, Result<Output, Stop>> {
        Box::pin(std::future::ready(Ok(Output::default())))
    }
}

fn described() -> Common {
    Common {
        description: "A test.".to_owned(),
        ..Common::default()
    }
}

/// The problems of a tool with these settings, as paths and sentences.
fn problems(common: Common) -> Vec<(String, String)> {
    let mut found = common.problems();
    let named = ("t".to_owned(), "t".to_owned(), "test");
    found.extend(
        Tool::assemble(named, common, Box::new(Nothing), closed)
            .err()
            .unwrap_or_default(),
    );
    found
        .into_iter()
        .map(|problem| (problem.path.join("."), problem.message))
        .collect()
}

fn schema_problems(schema: &str) -> Vec<(String, String)> {
    problems(Common {
        input_schema: serde_json::from_str(schema).unwrap(),
        ..described()
    })
}

#[test]
fn schemas_that_cannot_be_held_to_are_refused_and_soon() {
    let wide = format!(r#"{{"anyOf":[{}true]}}"#, "true,".repeat(100_000));
    let deep = format!(
        r#"{{"allOf":[{}{}]}}"#,
        r#"{"allOf":["#.repeat(50),
        "]}".repeat(50)
    );
    for (schema, why) in [
        (
            r#"{"properties":{"a":{"$ref":"http://127.0.0.1:9/s.json"}}}"#,
            "not in it",
        ),
        (
            r#"{"properties":{"a":{"$ref":"file:///etc/passwd"}}}"#,
            "not in it",
        ),
        (
            r#"{"properties":{"a":{"$ref":"ftp://127.0.0.1/s"}}}"#,
            "not in it",
        ),
        (
            r##"{"properties":{"a":{"$dynamicRef":"#x"}}}"##,
            "$dynamicRef",
        ),
        (r#"{"$schema":"https://example.com/mine"}"#, ""),
        (r#"{"type":"objekt"}"#, ""),
        (r#"{"properties":7}"#, ""),
        (r#"{"properties":{"a":{"pattern":"(a{1000}){1000}"}}}"#, ""),
        (r#"{"properties":{"a":{"pattern":"(?=a)"}}}"#, ""),
        (&wide, "bytes"),
        (&deep, "deeper"),
    ] {
        let began = Instant::now();
        let found = schema_problems(schema);
        assert_eq!(
            found.len(),
            1,
            "{found:?} {}",
            &schema[..schema.len().min(80)]
        );
        assert_eq!(found[0].0, "input_schema");
        assert!(found[0].1.contains(why), "{found:?}");
        assert!(found[0].1.len() < 500, "{found:?}");
        // A hundred milliseconds, ten times over for a busy machine.
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{:?}",
            began.elapsed()
        );
    }
}

#[test]
fn odd_schemas_that_can_be_held_to_are_taken() {
    for schema in [
        r#"{"properties":{"a":{"multipleOf":1e-300}}}"#,
        r#"{"properties":{"a":{"minLength":9223372036854775808}}}"#,
        r#"{"properties":{"a":{"pattern":"(a+)+$"}}}"#,
        r##"{"properties":{"a":{"$ref":"#"}}}"##,
    ] {
        assert_eq!(schema_problems(schema), [], "{schema}");
    }
}

#[test]
fn texts_that_hide_something_are_refused() {
    let of = |title: &str, description: &str| {
        problems(Common {
            title: Some(title.to_owned()),
            description: description.to_owned(),
            ..Common::default()
        })
    };
    for (title, description, path) in [
        ("", "reads\u{202E} files", "description"),
        ("", "reads\u{200B} files", "description"),
        ("", "reads files\u{E0041}\u{E0042}", "description"),
        ("", "\u{1B}[8mhidden\u{1B}[0m", "description"),
        ("", "nul\0", "description"),
        ("", " \n", "description"),
        ("", &"x".repeat(4 * 1024 + 1), "description"),
        ("a\u{2066}b", "fine", "title"),
        (&"x".repeat(129), "fine", "title"),
    ] {
        let found = of(title, description);
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, [path], "{description:?}");
        let told = &found[0].1;
        assert!(
            told.bytes().all(|byte| (0x20..0x7F).contains(&byte)),
            "{told:?}"
        );
    }
    assert_eq!(
        of("Zwei Wörter 👩\u{200D}👩", "Two lines,\n\tone indented."),
        []
    );
    for schema in [
        json!({"properties": {"a": {"description": "x\u{202E}"}}}),
        json!({"properties": {"a\u{200B}": {}}}),
        json!({"properties": {"a": {"enum": ["x\u{E0041}"]}}}),
        json!({"title\u{1B}": ""}),
    ] {
        let found = schema_problems(&schema.to_string());
        assert_eq!(found[0].0, "input_schema", "{schema}");
        assert!(found[0].1.contains("holds"), "{found:?}");
    }
}

#[test]
fn every_key_has_its_range() {
    let check = |common: Common, path: &str| {
        let found = problems(common);
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, [path]);
    };
    let base = described;
    check(
        Common {
            rpm: Some(0),
            ..base()
        },
        "rpm",
    );
    check(
        Common {
            timeout: Span::secs(0),
            ..base()
        },
        "timeout",
    );
    check(
        Common {
            max_result: Some(1_023),
            ..base()
        },
        "max_result",
    );
    check(
        Common {
            max_result: Some(9 << 20),
            ..base()
        },
        "max_result",
    );
    check(
        Common {
            paging: true,
            output_schema: Some(Map::new()),
            ..base()
        },
        "paging",
    );
    let concurrency = Some(Concurrency {
        limit: 0,
        queue: Span::secs(0),
    });
    check(
        Common {
            concurrency,
            ..base()
        },
        "concurrency.limit",
    );
    let retry = Retry {
        attempts: 2,
        ..Retry::default()
    };
    check(Common { retry, ..base() }, "retry.attempts");
    let cache = Some(Cache {
        ttl: Span::secs(60),
        scope: Scope::Key,
    });
    check(Common { cache, ..base() }, "cache");
    let breaker = Breaker {
        consecutive: 0,
        ..Breaker::default()
    };
    check(Common { breaker, ..base() }, "breaker.consecutive");
    let mut harmless = Common {
        retry,
        cache,
        ..base()
    };
    harmless.annotations.read_only = Some(true);
    assert_eq!(problems(harmless), []);
}

#[test]
fn a_tool_without_arguments_names_the_one_it_does_not_take() {
    let tool = Tool::built_in("t", "t", described(), Box::new(Nothing)).unwrap();
    let told = tool.input.check(&json!({"a": 1})).unwrap_err().to_string();
    assert_eq!(told, r#"there may be no member "a""#);
}

#[test]
fn formats_are_held_to() {
    let schema = json!({"properties": {"on": {"type": "string", "format": "date"}}});
    let common = Common {
        input_schema: schema.as_object().cloned(),
        ..described()
    };
    let tool = Tool::built_in("t", "t", common, Box::new(Nothing)).unwrap();
    assert!(tool.input.check(&json!({"on": "2026-02-28"})).is_ok());
    assert!(tool.input.check(&json!({"on": "2026-02-31"})).is_err());
}

#[test]
fn the_name_of_the_built_in_tool_is_taken() {
    for id in ["result.next", "result__next"] {
        assert!(name::problem(id).is_some(), "{id}");
    }
    assert!(name::problem("result.last").is_none());
}
