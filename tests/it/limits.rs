//! How much a key may use: requests and tokens per minute, and what a refusal tells and costs.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::support::{
    Act, Answer, Gateway, Provider, chat, completion, error,
    provider::{costly, json},
};

const KEY: &str = "wp-0123456789abcdef";

fn config(provider: &Provider, limits: &str) -> String {
    format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{}\", models: {{ m: {{ price: {{ input: 1, output: 2 }} }} }} }}
routes: {{ r: {{ targets: [a/m], retry: {{ attempts: 1 }} }} }}
access: {{ keys: [{{ name: k, key: {KEY}, {limits} }}] }}
",
        provider.url
    )
}

async fn gateway(provider: &Provider, limits: &str) -> Gateway {
    Gateway::start(&config(provider, limits)).await
}

/// Asks for at most `output` tokens.
async fn ask(gateway: &Gateway, output: u64) -> Answer {
    let body = format!(
        r#"{{"model":"r","max_tokens":{output},"messages":[{{"role":"user","content":"Hello?"}}]}}"#
    );
    let request = gateway.post("/v1/chat/completions", body);
    gateway.send(request.bearer_auth(KEY)).await
}

/// Checks that the answer is a refusal that sends the caller away for some of these seconds.
fn refused(answer: &Answer, wait: std::ops::RangeInclusive<u64>) {
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!(wait.contains(&seconds), "{seconds}");
    let millis: u64 = answer.header("retry-after-ms").parse().unwrap();
    assert_eq!(millis.div_ceil(1_000), seconds);
}

#[tokio::test]
async fn requests_beyond_the_quota_are_refused_with_the_time_to_come_back() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider, "rpm: 2").await;
    for _ in 0..2 {
        assert_eq!(ask(&gateway, 5).await.status, 200);
    }
    let answer = ask(&gateway, 5).await;
    refused(&answer, 20..=30);
    assert!(
        answer.body.contains("2 requests per minute"),
        "{}",
        answer.body
    );
    assert_eq!(provider.asked().len(), 2);
    let metrics = gateway.admin("/metrics").await.body;
    assert!(
        metrics.contains("waypost_limited_total{limit=\"requests\"} 1"),
        "{metrics}"
    );
    let record = gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.end.label(), "rate_limit");
    assert!(record.attempts.is_empty() && record.usage.is_none());
}

#[tokio::test]
async fn streams_and_messages_are_refused_in_their_own_shape() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider, "rpm: 1").await;
    assert_eq!(ask(&gateway, 5).await.status, 200);
    let request = gateway.post("/v1/chat/completions", chat("r", true));
    refused(&gateway.send(request.bearer_auth(KEY)).await, 50..=60);
    let body = r#"{"model":"r","max_tokens":5,"messages":[{"role":"user","content":"x"}]}"#;
    let request = gateway.post("/v1/messages", body).header("x-api-key", KEY);
    let answer = gateway.send(request).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["type"], "error");
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn tokens_are_held_while_a_request_runs_and_given_back_when_it_used_fewer() {
    let gate = Arc::new(Notify::new());
    let first = Act::Gated(gate.clone(), Box::new(completion("Hi")));
    let provider = Provider::start([first, completion("Hi")]).await;
    let gateway = gateway(&provider, "tpm: 1000").await;
    let (first, ()) = tokio::join!(ask(&gateway, 900), async {
        provider.asked_times(1).await;
        // Of 1000 at least 900 are held; at 1000 a minute, the missing ones come in less than one.
        let answer = ask(&gateway, 900).await;
        refused(&answer, 45..=60);
        assert!(
            answer.body.contains("1000 tokens per minute"),
            "{}",
            answer.body
        );
        assert_eq!(provider.asked().len(), 1);
        gate.notify_one();
    });
    assert_eq!(first.status, 200);
    // The provider counted 14, so there is room again.
    assert_eq!(ask(&gateway, 900).await.status, 200);
    let metrics = gateway.admin("/metrics").await.body;
    assert!(
        metrics.contains("waypost_limited_total{limit=\"tokens\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn more_than_was_held_is_a_debt_that_later_requests_wait_for() {
    let provider = Provider::start([costly("Hi", 4_000), completion("Hi")]).await;
    let gateway = gateway(&provider, "tpm: 1000").await;
    assert_eq!(ask(&gateway, 5).await.status, 200);
    // 3010 in debt and some wanted, at 1000 a minute.
    refused(&ask(&gateway, 5).await, 175..=190);
}

#[tokio::test]
async fn a_request_larger_than_the_limit_is_told_that_waiting_is_no_use() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider, "rpm: 1, tpm: 1000").await;
    for _ in 0..3 {
        let answer = ask(&gateway, 2_000).await;
        assert_eq!(answer.status, 429);
        assert!(
            answer.body.contains("larger than the limit of 1000 tokens"),
            "{}",
            answer.body
        );
        assert_eq!(answer.header("retry-after"), "");
        assert_eq!(answer.header("x-should-retry"), "false");
    }
    // It cost neither requests nor tokens.
    assert_eq!(ask(&gateway, 900).await.status, 200);
}

#[tokio::test]
async fn what_gave_no_answer_costs_no_tokens() {
    let silent = json(200, r#"{"error":{"message":"oh","code":500}}"#);
    let provider = Provider::start([error(500, "boom"), silent, completion("Hi")]).await;
    let gateway = gateway(&provider, "tpm: 1000").await;
    for expected in [500, 500, 200] {
        let answer = ask(&gateway, 900).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
}

#[tokio::test]
async fn requests_that_are_none_do_not_count() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider, "rpm: 1").await;
    for (body, status) in [("{".to_owned(), 400), (chat("nobody", false), 404)] {
        let request = gateway.post("/v1/chat/completions", body);
        assert_eq!(gateway.send(request.bearer_auth(KEY)).await.status, status);
    }
    assert_eq!(ask(&gateway, 5).await.status, 200);
    assert_eq!(ask(&gateway, 5).await.status, 429);
}

#[tokio::test]
async fn a_reload_keeps_what_was_used_unless_the_quota_changes() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider, "rpm: 1").await;
    assert_eq!(ask(&gateway, 5).await.status, 200);
    gateway
        .reconfigure(&format!("# other words\n{}", config(&provider, "rpm: 1")))
        .await;
    assert_eq!(ask(&gateway, 5).await.status, 429);
    gateway.reconfigure(&config(&provider, "rpm: 2")).await;
    for status in [200, 200, 429] {
        assert_eq!(ask(&gateway, 5).await.status, status);
    }
    gateway.reconfigure(&config(&provider, "")).await;
    for _ in 0..5 {
        assert_eq!(ask(&gateway, 5).await.status, 200);
    }
}
