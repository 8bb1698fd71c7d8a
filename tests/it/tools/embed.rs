//! Tools that make vectors.

use serde_json::json;

use super::{call, text};
use crate::support::{Gateway, Provider, error};

const CONFIG: &str = "
providers: {s: {dialect: simulated, first_token: 0ms, models: {e: {mode: embedding, price: {input: 0.1}}, five: {mode: embedding, dimensions: 5, price: {input: 0.1}}}}}
routes: {vectors: {targets: [s/e]}}
tools:
  text.embed: {kind: embed, description: d, route: vectors, max_texts: 2, dimensions: 8}
  any.embed: {kind: embed, description: d, target: s/e, input_schema: {type: object, properties: {texts: {}}}}
  large.embed: {kind: embed, description: d, target: s/e}
  short.embed: {kind: embed, description: d, target: s/five}
  six.embed: {kind: embed, description: d, target: s/five, dimensions: 6}
  one.embed:
    kind: embed
    description: d
    target: s/e
    input: text
    dimensions: 8
    input_schema: {type: object, properties: {text: {type: string}}}
";

#[tokio::test]
async fn texts_become_vectors_of_one_length() {
    let gateway = Gateway::start(CONFIG).await;
    let result = call(
        &gateway,
        "text__embed",
        json!({"texts": ["a cat", "a dog"]}),
    )
    .await;
    let given = &result["structuredContent"];
    assert_eq!(given["dimensions"], 8);
    assert_eq!(given["model"], "s/e");
    assert_eq!(given["embeddings"].as_array().unwrap().len(), 2);
    assert_eq!(given["embeddings"][0].as_array().unwrap().len(), 8);
    let route = &result["_meta"]["dev.waypost/route"];
    assert_eq!(route["route"], "vectors");
    let record = gateway.record(route["request"].as_str().unwrap()).await;
    assert_eq!(record.surface.label(), "embeddings");
    assert_eq!(record.tool.as_deref(), Some("text.embed"));

    let one = call(&gateway, "one__embed", json!({"text": "a cat"})).await;
    assert_eq!(
        one["structuredContent"]["embeddings"][0],
        given["embeddings"][0]
    );
}

#[tokio::test]
async fn as_many_texts_as_are_taken_have_a_result_that_is_given() {
    let gateway = Gateway::start(CONFIG).await;
    let result = call(&gateway, "large__embed", json!({"texts": vec!["a"; 96]})).await;
    let vectors = result["structuredContent"]["embeddings"].as_array();
    assert_eq!(
        vectors.map(Vec::len),
        Some(96),
        "{:.300}",
        result.to_string()
    );
}

#[tokio::test]
async fn a_simulated_model_has_the_length_its_card_says() {
    let gateway = Gateway::start(CONFIG).await;
    let result = call(&gateway, "short__embed", json!({"texts": ["a"]})).await;
    assert_eq!(result["structuredContent"]["dimensions"], 5, "{result}");
    let result = call(&gateway, "six__embed", json!({"texts": ["a"]})).await;
    assert_eq!(result["isError"], true, "{result}");
}

#[tokio::test]
async fn what_is_no_text_is_refused_before_anybody_is_asked() {
    let gateway = Gateway::start(CONFIG).await;
    for (tool, arguments) in [
        ("text__embed", json!({"texts": []})),
        ("text__embed", json!({"texts": ["a", ""]})),
        ("text__embed", json!({"texts": ["a", "b", "c"]})),
        ("text__embed", json!({})),
        ("any__embed", json!({"texts": ["a", 1]})),
        ("any__embed", json!({"texts": [null, "a"]})),
        ("one__embed", json!({"text": ""})),
        ("one__embed", json!({})),
    ] {
        let result = call(&gateway, tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
    }
    assert_eq!(gateway.hall.ledger.recent(9).0.len(), 0);
}

#[tokio::test]
async fn a_provider_that_fails_is_told_in_our_words() {
    let provider = Provider::start([error(500, "broken")]).await;
    let url = &provider.url;
    let yaml = format!(
        "providers: {{p: {{dialect: openai, base_url: '{url}'}}}}\ntools: {{t: {{kind: embed, description: d, target: p/m}}}}"
    );
    let gateway = Gateway::start(&yaml).await;
    let result = call(&gateway, "t", json!({"texts": ["a"]})).await;
    assert_eq!(result["isError"], true);
    assert!(text(&result).contains("try again later"), "{result}");
    assert!(!text(&result).contains("it is"), "{result}");
}
