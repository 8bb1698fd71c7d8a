//! Answers that came and are none: empty, calls no tool takes, JSON that does not fit. The next model is asked,
//! unless the caller has text already.

use serde_json::{Value, json};

use super::pair::Pair;
use crate::support::{
    Act, Answer, Provider, completion, done,
    faulty::{
        Script,
        script::{self, END, say, stream_head},
    },
    provider::{chunk, usage},
    role, streamed, text,
};

/// A request with a tool, or with a schema for the answer.
fn body(stream: bool, schema: bool) -> String {
    let city = json!({
        "type": "object", "required": ["city"], "additionalProperties": false,
        "properties": {"city": {"type": "string"}}
    });
    let mut body = json!({
        "model": "r", "stream": stream, "messages": [{"role": "user", "content": "Hello?"}]
    });
    if schema {
        let schema = json!({"name": "place", "strict": true, "schema": city});
        body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
    } else {
        let function = json!({"name": "weather", "parameters": city});
        body["tools"] = json!([{"type": "function", "function": function}]);
    }
    body.to_string()
}

fn call(name: &str, arguments: &str) -> Value {
    json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// What the faulty model says, as a plain answer.
fn plain(message: &Value, finish: &str) -> String {
    json!({
        "id": "1", "object": "chat.completion", "created": 1, "model": "m-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    })
    .to_string()
}

/// The same as a stream.
fn in_events(message: &Value, finish: &str) -> String {
    role() + &chunk(&message.to_string(), None) + &chunk("{}", Some(finish)) + &usage() + &done()
}

/// What the faulty model says, either way.
fn said(message: &Value, finish: &str, stream: bool) -> Script {
    if stream {
        let events = script::chunk(in_events(message, finish));
        vec![say(stream_head()), say(events), say(END)]
    } else {
        vec![say(script::json(200, &plain(message, finish)))]
    }
}

/// An answer of the faulty model that is text.
fn said_text(text: &str, stream: bool) -> Script {
    said(
        &json!({"role": "assistant", "content": text}),
        "stop",
        stream,
    )
}

async fn ask(pair: &Pair, stream: bool, schema: bool) -> Answer {
    let request = pair
        .gateway
        .post("/v1/chat/completions", body(stream, schema));
    pair.gateway.send(request).await
}

#[tokio::test]
async fn an_invalid_answer_is_asked_of_the_next_model() {
    const FITS: &str = "{\\\"city\\\":\\\"Rome\\\"}";
    let text = |text: &str| (json!({"role": "assistant", "content": text}), "stop");
    let calls = |call: Value| {
        let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
        (message, "tool_calls")
    };
    for (name, (message, finish), schema) in [
        (
            "an unknown tool",
            calls(call("wether", "{\"city\":\"Rome\"}")),
            false,
        ),
        (
            "arguments off the schema",
            calls(call("weather", "{\"town\":\"Rome\"}")),
            false,
        ),
        (
            "arguments that are no JSON",
            calls(call("weather", "Rome, please")),
            false,
        ),
        ("JSON off the schema", text("{\"town\":\"Rome\"}"), true),
        ("no JSON", text("Rome, I think."), true),
        ("nothing", text(""), false),
    ] {
        for stream in [false, true] {
            let script = said(&message, finish, stream);
            let healthy = if stream {
                streamed(FITS)
            } else {
                completion(FITS)
            };
            let pair = Pair::start(vec![script], Provider::start([healthy]).await, "", "").await;
            let answer = ask(&pair, stream, schema).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
            assert_eq!(
                answer.header("x-waypost-target"),
                "b/m",
                "{name} {stream}: {}",
                answer.body
            );
            assert!(
                !answer.body.contains("wether") && !answer.body.contains("town"),
                "{name}"
            );
            let record = pair.gateway.record(answer.header("x-request-id")).await;
            assert_eq!(record.attempts[0].end.label(), "invalid_answer", "{name}");
            assert_eq!((pair.asked(), pair.b.asked().len()), (1, 1), "{name}");
        }
    }
}

#[tokio::test]
async fn an_invalid_call_behind_text_is_told_in_band() {
    let bad = json!({"tool_calls": [call("weather", "{\"town\":\"Rome\"}")]});
    let events = role()
        + &text("Let me see. ")
        + &chunk(&bad.to_string(), None)
        + &chunk("{}", Some("tool_calls"))
        + &usage()
        + &done();
    let script = vec![say(stream_head()), say(script::chunk(events)), say(END)];
    let b = Provider::start([Act::Hang]).await;
    let pair = Pair::start(vec![script], b, "", "").await;
    let answer = ask(&pair, true, false).await;
    let last: Value = serde_json::from_str(answer.events().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "invalid_answer", "{}", answer.body);
    assert!(
        !answer.body.contains("[DONE]") && !answer.body.contains("tool_calls"),
        "{}",
        answer.body
    );
    assert!(pair.b.asked().is_empty());
}

#[tokio::test]
async fn what_is_wrong_by_form_only_is_put_right() {
    for stream in [false, true] {
        let script = said_text("```json\n{\"city\": \"Rome\",}\n```", stream);
        let b = Provider::start([Act::Hang]).await;
        let pair = Pair::start(vec![script], b, "", "").await;
        let answer = ask(&pair, stream, true).await;
        assert_eq!(answer.header("x-waypost-target"), "a/m", "{}", answer.body);
        let text = if stream {
            answer.text()
        } else {
            let said = answer.json()["choices"][0]["message"]["content"].clone();
            said.as_str().unwrap().to_owned()
        };
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(found, json!({"city": "Rome"}), "{stream}: {}", answer.body);
        let record = pair.gateway.record(answer.header("x-request-id")).await;
        assert_eq!(record.attempts[0].verdict, Some("repaired"), "{stream}");
        assert_eq!((pair.asked(), pair.b.asked().len()), (1, 0));
    }
}

#[tokio::test]
async fn the_same_model_is_asked_once_more_with_what_was_wrong() {
    for stream in [false, true] {
        let wrong = || said_text("{\"town\":\"Rome\"}", stream);
        let right = said_text("{\"city\":\"Rome\"}", stream);
        for (scripts, target, asked) in [
            (vec![wrong(), right], "a/m", (2, 0)),
            (vec![wrong()], "b/m", (2, 1)),
        ] {
            const FITS: &str = "{\\\"city\\\":\\\"Rome\\\"}";
            let healthy = if stream {
                streamed(FITS)
            } else {
                completion(FITS)
            };
            let b = Provider::start([healthy]).await;
            let pair = Pair::start(scripts, b, "", "answers: { reask: true }").await;
            let answer = ask(&pair, stream, true).await;
            assert_eq!(answer.header("x-waypost-target"), target, "{}", answer.body);
            assert!(!answer.body.contains("town"), "{}", answer.body);
            assert_eq!((pair.asked(), pair.b.asked().len()), asked, "{stream}");
            let seen = pair.a.seen();
            let again: Value = serde_json::from_str(&seen[1].body).unwrap();
            let messages = again["messages"].as_array().unwrap();
            assert_eq!(messages.len(), 3, "{again}");
            assert_eq!(messages[1]["content"], "{\"town\":\"Rome\"}");
            let told = messages[2]["content"].as_str().unwrap();
            assert!(told.contains("town") || told.contains("city"), "{told}");
            let record = pair.gateway.record(answer.header("x-request-id")).await;
            assert_eq!(record.attempts[1].kind.label(), "retry");
        }
    }
}
