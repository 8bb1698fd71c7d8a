//! Both ends of a request: the vectors, with OpenAI's callers and this dialect's provider, and this dialect's
//! callers with an OpenAI-speaking provider.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::{facts, target, vector};
use crate::{
    catalog::{CardSettings, DialectName, Target, resolve},
    dialect::{Ask, Dialect, anthropic::Anthropic, bridge, openai::OpenAi, sse},
    outcome::Failure,
};

/// Every vector of this dialect.
const VECTORS: [&str; 21] = [
    "basic_sampling_clamped",
    "cached_usage",
    "consecutive_same_role",
    "json_schema_output",
    "max_tokens_truncated",
    "reasoning_budget_capped",
    "reasoning_effort_adaptive_model",
    "reasoning_none_always_on_model",
    "reasoning_with_forced_tool",
    "reject_audio_input",
    "server_tool_blocks_ignored",
    "stream_error_before_first_token",
    "stream_parallel_tools",
    "stream_text_cached_usage",
    "stream_tool_no_args",
    "system_mid_supported",
    "system_multiple_leading",
    "tool_choice_named",
    "tool_choice_required_no_parallel",
    "tool_result_with_image",
    "v2026_drops_sampling",
];

const ERRORS: [&str; 5] = [
    "anthropic_400_sampling",
    "anthropic_401",
    "anthropic_402_billing",
    "anthropic_429_retry_after",
    "anthropic_529",
];

fn ask(dialect: &'static dyn Dialect, body: &Value) -> Ask {
    Ask::read(dialect, Bytes::from(body.to_string())).unwrap()
}

/// Whether `found` is what a vector expects: `$ID` and `$INT` stand for any, null for absent.
fn fits(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(word), Value::String(id)) if word == "$ID" => !id.is_empty(),
        (Value::String(word), Value::Number(_)) if word == "$INT" => true,
        (Value::Object(expected), Value::Object(found)) => {
            let keys = expected.keys().chain(found.keys());
            let get = |object: &serde_json::Map<_, _>, key| {
                object.get(key).cloned().unwrap_or(Value::Null)
            };
            keys.into_iter()
                .all(|key| fits(&get(expected, key), &get(found, key)))
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected
                    .iter()
                    .zip(found)
                    .all(|(left, right)| fits(left, right))
        }
        (expected, found) => expected == found,
    }
}

fn assert_fits(expected: &Value, found: &Value, name: &str) {
    assert!(
        fits(expected, found),
        "{name}\nexpected {expected}\nfound    {found}"
    );
}

/// The data of the events, and whether the last was `[DONE]`.
fn chunks(stream: &[u8]) -> (Vec<Value>, bool) {
    let mut framer = sse::Framer::new();
    framer.push(stream);
    let (mut chunks, mut done) = (Vec::new(), false);
    while let Some(event) = framer.next().unwrap() {
        assert!(!done);
        done = event.data == "[DONE]";
        if !done {
            chunks.push(serde_json::from_str(&event.data).unwrap());
        }
    }
    (chunks, done)
}

fn check_failure(vector: &Value, failure: &Failure, name: &str) {
    let class = &vector["expected_classification"]["class"];
    assert_eq!(failure.class.label(), class, "{name}");
    let body = OpenAi.write_error(failure, "req_1");
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_fits(&vector["expected_openai_error"], &body, name);
}

fn check_request(vector: &Value, ask: &Ask, target: &Target, name: &str) -> bool {
    let outgoing = match bridge::request(ask, target) {
        Ok(outgoing) => outgoing,
        Err(failure) => {
            assert_eq!(vector["expected_upstream_calls"], 0, "{name}: {failure:?}");
            check_failure(vector, &failure, name);
            return false;
        }
    };
    let expected = &vector["expected_upstream_request"];
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!(body, expected["body"], "{name}");
    assert_eq!(outgoing.path, expected["path"], "{name}");
    for (key, value) in &outgoing.headers {
        assert_eq!(value, &expected["headers"][key], "{name}");
    }
    let mut dropped = outgoing.dropped;
    dropped.sort();
    let mut expected: Vec<String> = vector["expected_dropped_params"]
        .as_array()
        .map(|list| {
            list.iter()
                .map(|path| path.as_str().unwrap().to_owned())
                .collect()
        })
        .unwrap_or_default();
    expected.sort();
    assert_eq!(dropped, expected, "{name}");
    true
}

#[test]
fn every_vector_passes() {
    for name in VECTORS {
        let vector = vector(&format!("anthropic/{name}"));
        let asked = &vector["openai_request"];
        let model = asked["model"].as_str().unwrap();
        let version = vector["config"]["anthropic_version"].as_str();
        let target = target(model, Some(facts(model)), version);
        let ask = ask(&OpenAi, asked);
        if !check_request(&vector, &ask, &target, name) {
            continue;
        }
        if vector["upstream_response"].is_object() {
            let body = Bytes::from(vector["upstream_response"].to_string());
            let tidy = bridge::reply(&ask, &target, body, 1).unwrap();
            let reply = serde_json::from_slice(&tidy.body).unwrap();
            assert_fits(&vector["expected_openai_response"], &reply, name);
            continue;
        }
        let mut stream = bridge::Stream::new(&ask, &target, "r", 1);
        let mut out = BytesMut::new();
        let frames = vector["upstream_sse"].as_array().unwrap();
        let mut pushed = frames
            .iter()
            .map(|frame| stream.push(frame.as_str().unwrap().as_bytes(), &mut out));
        match pushed.find_map(Result::err) {
            Some(failure) => {
                assert!(!stream.notes().meaningful);
                check_failure(&vector, &failure, name);
            }
            None => {
                stream.end(&mut out).unwrap();
                let (chunks, done) = chunks(&out);
                assert_fits(&vector["expected_chunks"], &json!(chunks), name);
                assert_eq!(done, vector["expected_done"], "{name}");
            }
        }
    }
}

