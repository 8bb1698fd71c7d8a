//! The behaviour of the simulated provider as a whole: requests in, scripts out.

mod answers;
mod embeddings;
mod faults;
mod hostile;
mod tools;

use serde_json::{Value, json};

use super::*;
use crate::dialect::sse::Framer;

const CHAT: &str = "/v1/chat/completions";
const EMBEDDINGS: &str = "/embeddings?api-version=1";

fn settings() -> Simulation {
    Simulation {
        first_token: Duration::from_millis(300),
        tokens_per_second: 80.0,
        error_rate: 0.0,
        seed: 7,
        faults: Vec::new(),
        outage: None,
    }
}

fn with_faults(faults: &[Fault]) -> Simulator {
    Simulator::new(Simulation {
        faults: faults.to_vec(),
        ..settings()
    })
}

fn ask(text: &str) -> Value {
    json!({"model": "m-1", "messages": [{"role": "user", "content": text}]})
}

/// `body` with these members besides.
fn and(mut body: Value, more: Value) -> Value {
    let members = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(members);
    body
}

fn tools(names: &[&str]) -> Value {
    let tool = |name: &&str| {
        json!({"type": "function", "function": {"name": name, "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"],
        }}})
    };
    json!({"tools": names.iter().map(tool).collect::<Vec<_>>()})
}

/// The first answer of a fresh provider.
fn first(body: &Value) -> Script {
    with_faults(&[]).answer(CHAT, body.to_string().as_bytes(), 1_700_000_000)
}

fn bytes(script: &Script) -> Vec<u8> {
    let pieces = script.body.iter().filter_map(|step| match step {
        Step::Bytes(bytes) => Some(&bytes[..]),
        _ => None,
    });
    pieces.collect::<Vec<_>>().concat()
}

fn whole(script: &Script) -> Value {
    assert!(matches!(script.body[..], [Step::Bytes(_)]), "{script:?}");
    serde_json::from_slice(&bytes(script)).unwrap()
}

/// The data of all whole events.
fn events(script: &Script) -> Vec<String> {
    let mut framer = Framer::new();
    framer.push(&bytes(script));
    let mut events = Vec::new();
    while let Some(event) = framer.next_event().unwrap() {
        events.push(event.data.into_owned());
    }
    events
}

/// Text, calls (name and arguments) and finish of one answer.
type Told = (String, Vec<(String, String)>, String);

/// The whole answers that a stream tells, by index.
fn joined(events: &[String]) -> Vec<Told> {
    let mut choices: Vec<Told> = Vec::new();
    for event in events.iter().filter(|event| *event != "[DONE]") {
        let chunk: Value = serde_json::from_str(event).unwrap();
        for choice in chunk["choices"].as_array().unwrap() {
            let index = choice["index"].as_u64().unwrap() as usize;
            if choices.len() == index {
                choices.push((String::new(), Vec::new(), String::new()));
            }
            let (text, calls, finish) = &mut choices[index];
            text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
            finish.push_str(choice["finish_reason"].as_str().unwrap_or_default());
            for call in choice["delta"]["tool_calls"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let function = &call["function"];
                if let Some(name) = function["name"].as_str() {
                    assert_eq!(call["index"], calls.len());
                    assert!(call["id"].is_string());
                    calls.push((name.to_owned(), String::new()));
                }
                let fragment = function["arguments"].as_str().unwrap();
                calls.last_mut().unwrap().1.push_str(fragment);
            }
        }
    }
    choices
}

fn text(body: &Value) -> String {
    let reply = whole(&first(body));
    reply["choices"][0]["message"]["content"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The names of the tools the first answer calls.
fn calls(body: &Value) -> Vec<String> {
    let reply = whole(&first(body));
    let calls = reply["choices"][0]["message"]["tool_calls"].as_array();
    let name = |call: &Value| call["function"]["name"].as_str().unwrap().to_owned();
    calls.into_iter().flatten().map(name).collect()
}

fn waits(script: &Script) -> Duration {
    let wait = |step: &Step| match step {
        Step::Wait(time) => *time,
        _ => Duration::ZERO,
    };
    script.delay + script.body.iter().map(wait).sum::<Duration>()
}

fn header<'a>(script: &'a Script, name: &str) -> Option<&'a str> {
    let found = script.headers.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| value.as_str())
}
