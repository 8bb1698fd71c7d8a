//! Which tools are called, and what follows their results.

use super::*;

#[test]
fn calls_are_those_that_were_asked_for() {
    let check = |text: &str, more: Value, expected: &[&str]| {
        let body = and(and(ask(text), tools(&["get_weather", "get_time"])), more);
        assert_eq!(calls(&body), expected, "{body}");
    };
    check("[[sim tool=get_time]]", json!({}), &["get_time"]);
    check(
        "[[sim tools=get_time,get_weather,get_time]]",
        json!({}),
        &["get_time", "get_weather", "get_time"],
    );
    check("[[sim tool=not_offered]]", json!({}), &["not_offered"]);
    check("[[sim tool=get_time]]", json!({"tool_choice": "none"}), &[]);
    check("[[sim echo]]", json!({"tool_choice": "required"}), &[]);
    check(
        "Get weather, then get_time",
        json!({"tool_choice": "required"}),
        &["get_weather", "get_time"],
    );
    check(
        "Get time, get weather",
        json!({"tool_choice": "required", "parallel_tool_calls": false}),
        &["get_weather"],
    );
    let named = json!({"tool_choice": {"type": "function", "function": {"name": "get_time"}}});
    check("hello", named, &["get_time"]);
}

#[test]
fn about_half_of_the_free_choices_are_calls() {
    let simulator = with_faults(&[]);
    let body = and(ask("hello"), tools(&["get_weather"])).to_string();
    let called = |_: &i32| {
        let reply = whole(&simulator.answer(CHAT, body.as_bytes(), 0));
        reply["choices"][0]["finish_reason"] == "tool_calls"
    };
    let count = (0..400).filter(called).count();
    assert!((160..240).contains(&count), "{count}");
}

#[test]
fn arguments_match_the_schema_of_the_tool() {
    let body = and(
        ask("Weather in Oslo [[sim tool=get_weather]]"),
        tools(&["get_weather"]),
    );
    let reply = whole(&first(&body));
    let choice = &reply["choices"][0];
    assert_eq!(choice["message"]["content"], Value::Null);
    let arguments = choice["message"]["tool_calls"][0]["function"]["arguments"]
        .as_str()
        .unwrap();
    assert!(
        arguments.starts_with(r#"{"city":"Oslo","days":"#),
        "{arguments}"
    );
    let cut = whole(&first(&and(body, json!({"max_tokens": 5}))));
    assert_eq!(cut["choices"][0]["finish_reason"], "length");
    assert_eq!(cut["usage"]["completion_tokens"], 5);
}

#[test]
fn a_tool_result_is_answered_with_a_text_that_repeats_it() {
    let messages = json!([
        {"role": "user", "content": "Weather? [[sim tool=get_weather]]"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "12 degrees"},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "rain"}]},
    ]);
    let body = and(
        json!({"model": "m", "messages": messages}),
        tools(&["get_weather"]),
    );
    let text = text(&body);
    assert!(
        text.starts_with("The tool says: 12 degrees. The tool says: rain. "),
        "{text}"
    );
    let again = and(body, json!({"tool_choice": "required"}));
    assert_eq!(calls(&again), ["get_weather"]);
}
