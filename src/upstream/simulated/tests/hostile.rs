//! Bodies and settings that are wrong.

use proptest::prelude::*;

use super::*;

#[test]
fn wrong_bodies_get_a_400_that_names_the_parameter() {
    let check = |body: &str, param: Value| {
        let script = with_faults(&[]).answer(CHAT, body.as_bytes(), 0);
        assert_eq!(script.status, 400, "{body:.80}");
        let error = &whole(&script)["error"];
        assert_eq!(error["param"], param, "{body:.80}");
        assert_eq!(error["type"], "invalid_request_error");
    };
    check("", Value::Null);
    check("[1]", Value::Null);
    check("\u{0}", Value::Null);
    check(r#"{"model":"a","model":"b"}"#, Value::Null);
    check(&"[".repeat(100_000), Value::Null);
    let wide: String = (0..200_000).map(|n| format!("\"k{n}\":1,")).collect();
    check(&format!("{{{wide}\"z\":1}}"), json!("model"));
    check("{}", json!("model"));
    check(r#"{"model":"m","messages":[]}"#, json!("messages"));
    check(
        r#"{"model":"m","messages":[{"content":"x"}]}"#,
        json!("messages[0].role"),
    );
    check(
        r#"{"model":"m","messages":[{"role":"user","content":[[[1]]]}]}"#,
        json!("messages[0].content[0]"),
    );
    check(&ask("[[sim jump]]").to_string(), json!("messages"));
    check(
        r#"{"messages":[{"role":"user","content":"x"}]}"#,
        json!("model"),
    );
    for (wrong, param) in [
        (json!({"stream": "yes"}), "stream"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (
            json!({"max_completion_tokens": -1}),
            "max_completion_tokens",
        ),
        (json!({"n": 1000}), "n"),
        (json!({"tools": {"a": 1}}), "tools"),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (
            json!({"tool_choice": {"type": "function", "function": {"name": "gone"}}}),
            "tool_choice",
        ),
        (
            json!({"response_format": {"type": "xml"}}),
            "response_format.type",
        ),
    ] {
        check(&and(ask("x"), wrong).to_string(), json!(param));
    }
    check(
        &and(ask("x"), tools(&["t"; 129])).to_string(),
        json!("tools"),
    );
}

#[test]
fn other_paths_are_not_there() {
    assert_eq!(with_faults(&[]).answer("/v1/images", b"{}", 0).status, 404);
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..80), path in "(/v1)?/(chat/completions|embeddings)") {
        with_faults(&[]).answer(&path, &body, 0);
    }

    #[test]
    fn no_value_in_any_place_makes_it_panic(
        key in prop::sample::select(vec!["model", "messages", "stream", "tools", "tool_choice", "response_format", "n", "input", "dimensions"]),
        value in prop::sample::select(vec!["null", "1", "-1", "1e999", "[]", "{}", "[null]", "[{}]", "\"\"", "[[]]", "[\"\",\"x\"]", "true", "[1.5]"]),
        text in "\\PC{0,20}",
    ) {
        let body = and(ask(&text), json!({"input": text}));
        let mut object = crate::json::Object::default();
        let raw = body.to_string();
        for (name, member) in crate::json::Object::parse(raw.as_bytes()).unwrap().iter() {
            object.set_raw(name.to_owned(), member.to_owned());
        }
        if let Ok(raw) = serde_json::from_str(value) {
            object.set_raw(key, raw);
        }
        for path in [CHAT, EMBEDDINGS] {
            with_faults(&[]).answer(path, &object.to_bytes(), 0);
        }
    }
}
