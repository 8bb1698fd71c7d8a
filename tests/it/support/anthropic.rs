//! Anthropic's messages, as a provider answers them and as a caller reads them.

use serde_json::{Value, json};

use super::{Answer, provider};

/// A whole message with this text.
pub(crate) fn message(text: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 10, "output_tokens": 4}
    })
}

/// An event.
pub(crate) fn event(data: &Value) -> String {
    format!(
        "event: {}\ndata: {data}\n\n",
        data["type"].as_str().unwrap()
    )
}

/// The events of a message that begins with this text and has not ended.
pub(crate) fn beginning(text: &str) -> Vec<String> {
    let mut start = message("");
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    start["usage"] = json!({"input_tokens": 10, "output_tokens": 1});
    let events = [
        json!({"type": "message_start", "message": start}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
    ];
    events.iter().map(event).collect()
}

/// The events of a whole message with this text.
pub(crate) fn streamed(text: &str) -> Vec<String> {
    let end = [
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 4}}),
        json!({"type": "message_stop"}),
    ];
    let mut events = beginning(text);
    events.extend(end.iter().map(event));
    events
}

/// An answer with this error.
pub(crate) fn error(status: u16, kind: &str) -> provider::Act {
    let body =
        json!({"type": "error", "error": {"type": kind, "message": format!("it is {kind}")}});
    provider::json(status, body.to_string())
}

/// The events a caller got. Panics where an event's name is not its type.
pub(crate) fn events(answer: &Answer) -> Vec<Value> {
    let mut names = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("event: "));
    let read = |data: &str| {
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(names.next(), data["type"].as_str(), "{}", answer.body);
        data
    };
    answer.events().into_iter().map(read).collect()
}

/// The types of events, neighbours of one type as one.
pub(crate) fn order(events: &[Value]) -> Vec<&str> {
    let mut order: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    order.dedup();
    order
}
