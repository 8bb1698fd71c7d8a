//! Vectors.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::*;

fn embed(body: Value) -> Value {
    whole(&with_faults(&[]).answer(EMBEDDINGS, body.to_string().as_bytes(), 0))
}

fn vector(text: &str) -> Vec<f64> {
    let reply = embed(json!({"model": "e", "input": text}));
    serde_json::from_value(reply["data"][0]["embedding"].clone()).unwrap()
}

#[test]
fn wrong_embedding_requests_get_a_400() {
    for body in [
        json!({"model": "e"}),
        json!({"model": "e", "input": []}),
        json!({"model": "e", "input": {"a": 1}}),
        json!({"input": "x"}),
        json!({"model": "e", "input": "x", "dimensions": 0}),
        json!({"model": "e", "input": "x", "dimensions": 1_000_000_000}),
        json!({"model": "e", "input": vec!["x"; 2049]}),
        json!({"model": "e", "input": "x", "encoding_format": "hex"}),
    ] {
        let script = with_faults(&[]).answer(EMBEDDINGS, body.to_string().as_bytes(), 0);
        assert_eq!(script.status, 400, "{body:.80}");
    }
    let limited = with_faults(&[Fault::RateLimit]).answer(EMBEDDINGS, b"{}", 0);
    assert_eq!(limited.status, 429);
}

#[test]
fn embeddings_are_unit_vectors_of_the_words() {
    let dot = |left: &[f64], right: &[f64]| left.iter().zip(right).map(|(a, b)| a * b).sum::<f64>();
    let (rain, wet, tax) = (
        vector("heavy rain in Oslo"),
        vector("Rain over Oslo, heavy"),
        vector("income tax form"),
    );
    assert_eq!(rain.len(), 256);
    assert!((dot(&rain, &rain) - 1.0).abs() < 1e-5);
    assert_eq!(rain, vector("heavy rain in Oslo"));
    assert!(dot(&rain, &wet) > 0.5 && dot(&rain, &tax) < 0.4);
    assert_eq!(vector("").len(), 256);
}

#[test]
fn embeddings_come_in_the_shape_that_was_asked_for() {
    let reply = embed(json!({"model": "e", "input": ["one", "three"], "dimensions": 3}));
    assert_eq!(reply["data"][1]["index"], 1);
    assert_eq!(
        reply["usage"],
        json!({"prompt_tokens": 3, "total_tokens": 3})
    );
    let floats: Vec<f32> = serde_json::from_value(reply["data"][1]["embedding"].clone()).unwrap();
    let reply = embed(
        json!({"model": "e", "input": "three", "dimensions": 3, "encoding_format": "base64"}),
    );
    let packed = STANDARD
        .decode(reply["data"][0]["embedding"].as_str().unwrap())
        .unwrap();
    let little_endian: Vec<u8> = floats
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(packed, little_endian);
    let reply = embed(json!({"model": "e", "input": [[1, 2, 3], [4]]}));
    assert_eq!(reply["usage"]["total_tokens"], 4);
    assert_eq!(reply["data"].as_array().unwrap().len(), 2);
    assert_eq!(
        embed(json!({"model": "e", "input": [1, 2]}))["usage"]["total_tokens"],
        2
    );
}
