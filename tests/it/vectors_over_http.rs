//! The golden vectors once more, end to end: a caller, a gateway, and a provider that answers as the vector says.
//!
//! Beyond what the library alone shows: the path and the credential that leave, the statuses callers see, and
//! how often a provider is asked.

use serde_json::{Value, json};

use crate::support::{
    Act, Answer, Gateway, Provider,
    matcher::Matcher,
    provider::Asked,
    vector::{Vector, load},
};

/// The provider's key. The caller's own must never leave.
const KEY: &str = "sk-of-the-provider";

#[tokio::test]
async fn openai_compatible_providers_are_spoken_to_as_the_vectors_say() {
    assert_eq!(run_all("openai_compat").await, 16);
}

#[tokio::test]
async fn anthropic_is_spoken_to_as_the_vectors_say() {
    assert_eq!(run_all("anthropic").await, 21);
}

#[tokio::test]
async fn errors_reach_callers_as_the_vectors_say() {
    assert_eq!(run_all("errors").await, 13);
}

/// Runs every vector of a folder, tells all that fail, and counts them.
async fn run_all(folder: &str) -> usize {
    let mut failed = Vec::new();
    let vectors = load(folder);
    let count = vectors.len();
    for vector in vectors {
        let name = vector.name.clone();
        if tokio::spawn(run(vector)).await.is_err() {
            failed.push(name);
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {count} failed: {failed:#?}",
        failed.len()
    );
    count
}

async fn run(vector: Vector) {
    let provider = Provider::start([act(&vector)]).await;
    let (name, mut card) = vector.provider();
    let (_, base_path) = vector.target();
    let host = provider.url.strip_suffix("/v1").unwrap();
    card["base_url"] = format!("{host}{base_path}").into();
    card["api_key"] = KEY.into();
    // JSON is YAML.
    let gateway = Gateway::start(&json!({"providers": {&name: card}}).to_string()).await;

    let mut request = vector.json["openai_request"].clone();
    request["model"] = format!("{name}/{}", request["model"].as_str().unwrap()).into();
    let request = gateway
        .post("/v1/chat/completions", request.to_string())
        .header("authorization", "Bearer sk-of-the-caller")
        .header("x-api-key", "sk-of-the-caller");
    let answer = gateway.send(request).await;

    let asked = provider.asked();
    if let Some(calls) = vector.get("expected_upstream_calls") {
        assert_eq!(
            calls.as_u64().unwrap(),
            asked.len() as u64,
            "{}",
            vector.name
        );
    } else {
        assert!(!asked.is_empty(), "{}: {answer:?}", vector.name);
    }
    if let Some(expected) = vector.get("expected_upstream_request") {
        assert_eq!(asked.len(), 1, "{}", vector.name);
        check_request(&vector, expected, &asked[0], &answer);
    }
    check_answer(&vector, &answer, asked.len());
}

/// What the provider does.
fn act(vector: &Vector) -> Act {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    if let Some(frames) = vector.get("upstream_sse") {
        return Act::Stream(frames.as_array().unwrap().iter().map(text).collect());
    }
    let json = json!({"content-type": "application/json"});
    let headers = vector.get("upstream_headers").unwrap_or(&json);
    let headers = headers.as_object().unwrap().iter();
    let headers = headers.map(|(name, value)| (name.clone(), text(value)));
    let status = vector.json["upstream_status"].as_u64().unwrap_or(200) as u16;
    Act::Answer(
        status,
        headers.collect(),
        text(&vector.json["upstream_response"]),
    )
}

fn check_request(vector: &Vector, expected: &Value, asked: &Asked, answer: &Answer) {
    let name = &vector.name;
    assert_eq!(expected["method"], asked.method, "{name}");
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    assert_eq!(expected["path"], path, "{name}");
    assert_eq!(expected["query"].as_str().unwrap_or(""), query, "{name}");
    let expected_headers = expected["headers"].as_object().unwrap();
    for (header, value) in expected_headers {
        let value = value.as_str().unwrap().replace("$KEY", KEY);
        let sent: Vec<_> = asked.headers.get_all(header).iter().collect();
        assert_eq!(sent, [&value], "{name}: {header}");
    }
    for header in ["authorization", "x-api-key", "api-key", "anthropic-version"] {
        let there = asked.headers.contains_key(header);
        assert_eq!(
            there,
            expected_headers.contains_key(header),
            "{name}: {header}"
        );
    }
    Matcher::requests().check(name, &expected["body"], &asked.json());
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    let expected = vector
        .get("expected_dropped_params")
        .map_or_else(Vec::new, |list| {
            serde_json::from_value(list.clone()).unwrap()
        });
    let told = answer.header("x-waypost-dropped").split(',');
    let told = told.filter(|name| !name.is_empty()).map(str::to_owned);
    assert_eq!(sorted(told.collect()), sorted(expected), "{name}");
}

fn check_answer(vector: &Vector, answer: &Answer, asked: usize) {
    let name = &vector.name;
    let status = vector.json["expected_status"].as_u64().unwrap_or(200);
    assert_eq!(status, u64::from(answer.status), "{name}: {}", answer.body);
    if let Some(expected) = vector.get("expected_openai_error") {
        Matcher::requests().check(name, expected, &answer.json());
        let classified = &vector.json["expected_classification"];
        let waits = classified["retry_after_ms"]
            .as_u64()
            .map(|wait| wait.to_string());
        if let Some(wait) = waits {
            assert_eq!(answer.header("retry-after-ms"), wait, "{name}");
        }
        let again = classified["retryable"] == true && classified["retry_after_ms"].is_null();
        assert!(again || asked <= 1, "{name}: asked {asked} times");
    } else if vector.get("expected_accumulated").is_some() {
        assert!(
            answer
                .header("content-type")
                .starts_with("text/event-stream"),
            "{name}"
        );
        vector.check_stream(name, answer.body.as_bytes());
    } else {
        assert_eq!(answer.header("content-type"), "application/json", "{name}");
        let expected = &vector.json["expected_openai_response"];
        vector.answers().check(name, expected, &answer.json());
    }
}
