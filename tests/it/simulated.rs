//! Simulated providers behind real routes: what works on them works without a key or a network.

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, accumulate::accumulate};

/// A gateway whose providers `x` and `y` are quick, `x` with these faults; and the route `r` over both.
async fn gateway(faults: &str) -> Gateway {
    let yaml = format!(
        "
providers:
  x: {{ dialect: simulated, first_token: 1ms, tokens_per_second: 100000, faults: [{faults}] }}
  y: {{ dialect: simulated, first_token: 1ms, tokens_per_second: 100000 }}
routes:
  r: {{ targets: [x/fast, y/smart], retry: {{ base: 1ms, cap: 1ms }}, timeout: {{ first_token: 2s }} }}
  lone: {{ targets: [x/fast], retry: {{ base: 1ms, cap: 1ms }} }}
  impatient: {{ targets: [x/fast, y/smart], timeout: {{ first_token: 60ms, total: 5s }} }}
"
    );
    Gateway::start(&yaml).await
}

async fn ask(gateway: &Gateway, model: &str, text: &str, more: &Value) -> Answer {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    gateway
        .send(gateway.post("/v1/chat/completions", body.to_string()))
        .await
}

#[tokio::test]
async fn scripted_faults_fall_over_and_cost_nobody_the_answer() {
    for (fault, class) in [
        ("rate_limit", "rate_limit"),
        ("overloaded", "overloaded"),
        ("server_error", "server_error"),
        ("auth", "auth"),
        ("error_first", "server_error"),
    ] {
        for stream in [false, true] {
            let gateway = gateway(fault).await;
            let answer = ask(
                &gateway,
                "r",
                "[[sim tokens=5]] Hello?",
                &json!({"stream": stream}),
            )
            .await;
            assert_eq!(answer.status, 200, "{fault} {}", answer.body);
            assert_eq!(answer.header("x-waypost-target"), "y/smart", "{fault}");
            let record = gateway.record(answer.header("x-request-id")).await;
            let failed = record.attempts[0].end.label();
            assert_eq!(failed, class, "{fault}");
            assert_eq!(record.usage.unwrap().output, 5, "{fault}");
            // The script has one fault, so the next request goes well; unless it is the key that was at fault, and rests.
            let rests = matches!(fault, "rate_limit" | "auth");
            let answer = ask(&gateway, "r", "Hello?", &json!({})).await;
            let target = if rests { "y/smart" } else { "x/fast" };
            assert_eq!(answer.header("x-waypost-target"), target, "{fault}");
        }
    }
}

#[tokio::test]
async fn what_the_caller_did_wrong_stops_the_chain() {
    for fault in ["invalid_request", "context_length"] {
        let gateway = gateway(fault).await;
        let answer = ask(&gateway, "lone", "Hello?", &json!({})).await;
        assert_eq!(answer.status, 400, "{fault} {}", answer.body);
        assert_eq!(answer.header("x-waypost-attempts"), "1");
    }
}

#[tokio::test]
async fn a_hanging_provider_is_left_in_time() {
    let gateway = gateway("hang").await;
    let answer = ask(&gateway, "impatient", "Hello?", &json!({"stream": true})).await;
    assert_eq!(
        answer.header("x-waypost-target"),
        "y/smart",
        "{}",
        answer.body
    );
    let record = gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.attempts[0].end.label(), "timeout");
    assert!(record.attempts[0].total.unwrap().as_millis() >= 60);
}

#[tokio::test]
async fn streams_that_break_off_end_with_an_error() {
    for fault in ["cut", "no_terminator"] {
        let gateway = gateway(fault).await;
        let answer = ask(
            &gateway,
            "r",
            "[[sim tokens=50]] Hello?",
            &json!({"stream": true}),
        )
        .await;
        let accumulated = accumulate(fault, answer.body.as_bytes());
        assert!(
            !accumulated.done && accumulated.answer["error"].is_object(),
            "{fault} {}",
            answer.body
        );
        assert!(!answer.text().is_empty());
    }
    let gateway = gateway("no_usage").await;
    let answer = ask(&gateway, "r", "Hello?", &json!({"stream": true})).await;
    let record = gateway.record(answer.header("x-request-id")).await;
    assert!(record.usage.unwrap().estimated);
}

