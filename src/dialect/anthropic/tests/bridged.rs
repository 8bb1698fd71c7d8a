//! This dialect's callers with a provider that speaks OpenAI's. The other way round is what the vectors check.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use crate::{
    catalog::{CardSettings, DialectName, Target, resolve},
    dialect::{Ask, Work, anthropic::Anthropic, bridge, sse},
    secret::Secret,
};

/// The data of the events.
fn data(stream: &[u8]) -> Vec<Value> {
    let mut framer = sse::Framer::new();
    framer.push(stream);
    let mut data = Vec::new();
    while let Some(event) = framer.next_event().unwrap() {
        data.push(serde_json::from_str(&event.data).unwrap());
    }
    data
}

/// A provider that speaks OpenAI's dialect.
fn openai() -> Target {
    let settings = CardSettings {
        dialect: Some(DialectName::Openai),
        base_url: Some("https://example.com/v1".to_owned()),
        ..CardSettings::default()
    };
    let credential = Some(Secret::new("k"));
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
    let body = body
        .to_string()
        .replace(r#"{"a":2,"z":1}"#, r#"{"z":1,"a":2}"#);
    Ask::read(&Anthropic, Work::Completion, body.as_bytes()).unwrap()
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
    let events = data(&out);
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
