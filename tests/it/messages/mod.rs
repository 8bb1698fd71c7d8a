//! `/v1/messages`, with providers of either dialect behind it.

mod failures;

use serde_json::{Value, json};

use crate::support::{
    Act, Answer, Gateway, Provider,
    anthropic::{self, events, order},
    completion,
    provider::{self, chunk, done, usage},
    role, streamed,
};

/// A gateway with `open`, which speaks OpenAI, and `claude`, which speaks Anthropic; routes of the same names,
/// and `either` over both.
async fn gateway(open: &Provider, claude: &Provider) -> Gateway {
    let yaml = format!(
        "
providers:
  open: {{ dialect: openai, base_url: \"{}\", api_key: sk-open }}
  claude: {{ card: anthropic, base_url: \"{}\", api_key: sk-claude }}
routes:
  open: {{ targets: [open/m], retry: {{ attempts: 1 }} }}
  claude: {{ targets: [claude/claude-haiku-4-5], retry: {{ attempts: 1 }} }}
  either: {{ targets: [open/m, claude/claude-haiku-4-5] }}
",
        open.url,
        claude.url.strip_suffix("/v1").unwrap()
    );
    Gateway::start(&yaml).await
}

/// A caller's body; `more` has further members.
fn body(model: &str, more: &Value) -> Value {
    let mut body = json!({
        "model": model, "max_tokens": 50,
        "messages": [{"role": "user", "content": "Hello?"}]
    });
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

async fn post(gateway: &Gateway, model: &str, more: Value) -> Answer {
    let request = gateway.post("/v1/messages", body(model, &more).to_string());
    let request = request
        .header("anthropic-version", "2023-06-01")
        .header("x-api-key", "sk-of-the-caller");
    gateway.send(request).await
}

#[tokio::test]
async fn a_plain_message_is_answered_by_an_openai_provider() {
    let open = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&open, &open).await;
    let answer = post(
        &gateway,
        "open",
        json!({"system": "Be short.", "stop_sequences": ["X"]}),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let message = answer.json();
    assert_eq!(
        (&message["type"], &message["role"]),
        (&json!("message"), &json!("assistant"))
    );
    assert_eq!(message["content"], json!([{"type": "text", "text": "Hi"}]));
    assert_eq!(message["stop_reason"], "end_turn");
    assert_eq!(message["model"], "m-1");
    assert_eq!(message["usage"]["input_tokens"], 10);
    assert_eq!(message["usage"]["output_tokens"], 4);
    assert_eq!(answer.header("x-waypost-target"), "open/m");

    let asked = &open.asked()[0];
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.headers["authorization"], "Bearer sk-open");
    assert!(!asked.headers.contains_key("anthropic-version"));
    let sent = asked.json();
    assert_eq!(
        sent["messages"][0],
        json!({"role": "system", "content": "Be short."})
    );
    assert_eq!(
        sent["messages"][1],
        json!({"role": "user", "content": "Hello?"})
    );
    assert_eq!(sent["model"], "m");
    assert_eq!(sent["max_completion_tokens"], 50);
    assert_eq!(sent["stop"], json!(["X"]));
}

#[tokio::test]
async fn a_stream_of_an_openai_provider_comes_as_a_messages_stream() {
    let open = Provider::start([streamed("Hi")]).await;
    let gateway = gateway(&open, &open).await;
    let answer = post(&gateway, "open", json!({"stream": true})).await;
    let events = events(&answer);
    assert_eq!(
        order(&events),
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ],
        "{}",
        answer.body
    );
    assert_eq!(events[0]["message"]["role"], "assistant");
    assert_eq!(events[0]["message"]["content"], json!([]));
    assert_eq!(
        events[2]["delta"],
        json!({"type": "text_delta", "text": "Hi"})
    );
    let end = &events[events.len() - 2];
    assert_eq!(end["delta"]["stop_reason"], "end_turn");
    assert_eq!(end["usage"]["output_tokens"], 4);
    assert!(!answer.body.contains("[DONE]"));
    let record = gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.surface.label(), "messages");
    assert_eq!(record.usage.unwrap().total(), 14);
}

#[tokio::test]
async fn tools_are_translated_both_ways() {
    let called = r#"{"id":"c","object":"chat.completion","created":1,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_2","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},"finish_reason":"tool_calls"}]}"#;
    let calling = vec![
        role(),
        chunk(
            r#"{"tool_calls":[{"index":0,"id":"call_2","type":"function","function":{"name":"weather","arguments":""}}]}"#,
            None,
        ),
        chunk(
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}"#,
            None,
        ),
        chunk(
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"\"Rome\"}"}}]}"#,
            None,
        ),
        chunk("{}", Some("tool_calls")),
        usage(),
        done(),
    ];
    let open = Provider::start([provider::json(200, called), Act::Stream(calling)]).await;
    let gateway = gateway(&open, &open).await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let ask = |stream: bool| {
        json!({
            "stream": stream,
            "tools": [{"name": "weather", "description": "d", "input_schema": schema}],
            "tool_choice": {"type": "tool", "name": "weather"},
            "messages": [
                {"role": "user", "content": "Oslo and Rome?"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "rain"}]}
            ]
        })
    };
    let answer = post(&gateway, "open", ask(false)).await;
    let use_ =
        json!({"type": "tool_use", "id": "call_2", "name": "weather", "input": {"city": "Rome"}});
    assert_eq!(answer.json()["content"], json!([use_]), "{}", answer.body);
    assert_eq!(answer.json()["stop_reason"], "tool_use");
    let sent = open.asked()[0].json();
    assert_eq!(sent["tools"][0]["function"]["parameters"], schema);
    assert_eq!(
        sent["tool_choice"],
        json!({"type": "function", "function": {"name": "weather"}})
    );
    let call = &sent["messages"][1]["tool_calls"][0];
    assert_eq!(
        (&call["id"], &call["function"]["arguments"]),
        (&json!("call_1"), &json!("{\"city\":\"Oslo\"}"))
    );
    assert_eq!(
        sent["messages"][2],
        json!({"role": "tool", "tool_call_id": "call_1", "content": "rain"})
    );

    let answer = post(&gateway, "open", ask(true)).await;
    let events = events(&answer);
    let start = events
        .iter()
        .find(|event| event["type"] == "content_block_start")
        .unwrap();
    assert_eq!(start["content_block"]["type"], "tool_use");
    assert_eq!(start["content_block"]["name"], "weather");
    let input: String = events
        .iter()
        .filter_map(|event| event["delta"]["partial_json"].as_str())
        .collect();
    assert_eq!(input, r#"{"city":"Rome"}"#);
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "tool_use");
}

