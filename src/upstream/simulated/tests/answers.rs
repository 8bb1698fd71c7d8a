//! Texts, their spelling and their times.

use super::*;

#[test]
fn the_same_seed_and_number_give_the_same_script() {
    let body = ask("Tell me about harbours").to_string();
    let run = |seed| {
        let simulator = Simulator::new(Simulation { seed, ..settings() });
        (0..4)
            .map(|_| simulator.answer(CHAT, body.as_bytes(), 5))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let scripts = run(1);
    assert_ne!(bytes(&scripts[0]), bytes(&scripts[1]));
}

#[test]
fn a_stream_says_what_the_whole_answer_says_in_the_same_time() {
    let offered = and(
        tools(&["get_weather", "get_time"]),
        json!({"tool_choice": "required", "n": 2}),
    );
    for body in [
        ask("What is the weather in Oslo?"),
        ask("[[sim echo]] Grüße, 日本 👩‍👩‍👧"),
        and(ask("hi"), json!({"max_tokens": 7, "n": 3})),
        and(
            ask("hi"),
            json!({"response_format": {"type": "json_object"}}),
        ),
        and(ask("get weather and get_time"), offered),
    ] {
        let plain = first(&body);
        let stream = first(&and(
            body.clone(),
            json!({"stream": true, "stream_options": {"include_usage": true}}),
        ));
        let reply = whole(&plain);
        let told = events(&stream);
        assert_eq!(told.last().unwrap(), "[DONE]");
        let choices = joined(&told);
        for (choice, (text, calls, finish)) in
            reply["choices"].as_array().unwrap().iter().zip(&choices)
        {
            assert_eq!(choice["finish_reason"], *finish);
            assert_eq!(
                choice["message"]["content"].as_str().unwrap_or_default(),
                text
            );
            let expected = choice["message"]["tool_calls"]
                .as_array()
                .into_iter()
                .flatten();
            let expected: Vec<_> = expected
                .map(|call| {
                    let text = |key: &str| call["function"][key].as_str().unwrap().to_owned();
                    (text("name"), text("arguments"))
                })
                .collect();
            assert_eq!(*calls, expected);
        }
        let last: Value = serde_json::from_str(&told[told.len() - 2]).unwrap();
        assert_eq!(
            (&last["choices"], &last["usage"]),
            (&json!([]), &reply["usage"])
        );
        let difference = waits(&plain).abs_diff(waits(&stream));
        assert!(difference < Duration::from_micros(10), "{difference:?}");
    }
}

#[test]
fn a_stream_is_spelt_as_openai_spells_it() {
    let script = first(&and(ask("[[sim echo]] Hi there"), json!({"stream": true})));
    assert_eq!(
        header(&script, "content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    let chunk = |choice: &str| {
        format!(
            r#"{{"id":"chatcmpl-sim-7-0","object":"chat.completion.chunk","created":1700000000,"model":"m-1","choices":[{choice}],"system_fingerprint":"simulated"}}"#
        )
    };
    let expected = [
        chunk(
            r#"{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}"#,
        ),
        chunk(r#"{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}"#),
        chunk(r#"{"index":0,"delta":{"content":" there"},"logprobs":null,"finish_reason":null}"#),
        chunk(r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}"#),
        "[DONE]".to_owned(),
    ];
    assert_eq!(events(&script), expected);
}

#[test]
fn a_whole_answer_is_spelt_as_openai_spells_it() {
    let script = first(&ask("[[sim echo]] Hi there"));
    let expected = r#"{"id":"chatcmpl-sim-7-0","object":"chat.completion","created":1700000000,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"Hi there","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":6,"completion_tokens":2,"total_tokens":8},"system_fingerprint":"simulated"}"#;
    assert_eq!(String::from_utf8(bytes(&script)).unwrap(), expected);
}

#[test]
fn first_tokens_come_around_the_median_and_all_tokens_at_the_speed() {
    let simulator = with_faults(&[]);
    let body = and(ask("[[sim tokens=50]]"), json!({"stream": true})).to_string();
    let scripts: Vec<Script> = (0..1000)
        .map(|_| simulator.answer(CHAT, body.as_bytes(), 0))
        .collect();
    let mut delays: Vec<Duration> = scripts.iter().map(|script| script.delay).collect();
    delays.sort();
    let median = delays[500].as_secs_f64();
    assert!((0.27..0.33).contains(&median), "{median}");
    let (slow, slowest) = (delays[950].as_secs_f64(), delays[999].as_secs_f64());
    assert!(slow > 1.5 * median && slowest <= 3.0, "{slow} {slowest}");
    let rest: f64 = scripts
        .iter()
        .map(|script| (waits(script) - script.delay).as_secs_f64())
        .sum();
    assert!((rest / 1000.0 - 49.0 / 80.0).abs() < 0.01, "{rest}");
}

#[test]
fn no_settings_make_it_panic() {
    for (speed, first_token) in [
        (0.0, Duration::MAX),
        (f64::NAN, Duration::ZERO),
        (-1.0, Duration::MAX),
        (1e-300, Duration::MAX),
    ] {
        let simulator = Simulator::new(Simulation {
            first_token,
            tokens_per_second: speed,
            error_rate: f64::NAN,
            ..settings()
        });
        for stream in [false, true] {
            let body = and(ask("hi"), json!({"stream": stream})).to_string();
            assert_eq!(
                simulator.answer(CHAT, body.as_bytes(), u64::MAX).status,
                200
            );
        }
    }
}

#[test]
fn texts_have_the_length_that_was_asked_for() {
    let check = |body: Value, tokens: u64, finish: &str| {
        let reply = whole(&first(&body));
        assert_eq!(reply["usage"]["completion_tokens"], tokens, "{body}");
        assert_eq!(reply["choices"][0]["finish_reason"], finish, "{body}");
    };
    check(ask("[[sim tokens=200]]"), 200, "stop");
    check(ask("[[sim tokens=0]]"), 0, "stop");
    check(and(ask("hi"), json!({"max_tokens": 3})), 3, "length");
    check(
        and(
            ask("hi"),
            json!({"max_completion_tokens": 4, "max_tokens": 9}),
        ),
        4,
        "length",
    );
    check(ask("[[sim tokens=18446744073709551615]]"), 16_384, "length");
    let long = format!("[[sim echo]]{}", "a ".repeat(40_000));
    check(ask(&long), 16_384, "length");
}

#[test]
fn texts_take_up_what_the_user_said() {
    assert!(text(&ask("What about lighthouses?")).contains("lighthouses"));
    let parts = json!([{"type": "text", "text": "[[sim echo]]"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, {"type": "text", "text": "both"}]);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": parts}]});
    assert_eq!(text(&body), "both");
}

#[test]
fn json_is_answered_where_it_was_asked_for() {
    let schema =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let format = |format: Value| {
        text(&and(
            ask("Weather in Oslo"),
            json!({"response_format": format}),
        ))
    };
    let named = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    assert_eq!(format(named), r#"{"city":"Oslo"}"#);
    let object: Value = serde_json::from_str(&format(json!({"type": "json_object"}))).unwrap();
    assert!(object["answer"].is_string(), "{object}");
}