#[tokio::test]
async fn structured_answers_match_their_schemas() {
    let schema = json!({
        "type": "object",
        "properties": {
            "number": {"type": "string", "pattern": "^INV-[0-9]{4}$"},
            "total": {"type": "number", "minimum": 0, "maximum": 1000},
            "currency": {"enum": ["EUR", "USD"]},
            "lines": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "object", "properties": {"text": {"type": "string"}, "count": {"type": "integer"}}, "required": ["text", "count"], "additionalProperties": false}}
        },
        "required": ["number", "total", "currency", "lines"],
        "additionalProperties": false
    });
    let judge = jsonschema::validator_for(&schema).unwrap();
    let gateway = gateway("").await;
    for (model, stream) in [
        ("x/smart", false),
        ("x/smart", true),
        ("r", false),
        ("y/fast", true),
    ] {
        let format = json!({"type": "json_schema", "json_schema": {"name": "invoice", "strict": true, "schema": schema}});
        let more = json!({"stream": stream, "response_format": format});
        let answer = ask(&gateway, model, "The invoice, please.", &more).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let message = message(&answer, stream);
        let invoice: Value = serde_json::from_str(message["content"].as_str().unwrap()).unwrap();
        assert!(judge.is_valid(&invoice), "{model} {invoice}");
    }
}

#[tokio::test]
async fn calls_match_the_schemas_of_their_tools() {
    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string", "minLength": 2}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
        "required": ["city", "days"],
        "additionalProperties": false
    });
    let judge = jsonschema::validator_for(&schema).unwrap();
    let gateway = gateway("").await;
    for stream in [false, true] {
        let tool =
            json!({"type": "function", "function": {"name": "weather", "parameters": schema}});
        let more = json!({"stream": stream, "tools": [tool], "tool_choice": "required"});
        let answer = ask(&gateway, "r", "Weather?", &more).await;
        let message = message(&answer, stream);
        let call = &message["tool_calls"][0];
        assert_eq!(call["function"]["name"], "weather", "{}", answer.body);
        let arguments: Value =
            serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        assert!(judge.is_valid(&arguments), "{arguments}");
        assert!(answer.body.contains("\"finish_reason\":\"tool_calls\""));
    }
}

/// The message of an answer, put together if it came in pieces.
fn message(answer: &Answer, stream: bool) -> Value {
    if !stream {
        return answer.json()["choices"][0]["message"].clone();
    }
    let accumulated = accumulate("stream", answer.body.as_bytes());
    assert!(accumulated.done, "{}", answer.body);
    accumulated.answer["choices"][0]["message"].clone()
}

#[tokio::test]
async fn messages_and_embeddings_are_served_too() {
    let gateway = gateway("").await;
    let body = json!({"model": "r", "max_tokens": 50, "messages": [{"role": "user", "content": "[[sim echo]] Hello?"}]});
    let answer = gateway
        .send(gateway.post("/v1/messages", body.to_string()))
        .await;
    let text = answer.json()["content"][0]["text"].clone();
    assert_eq!(text.as_str().unwrap().trim(), "Hello?", "{}", answer.body);

    let body = json!({"model": "x/embed", "input": ["one", "two"]});
    let answer = gateway
        .send(gateway.post("/v1/embeddings", body.to_string()))
        .await;
    let data = answer.json()["data"].clone();
    assert_eq!(data.as_array().unwrap().len(), 2, "{}", answer.body);
    assert_eq!(data[0]["embedding"].as_array().unwrap().len(), 256);
}
