//! What compiles, what does not, and what hostile schemas and values can do.

use serde_json::json;

use super::*;

fn compile(schema: &str) -> Result<Schema, Unusable> {
    Schema::compile(&RawValue::from_string(schema.to_owned()).unwrap())
}

/// The verdict of a schema over a value, as text.
fn verdict(schema: &str, value: &Value) -> String {
    match compile(schema).unwrap().check(value) {
        Ok(()) => "fits".to_owned(),
        Err(mismatch) => mismatch.to_string(),
    }
}

#[test]
fn a_text_may_be_shown_whole() {
    assert_eq!(shown_text("a\nb", usize::MAX), "a\\nb");
}

#[test]
fn a_mismatch_says_where_and_why() {
    let check = |schema: &str, value: Value, expected: &str| {
        assert_eq!(verdict(schema, &value), expected, "{schema} {value}");
    };
    let person = r#"{"type":"object","properties":{"name":{"type":"string"},"age":{"type":["integer","null"]},
        "tags":{"type":"array","items":{"enum":["a","b"]},"maxItems":2,"uniqueItems":true}},
        "required":["name"],"additionalProperties":false}"#;
    check(person, json!({"name": "x", "age": null}), "fits");
    check(person, json!("x"), r#""x" is not of type object"#);
    check(person, json!({}), r#"the member "name" is missing"#);
    check(
        person,
        json!({"name": 7}),
        "7 is not of type string (at /name)",
    );
    check(
        person,
        json!({"name": "x", "age": "7"}),
        r#""7" is not of type null or integer (at /age)"#,
    );
    check(
        person,
        json!({"name": "x", "tags": ["a", "c"]}),
        r#""c" is none of ["a","b"] (at /tags/1)"#,
    );
    check(
        person,
        json!({"name": "x", "nick": 1}),
        r#"there may be no member "nick""#,
    );
    check(
        r#"{"pattern":"^a+$"}"#,
        json!("b"),
        r#""b" does not match the pattern "^a+$""#,
    );
    check(r#"{"minimum":3}"#, json!(2), "2 is less than 3");
    check(
        r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
        json!(2),
        "2 fits none of the allowed shapes",
    );
    check(
        r#"{"dependentRequired":{"a":["b"]}}"#,
        json!({"a": 1}),
        r#"the member "b" is missing"#,
    );
    check(r#"{"format":"date"}"#, json!("yesterday"), "fits");
}

#[test]
fn quotations_are_short_and_escaped() {
    let long = "ä\n\u{202e}\u{1b}[31m".repeat(50);
    let message = verdict(r#"{"type":"integer"}"#, &json!(long));
    assert!(message.chars().count() < 400, "{message}");
    assert!(message.contains('…') && message.contains("\\u{202e}"));
    assert!(
        !message.chars().any(|c| c.is_control() || c == '\u{202e}'),
        "{message}"
    );
    let name = "n\r\n".repeat(1_000);
    let schema = r#"{"additionalProperties":{"type":"integer"}}"#;
    let path = compile(schema).unwrap().check(&json!({ name: "x" }));
    let path = path.unwrap_err().path;
    assert!(path.chars().count() < 500 && !path.contains('\n'), "{path}");
}

#[test]
fn without_a_draft_it_is_2020_12_and_a_named_draft_holds() {
    // `prefixItems` is a word of 2020-12 alone.
    let tuple = r#""prefixItems":[{"type":"string"}]}"#;
    assert_ne!(verdict(&format!("{{{tuple}"), &json!([1])), "fits");
    let seven = format!(r#"{{"$schema":"http://json-schema.org/draft-07/schema#",{tuple}"#);
    assert_eq!(verdict(&seven, &json!([1])), "fits");
}

#[test]
fn what_cannot_be_used_is_told_so() {
    let check = |schema: &str, word: &str| {
        let why = compile(schema).unwrap_err().to_string();
        assert!(why.contains(word), "{schema:.200}: {why}");
        assert!(why.chars().count() < 500, "{why}");
    };
    // Nothing is fetched: neither from the network nor from files.
    for place in [
        "http://127.0.0.1:9/s",
        "https://x.test/s",
        "file:///etc/passwd",
        "ftp://x/s",
    ] {
        check(&format!(r#"{{"$ref":"{place}"}}"#), "refers");
        check(&format!(r#"{{"$schema":"{place}"}}"#), "");
    }
    check(r##"{"$ref":"#/$defs/gone"}"##, "refers");
    check(
        r##"{"$ref":"#name","$defs":{"a":{"$anchor":"name"}}}"##,
        "refers",
    );
    check(r#"{"allOf":[{"$id":"x"}]}"#, "id of its own");
    check(
        r##"{"$dynamicAnchor":"n","$dynamicRef":"#n"}"##,
        "$dynamicRef",
    );
    check(r#"{"type":"thing"}"#, "");
    check(r#"{"pattern":"("}"#, "");
    // Patterns that only an engine with backtracking takes, or that are too large.
    check(r#"{"pattern":"(?=a)b"}"#, "");
    check(r#"{"pattern":"(a)\\1"}"#, "");
    check(r#"{"pattern":"(a{1000}){1000}"}"#, "");
    let deep = format!(
        "{}{}",
        r#"{"not":"#.repeat(100),
        "{}".to_owned() + &"}".repeat(100)
    );
    check(&deep, "deeper");
    let levels = format!("{}1{}", r#"{"not":"#.repeat(200), "}".repeat(200));
    check(&levels, "recursion");
    let wide = format!(r#"{{"anyOf":[{}true]}}"#, "true,".repeat(10_000));
    check(&wide, "subschemas");
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(bounds::MAX_BYTES));
    check(&long, "bytes");
}

#[test]
fn hostile_schemas_and_values_end() {
    let check = |schema: &str, value: Value| {
        // Whatever it says: it says it, without end of stack or time.
        let _ = compile(schema).map(|schema| schema.check(&value));
    };
    check(r##"{"$ref":"#"}"##, json!({}));
    check(r##"{"allOf":[{"$ref":"#"}],"type":"object"}"##, json!(1));
    check(
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"not":{"$ref":"#/$defs/a"}}}}"##,
        json!([]),
    );
    check(r#"{"multipleOf":1e-300}"#, json!(1e300));
    check(r#"{"minLength":9223372036854775808}"#, json!("x"));
    check(r#"{"minItems":1e400}"#, json!([]));
    check(r#"{"pattern":"(a+)+$"}"#, json!("a".repeat(100_000) + "!"));
    check(
        r#"{"uniqueItems":true}"#,
        json!(vec![json!({"a": 1}); 2_000]),
    );
    // A recursive schema that looks at each level twice, over the deepest value a parser gives.
    let twice = r##"{"properties":{"c":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}},"additionalProperties":false}"##;
    let mut deep = json!(1);
    let mut wrong = json!({"x": 1});
    for _ in 0..120 {
        deep = json!({ "c": deep });
        wrong = json!({ "c": wrong });
    }
    check(twice, deep);
    check(twice, wrong);
}

/// `length` definitions, each of which names the next one twice.
fn doubling(kind: &str, length: usize) -> String {
    let definition = |at: usize| {
        let next = format!(r##"{{"$ref":"#/$defs/d{:03}"}}"##, at + 1);
        format!(r#""d{at:03}":{{"{kind}":[{next},{next}]}}"#)
    };
    let all: Vec<String> = (0..length).map(definition).collect();
    format!(
        r##"{{"$defs":{{{},"d{length:03}":{{"type":"string"}}}},"$ref":"#/$defs/d000"}}"##,
        all.join(",")
    )
}

#[test]
fn references_are_counted_as_often_as_they_are_followed() {
    for kind in ["anyOf", "allOf", "oneOf"] {
        let why = compile(&doubling(kind, 20)).unwrap_err().to_string();
        assert!(why.contains("references followed"), "{why}");
        assert_ne!(verdict(&doubling(kind, 8), &json!(1)), "fits");
    }
    // A long chain would end the stack, whatever order it is written in: the walk must not be deceived by having
    // seen its end first.
    let link = |at: usize| format!(r##""d{:03}":{{"$ref":"#/$defs/d{:03}"}}"##, at, at + 1);
    let chain = |at: &mut dyn Iterator<Item = usize>| {
        let links: Vec<String> = at.map(link).collect();
        format!(
            r##"{{"$ref":"#/$defs/d000","$defs":{{{},"d200":{{}}}}}}"##,
            links.join(",")
        )
    };
    let forwards = chain(&mut (0..200));
    let flipped = (0..200).fold(forwards.clone(), |text, at| {
        text.replace(&format!("d{at:03}"), &format!("e{:03}", 200 - at))
    });
    for schema in [forwards, flipped.replace("d200", "e000")] {
        let why = compile(&schema).unwrap_err().to_string();
        assert!(why.contains("follow each other"), "{why}");
    }
}

#[test]
fn a_circle_is_judged_without_reasons() {
    let tree = r##"{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","required":["v"],
        "properties":{"v":{"type":"integer"},"c":{"type":"array","items":{"$ref":"#/$defs/n"}}}}}}"##;
    assert_eq!(verdict(tree, &json!({"v": 1, "c": [{"v": 2}]})), "fits");
    assert_eq!(
        verdict(tree, &json!({"v": 1, "c": [{}]})),
        "it does not fit its schema"
    );
}

#[test]
fn all_mismatches_are_told_up_to_a_number() {
    let schema = compile(r#"{"items":{"type":"integer"}}"#).unwrap();
    assert_eq!(schema.mismatches(&json!([1, 2]), 5), []);
    let found = schema.mismatches(&json!(["a", 1, "b", "c"]), 2);
    let places: Vec<&str> = found.iter().map(|found| found.path.as_str()).collect();
    assert_eq!(places, ["/0", "/2"]);
    let circle = compile(r##"{"items":{"$ref":"#"},"type":"array"}"##).unwrap();
    assert_eq!(circle.mismatches(&json!([1, 2]), 5).len(), 1);
}

#[test]
fn formats_count_where_they_are_asked_for() {
    let text = r#"{"format":"date"}"#;
    assert_eq!(verdict(text, &json!("soon")), "fits");
    let raw = RawValue::from_string(text.to_owned()).unwrap();
    let strict = Schema::compile_with_formats(&raw).unwrap();
    assert_eq!(strict.check(&json!("2026-02-28")), Ok(()));
    let found = strict.check(&json!("soon")).unwrap_err();
    assert_eq!(found.to_string(), r#""soon" is no date"#);
}
