//! `/v1/embeddings`: bytes pass through, and the chain works as for chats.

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Provider, error, provider};

/// A gateway with `a`, `b`, and `claude`, which has no embeddings.
async fn gateway(a: &Provider, b: &Provider) -> Gateway {
    let yaml = format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{0}\", api_key: sk-a, models: {{ e: {{ mode: embedding, price: {{ input: 0.5 }} }} }} }}
  b: {{ dialect: openai, base_url: \"{1}\" }}
  claude: {{ card: anthropic, base_url: \"{1}\", api_key: sk-claude }}
routes:
  r: {{ targets: [a/e, b/e], retry: {{ base: 1ms }} }}
  first-claude: {{ targets: [claude/claude-haiku-4-5, a/e] }}
  claude: {{ targets: [claude/claude-haiku-4-5] }}
",
        a.url, b.url
    );
    Gateway::start(&yaml).await
}

async fn embed(gateway: &Gateway, body: &Value) -> Answer {
    gateway
        .send(gateway.post("/v1/embeddings", body.to_string()))
        .await
}

/// A reply, spelled as nobody else would.
fn reply(embedding: &str) -> String {
    format!(
        r#"{{ "object":"list","data":[{{"object":"embedding","index":0,"embedding":{embedding}}}],"model":"e-1","usage":{{"prompt_tokens":8,"total_tokens":8}},"extra":1.50 }}"#
    )
}

#[tokio::test]
async fn vectors_pass_through_as_they_came_and_are_on_the_books() {
    for embedding in ["[0.10,-2e-3,3]", "\"AACAPwAAAEA=\""] {
        let a = Provider::start([provider::json(200, reply(embedding))]).await;
        let gateway = gateway(&a, &a).await;
        let body = json!({"model": "r", "input": ["one", "two"], "encoding_format": "base64", "dimensions": 2});
        let answer = embed(&gateway, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body, reply(embedding));
        assert_eq!(answer.header("x-waypost-target"), "a/e");
        // 8 tokens at half a dollar per million.
        assert_eq!(answer.header("x-waypost-cost-usd"), "0.000004");
        let asked = &a.asked()[0];
        assert_eq!(asked.path, "/v1/embeddings");
        assert_eq!(asked.headers["authorization"], "Bearer sk-a");
        let expected = json!({"model": "e", "input": ["one", "two"], "encoding_format": "base64", "dimensions": 2});
        assert_eq!(asked.json(), expected);
        let record = gateway.record(answer.header("x-request-id")).await;
        assert_eq!(record.surface.label(), "embeddings");
        let usage = record.usage.unwrap();
        assert_eq!((usage.input, usage.output, usage.estimated), (8, 0, false));
        assert_eq!(record.cost.dollars().unwrap(), "0.000004");
    }
}

#[tokio::test]
async fn a_missing_usage_is_estimated_from_the_input() {
    let bare = r#"{"object":"list","data":[{"index":0,"embedding":[1]}]}"#;
    let a = Provider::start([provider::json(200, bare)]).await;
    let gateway = gateway(&a, &a).await;
    let answer = embed(&gateway, &json!({"model": "r", "input": "x".repeat(40)})).await;
    let record = gateway.record(answer.header("x-request-id")).await;
    let usage = record.usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.estimated), (11, 0, true));
}

#[tokio::test]
async fn the_next_target_embeds_when_one_fails() {
    for failing in [
        error(500, "boom"),
        error(429, "slow"),
        provider::json(200, r#"{"error":{"message":"oh","code":503}}"#),
        provider::json(200, r#"{"object":"list"}"#),
        provider::json(200, "no json"),
    ] {
        let a = Provider::start([failing]).await;
        let b = Provider::start([provider::json(200, reply("[1]"))]).await;
        let gateway = gateway(&a, &b).await;
        let answer = embed(&gateway, &json!({"model": "r", "input": "x"})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("x-waypost-target"), "b/e");
        assert_eq!(answer.header("x-waypost-attempts"), "2");
        assert_eq!(answer.header("x-waypost-cost-usd"), "", "b has no price");
    }
}

#[tokio::test]
async fn a_provider_without_embeddings_is_not_asked() {
    let a = Provider::start([provider::json(200, reply("[1]"))]).await;
    let claude = Provider::start([]).await;
    let gateway = gateway(&a, &claude).await;
    let answer = embed(&gateway, &json!({"model": "first-claude", "input": "x"})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("x-waypost-target"), "a/e");
    assert_eq!(answer.header("x-waypost-attempts"), "1");
    let record = gateway.record(answer.header("x-request-id")).await;
    assert_eq!(record.attempts[0].kind.label(), "primary");

    for model in ["claude", "claude/claude-haiku-4-5"] {
        let answer = embed(&gateway, &json!({"model": model, "input": "x"})).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
        assert!(answer.body.contains("no embeddings"), "{}", answer.body);
        assert_eq!(answer.header("x-waypost-attempts"), "0");
    }
    assert!(claude.asked().is_empty());
}

#[tokio::test]
async fn what_is_no_embeddings_request_is_refused_with_its_place() {
    let a = Provider::start([]).await;
    let gateway = gateway(&a, &a).await;
    for (body, status, param) in [
        (json!({"input": "x"}), 400, "model"),
        (json!({"model": 7, "input": "x"}), 400, "model"),
        (json!({"model": "r"}), 400, "input"),
        (json!({"model": "r", "input": null}), 400, "input"),
        (json!({"model": "r", "input": ""}), 400, "input"),
        (json!({"model": "r", "input": []}), 400, "input"),
        (json!({"model": "r", "input": {}}), 400, "input"),
        (json!({"model": "nobody", "input": "x"}), 404, "model"),
        (json!([]), 400, ""),
    ] {
        let answer = embed(&gateway, &body).await;
        assert_eq!(answer.status, status, "{body} {}", answer.body);
        let error = &answer.json()["error"];
        assert_eq!(
            error["param"].as_str().unwrap_or(""),
            param,
            "{body} {}",
            answer.body
        );
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert!(a.asked().is_empty());
}

#[tokio::test]
async fn the_providers_refusal_reaches_the_caller() {
    let a = Provider::start([error(400, "too_long")]).await;
    let b = Provider::start([]).await;
    let gateway = gateway(&a, &b).await;
    let answer = embed(&gateway, &json!({"model": "r", "input": "x"})).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["message"], "it is too_long");
    assert!(b.asked().is_empty());
}
