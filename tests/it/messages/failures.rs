//! Messages that fail, fall over from one dialect to the other, or break off; and chats likewise.

use serde_json::json;

use super::{gateway, post};
use crate::support::{
    Act, Provider,
    anthropic::{self, beginning, events, message},
    error, provider, role, text,
};

#[tokio::test]
async fn errors_have_anthropics_envelope_whoever_failed() {
    for (route, act, status, kind) in [
        (
            "open",
            error(400, "bad_thing"),
            400,
            "invalid_request_error",
        ),
        ("open", error(401, "key"), 401, "authentication_error"),
        ("open", error(429, "slow"), 429, "rate_limit_error"),
        ("open", error(500, "boom"), 500, "api_error"),
        ("open", error(503, "busy"), 529, "overloaded_error"),
        (
            "claude",
            anthropic::error(400, "invalid_request_error"),
            400,
            "invalid_request_error",
        ),
        (
            "claude",
            anthropic::error(404, "not_found_error"),
            404,
            "not_found_error",
        ),
        (
            "claude",
            anthropic::error(529, "overloaded_error"),
            529,
            "overloaded_error",
        ),
    ] {
        for stream in [false, true] {
            let provider = Provider::start([act.clone()]).await;
            let gateway = gateway(&provider, &provider).await;
            let answer = post(&gateway, route, json!({"stream": stream})).await;
            assert_eq!(answer.status, status, "{route} {}", answer.body);
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.json()["type"], "error");
            assert_eq!(answer.json()["error"]["type"], kind, "{}", answer.body);
            assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
            assert_eq!(answer.header("x-should-retry"), "false");
        }
    }
}

#[tokio::test]
async fn bodies_that_are_no_messages_are_refused() {
    let provider = Provider::start([]).await;
    let gateway = gateway(&provider, &provider).await;
    for route in ["open", "claude"] {
        for body in [
            "{".to_owned(),
            json!({"max_tokens": 5, "messages": []}).to_string(),
            json!({"model": route, "max_tokens": 5}).to_string(),
            json!({"model": route, "messages": [{"role": "user", "content": "x"}]}).to_string(),
        ] {
            let answer = gateway
                .send(gateway.post("/v1/messages", body.clone()))
                .await;
            assert_eq!(answer.status, 400, "{body} {}", answer.body);
            assert_eq!(
                answer.json()["error"]["type"],
                "invalid_request_error",
                "{body}"
            );
        }
    }
    assert!(provider.asked().is_empty());
}

#[tokio::test]
async fn a_cut_stream_ends_with_an_error_event_and_no_stop() {
    let open = vec![role(), text("Par")];
    for (route, first) in [("open", open), ("claude", beginning("Par"))] {
        let provider = Provider::start([Act::Stream(first)]).await;
        let gateway = gateway(&provider, &provider).await;
        let answer = post(&gateway, route, json!({"stream": true})).await;
        let events = events(&answer);
        let last = events.last().unwrap();
        assert_eq!(last["type"], "error", "{}", answer.body);
        assert_eq!(last["error"]["type"], "api_error");
        assert!(
            answer.body.contains("Par") && !answer.body.contains("message_stop"),
            "{}",
            answer.body
        );
        let record = gateway.record(answer.header("x-request-id")).await;
        assert_eq!(record.end.label(), "server_error");
    }
}

#[tokio::test]
async fn a_chat_falls_over_from_one_dialect_to_the_other() {
    let open = Provider::start([error(500, "boom")]).await;
    let claude = Provider::start([
        provider::json(200, message("Hi").to_string()),
        Act::Stream(anthropic::streamed("Hi")),
    ])
    .await;
    let gateway = gateway(&open, &claude).await;
    let answer = gateway.chat("either").await;
    assert_eq!(
        answer.header("x-waypost-target"),
        "claude/claude-haiku-4-5",
        "{}",
        answer.body
    );
    let completion = answer.json();
    assert_eq!(completion["object"], "chat.completion");
    assert_eq!(completion["choices"][0]["message"]["content"], "Hi");
    assert_eq!(completion["choices"][0]["finish_reason"], "stop");
    assert_eq!(completion["usage"]["total_tokens"], 14);
    assert!(!answer.header("x-waypost-cost-usd").is_empty());
    assert_eq!(claude.asked()[0].path, "/v1/messages");
    assert!(
        claude.asked()[0].json()["max_tokens"].is_u64(),
        "Anthropic wants a limit"
    );

    let answer = gateway.stream("either").await;
    assert_eq!(answer.text(), "Hi");
    assert_eq!(answer.events().last(), Some(&"[DONE]"));
    assert_eq!(answer.header("x-waypost-attempts"), "2");
}

#[tokio::test]
async fn a_message_falls_over_from_one_dialect_to_the_other() {
    for stream in [false, true] {
        let open = Provider::start([error(500, "boom")]).await;
        let act = if stream {
            Act::Stream(anthropic::streamed("Hi"))
        } else {
            provider::json(200, message("Hi").to_string())
        };
        let claude = Provider::start([act]).await;
        let gateway = gateway(&open, &claude).await;
        let answer = post(&gateway, "either", json!({"stream": stream})).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.body.contains("Hi") && answer.body.contains("end_turn"),
            "{}",
            answer.body
        );
        assert_eq!(answer.header("x-waypost-attempts"), "2");
    }
}