#[test]
fn every_error_vector_passes() {
    for name in ERRORS {
        let vector = vector(&format!("errors/{name}"));
        let status = u16::try_from(vector["upstream_status"].as_u64().unwrap()).unwrap();
        let mut headers = http::HeaderMap::new();
        for (key, value) in vector["upstream_headers"].as_object().unwrap() {
            let key: http::HeaderName = key.parse().unwrap();
            headers.insert(key, value.as_str().unwrap().parse().unwrap());
        }
        let body = vector["upstream_response"].to_string();
        let failure = Anthropic.read_error(status, &headers, body.as_bytes());
        check_failure(&vector, &failure, name);
        let wait = failure.retry_after.map(|wait| wait.as_millis());
        let expected = vector["expected_classification"]["retry_after_ms"].as_u64();
        assert_eq!(wait, expected.map(u128::from), "{name}");
    }
}

/// A provider that speaks OpenAI's dialect.
fn openai() -> Target {
    let settings = CardSettings {
        dialect: Some(DialectName::Openai),
        base_url: Some("https://example.com/v1".to_owned()),
        ..CardSettings::default()
    };
    let credential = Some(crate::secret::Secret::new("k"));
    Target {
        card: Arc::new(resolve("other", &settings, credential).unwrap()),
        model: "gpt".into(),
        facts: None,
    }
}

fn messages_request(stream: bool) -> Ask {
    let body = json!({
        "model": "route",
        "max_tokens": 50,
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            ]},
            {"role": "assistant", "content": [
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                {"type": "text", "text": "calling"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"z": 1, "a": 2}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "r"}]},
                {"type": "text", "text": "and?"},
            ]},
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "container": "c",
        "stream": stream,
    });
    // `json!` sorts keys; a caller need not.
    let body = body.to_string().replace(r#"{"a":2,"z":1}"#, r#"{"z":1,"a":2}"#);
    Ask::read(&Anthropic, Bytes::from(body)).unwrap()
}

#[test]
fn a_messages_request_reaches_an_openai_provider() {
    let outgoing = bridge::request(&messages_request(true), &openai()).unwrap();
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    let expected = json!({
        "model": "gpt",
        "max_completion_tokens": 50,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ]},
            {"role": "assistant", "content": [{"type": "text", "text": "calling"}], "tool_calls": [
                {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{\"z\":1,\"a\":2}"}},
            ]},
            {"role": "tool", "tool_call_id": "toolu_1", "content": [{"type": "text", "text": "r"}]},
            {"role": "user", "content": [{"type": "text", "text": "and?"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "stop": ["END"],
        "user": "u",
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    assert_eq!(body, expected);
    assert_eq!(outgoing.dropped, ["messages[2].content[0]", "container"]);
}

#[test]
fn an_openai_reply_becomes_a_message() {
    let reply = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-x",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Hi", "reasoning_content": "Hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"z\":1,\"a\":2}"}}],
        }}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 4}},
    });
    let body = Bytes::from(reply.to_string());
    let tidy = bridge::reply(&messages_request(false), &openai(), body, 1).unwrap();
    let found: Value = serde_json::from_slice(&tidy.body).unwrap();
    let expected = json!({
        "id": "msg_chatcmpl-1", "type": "message", "role": "assistant", "model": "gpt-x",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": ""},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {"z": 1, "a": 2}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 6, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 5},
    });
    assert_eq!(found, expected);
}

#[test]
fn an_openai_stream_becomes_events() {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x", "choices": choices, "usage": usage});
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value| {
        chunk(
            json!([{"index": 0, "delta": delta, "finish_reason": null}]),
            Value::Null,
        )
    };
    let call = |index: u64, id: &str| {
        delta(
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        )
    };
    let arguments = |index: u64, fragment: &str| {
        delta(json!({"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}))
    };
    let frames = [
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"content": "Hi"})),
        call(0, "c0"),
        arguments(0, "{\"a\":"),
        arguments(0, "1}"),
        call(1, "c1"),
        arguments(1, "{}"),
        chunk(
            json!([{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]),
            Value::Null,
        ),
        chunk(
            json!([]),
            json!({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}),
        ),
        "data: [DONE]\n\n".to_owned(),
    ];
    let mut stream = bridge::Stream::new(&messages_request(true), &openai(), "r", 1);
    let mut out = BytesMut::new();
    for frame in &frames {
        stream.push(frame.as_bytes(), &mut out).unwrap();
    }
    stream.end(&mut out).unwrap();
    let (events, _) = chunks(&out);
    let block = |index: u64, id: &str| json!({"type": "content_block_start", "index": index, "content_block": {"type": "tool_use", "id": id, "name": "f", "input": {}}});
    let input = |index: u64, text: &str| json!({"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": text}});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    let expected = [
        json!({"type": "message_start", "message": {"id": "msg_chatcmpl-1", "type": "message", "role": "assistant", "model": "gpt-x", "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}),
        stop(0),
        block(1, "c0"),
        input(1, "{\"a\":"),
        input(1, "1}"),
        stop(1),
        block(2, "c1"),
        input(2, "{}"),
        stop(2),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null},
            "usage": {"input_tokens": 9, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 4}}),
        json!({"type": "message_stop"}),
    ];
    assert_eq!(json!(events), json!(expected));
}
