//! Puts a streamed answer together as an OpenAI SDK does, and holds it to the rules every stream must keep.

use serde_json::{Map, Value, json};
use waypost::dialect::sse::Framer;

/// What a stream came to.
#[derive(Debug, Default)]
pub(crate) struct Accumulated {
    /// `{"choices": […], "usage"?: …, "error"?: …}`.
    pub(crate) answer: Value,
    /// Whether `[DONE]` came, last.
    pub(crate) done: bool,
    /// The kinds of what came, in order, neighbours of one kind as one: `content`, `tool_calls 0`, …
    pub(crate) order: Vec<String>,
}

/// Reads the bytes a client got. Panics where a rule is broken: the first chunk has the role assistant and no
/// chunk repeats it; id and model stay the same; id, type and name of a call come once; a choice finishes once
/// and nothing follows; a usage stands in a chunk without choices.
pub(crate) fn accumulate(name: &str, bytes: &[u8]) -> Accumulated {
    let mut framer = Framer::new();
    framer.push(bytes);
    let mut choices: Vec<Value> = Vec::new();
    let mut out = Map::new();
    let mut head: Option<(Value, Value)> = None;
    let mut done = false;
    let mut order = Vec::new();
    while let Some(event) = framer.next_event().unwrap() {
        assert!(!done, "{name}: an event after [DONE]");
        assert!(
            !out.contains_key("error"),
            "{name}: an event after the error"
        );
        if event.data == "[DONE]" {
            done = true;
            continue;
        }
        let chunk: Value = serde_json::from_str(&event.data).unwrap();
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            out.insert("error".into(), error.clone());
            continue;
        }
        assert_eq!(chunk["object"], "chat.completion.chunk", "{name}");
        assert!(chunk["created"].is_u64(), "{name}");
        assert!(
            chunk["id"].as_str().is_some_and(|id| !id.is_empty()),
            "{name}"
        );
        let this = (chunk["id"].clone(), chunk["model"].clone());
        let first = head.is_none();
        assert_eq!(
            head.get_or_insert(this.clone()),
            &this,
            "{name}: id and model"
        );
        let pieces = chunk["choices"].as_array().unwrap();
        if first {
            assert_eq!(
                pieces[0]["delta"]["role"], "assistant",
                "{name}: the first chunk"
            );
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| !usage.is_null()) {
            assert!(pieces.is_empty(), "{name}: usage beside choices");
            assert!(
                out.insert("usage".into(), usage.clone()).is_none(),
                "{name}: two usages"
            );
        } else {
            assert!(!pieces.is_empty(), "{name}: a chunk of nothing");
        }
        for piece in pieces {
            let index = piece["index"].as_u64().unwrap() as usize;
            while choices.len() <= index {
                choices.push(json!({"index": choices.len(), "message": {}, "finish_reason": null}));
            }
            take(name, &mut choices[index], piece);
            order.extend(kinds(piece));
        }
    }
    order.dedup();
    out.insert("choices".into(), choices.into());
    Accumulated {
        answer: out.into(),
        done,
        order,
    }
}

/// What a piece of a choice adds to.
fn kinds(piece: &Value) -> Vec<String> {
    let mut kinds = Vec::new();
    for (key, value) in piece["delta"].as_object().unwrap() {
        let says = !value.is_null() && value != "" && key != "role";
        match value.as_array() {
            Some(calls) if key == "tool_calls" => {
                kinds.extend(calls.iter().map(|call| format!("{key} {}", call["index"])));
            }
            _ if says => kinds.push(key.clone()),
            _ => {}
        }
    }
    kinds
}

fn take(name: &str, choice: &mut Value, piece: &Value) {
    assert!(
        choice["finish_reason"].is_null(),
        "{name}: a chunk after the finish"
    );
    choice["finish_reason"] = piece["finish_reason"].clone();
    for (key, value) in piece["delta"].as_object().unwrap() {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("role", role) => {
                assert!(
                    choice["message"].get("role").is_none(),
                    "{name}: a second role"
                );
                choice["message"]["role"] = role.clone();
            }
            ("tool_calls", calls) => {
                for call in calls.as_array().unwrap() {
                    take_call(name, &mut choice["message"], call);
                }
            }
            (key, Value::String(text)) => append(&mut choice["message"], key, text),
            (key, Value::Array(list)) => {
                let message = &mut choice["message"];
                if message.get(key).is_none() {
                    message[key] = json!([]);
                }
                message[key]
                    .as_array_mut()
                    .unwrap()
                    .extend(list.iter().cloned());
            }
            (key, other) => panic!("{name}: delta.{key} is {other}"),
        }
    }
}

fn take_call(name: &str, message: &mut Value, call: &Value) {
    if message.get("tool_calls").is_none() {
        message["tool_calls"] = json!([]);
    }
    let index = call["index"].as_u64().expect("index of a call") as usize;
    let calls = message["tool_calls"].as_array_mut().unwrap();
    if calls.len() == index {
        for key in ["id", "type"] {
            assert!(call[key].is_string(), "{name}: a call begins without {key}");
        }
        assert!(
            call["function"]["name"].is_string(),
            "{name}: a call begins without name"
        );
        let mut call = call.clone();
        if call["function"]["arguments"].is_null() {
            call["function"]["arguments"] = "".into();
        }
        calls.push(call);
        return;
    }
    assert!(index < calls.len(), "{name}: a gap in the calls");
    let again = ["id", "type"].iter().any(|key| call[*key].is_string())
        || call["function"]["name"].is_string();
    assert!(!again, "{name}: a call's id, type or name come twice");
    let more = call["function"]["arguments"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    append(&mut calls[index]["function"], "arguments", &more);
}

fn append(object: &mut Value, key: &str, text: &str) {
    let before = object.get(key).and_then(Value::as_str).unwrap_or_default();
    object[key] = format!("{before}{text}").into();
}