#[tokio::test]
async fn anthropic_behind_it_is_passed_through_byte_for_byte() {
    let odd = r#"{ "id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-4-5","content":[{"type":"text","text":"H\u0069","new_member":1}],"stop_reason":"end_turn","usage":{"input_tokens":10,"output_tokens":4,"service_tier":"standard"} }"#;
    let stream = anthropic::streamed("Hi");
    let claude = Provider::start([provider::json(200, odd), Act::Stream(stream.clone())]).await;
    let gateway = gateway(&claude, &claude).await;
    let new = r#""brand_new":{"b":1,"a":2}"#;
    let asked = body("claude", &json!({}))
        .to_string()
        .replacen('{', &format!("{{{new},"), 1);
    let request = gateway.post("/v1/messages", asked);
    let answer = gateway.send(request.bearer_auth("sk-of-the-caller")).await;
    assert_eq!(answer.body, odd);
    let asked = &claude.asked()[0];
    assert_eq!(asked.path, "/v1/messages");
    assert_eq!(asked.headers["x-api-key"], "sk-claude");
    assert!(asked.headers.contains_key("anthropic-version"));
    assert!(!asked.headers.contains_key("authorization"));
    assert!(
        asked.body.contains(r#""model":"claude-haiku-4-5""#),
        "{}",
        asked.body
    );
    assert!(asked.body.contains(new), "{}", asked.body);
    let record = gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.usage.unwrap().total(), 14);

    let answer = post(&gateway, "claude", json!({"stream": true})).await;
    assert_eq!(answer.body, stream.concat());
    let record = gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.usage.unwrap().total(), 14);
}
