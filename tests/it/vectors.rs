//! The golden vectors, run through the library alone: request out, reply and stream and error back.
//!
//! What only a running gateway shows — the status codes callers see, authentication — is checked elsewhere.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use waypost::{
    catalog::Target,
    dialect::{Ask, Dialect, Work, bridge, of, openai::OpenAi},
    outcome::{ErrorClass, Failure},
};

use crate::support::{
    accumulate::accumulate,
    vector::{Matcher, Vector, load},
};

/// Seconds since the Unix epoch, for what is created here.
const NOW: u64 = 1_795_000_000;

/// Vectors of dialects that are not spoken.
const NOT_SPOKEN: [&str; 9] = [
    "errors/bedrock_access_denied",
    "errors/bedrock_daily_tokens",
    "errors/bedrock_throttling",
    "errors/bedrock_too_long",
    "errors/cohere_498_invalid_token",
    "errors/gemini_429_per_day",
    "errors/gemini_429_retryinfo",
    "errors/gemini_503_array_body",
    "errors/gemini_504_deadline",
];

#[test]
fn openai_compatible_providers_translate_as_the_vectors_say() {
    assert_eq!(run_all("openai_compat", |_| true), 16);
}

#[test]
fn anthropic_translates_as_the_vectors_say() {
    assert_eq!(run_all("anthropic", |_| true), 21);
}

#[test]
fn errors_are_classified_as_the_vectors_say() {
    let spoken = |vector: &Vector| !NOT_SPOKEN.contains(&vector.name.as_str());
    assert_eq!(run_all("errors", spoken), 22 - NOT_SPOKEN.len());
}

/// Runs every vector of a folder, tells all that fail, and counts them.
fn run_all(folder: &str, wanted: impl Fn(&Vector) -> bool) -> usize {
    let vectors: Vec<Vector> = load(folder).into_iter().filter(wanted).collect();
    let failed: Vec<&str> = vectors
        .iter()
        .filter(|vector| std::panic::catch_unwind(|| run(vector)).is_err())
        .map(|vector| vector.name.as_str())
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} failed: {failed:#?}",
        failed.len(),
        vectors.len()
    );
    vectors.len()
}

fn run(vector: &Vector) {
    let (target, base_path) = vector.target();
    let ask = Ask::read(&OpenAi, Work::Completion, &vector.request()).unwrap();
    let outgoing = match bridge::request(&ask, &target) {
        Ok(outgoing) => outgoing,
        Err(failure) => {
            assert_eq!(
                vector.json["expected_upstream_calls"], 0,
                "{}: {failure:?}",
                vector.name
            );
            return check_error(vector, &failure);
        }
    };
    assert!(
        vector.get("expected_upstream_calls").is_none(),
        "{}",
        vector.name
    );
    if let Some(expected) = vector.get("expected_upstream_request") {
        check_request(vector, expected, &base_path, &outgoing);
    }
    if let Some(frames) = vector.get("upstream_sse") {
        let bytes: String = frames
            .as_array()
            .unwrap()
            .iter()
            .map(|frame| frame.as_str().unwrap())
            .collect();
        for size in [bytes.len(), 1, 7] {
            check_stream(vector, &ask, &target, bytes.as_bytes(), size);
        }
    } else if vector.json["upstream_status"].as_u64().unwrap_or(200) < 300 {
        let body = Bytes::from(serde_json::to_vec(&vector.json["upstream_response"]).unwrap());
        check_reply(vector, &ask, &target, body);
    } else {
        check_error(vector, &read_error(vector, &target));
    }
}

fn check_request(
    vector: &Vector,
    expected: &Value,
    base_path: &str,
    outgoing: &waypost::dialect::Outgoing,
) {
    let name = &vector.name;
    let whole = format!("{base_path}{}", outgoing.path);
    let (path, query) = whole.split_once('?').unwrap_or((&whole, ""));
    assert_eq!(expected["path"], path, "{name}");
    assert_eq!(
        expected["query"].as_str().unwrap_or_default(),
        query,
        "{name}"
    );
    let elsewhere = ["authorization", "api-key", "x-api-key", "content-type"];
    let mut headers = expected["headers"].clone();
    headers
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !elsewhere.contains(&key.as_str()));
    let sent: serde_json::Map<String, Value> = outgoing
        .headers
        .iter()
        .map(|(key, value)| (key.to_ascii_lowercase(), value.as_str().into()))
        .collect();
    assert_eq!(headers, Value::Object(sent), "{name}");
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    Matcher::requests().check(name, &expected["body"], &body);
    let mut dropped = outgoing.dropped.clone();
    dropped.sort();
    let mut expected: Vec<String> = vector
        .get("expected_dropped_params")
        .map(|list| serde_json::from_value(list.clone()).unwrap())
        .unwrap_or_default();
    expected.sort();
    assert_eq!(dropped, expected, "{name}");
}

fn answers_matcher(vector: &Vector) -> Matcher {
    let mut matcher = Matcher::answers();
    // "may be kept", say the notes.
    match vector.name.as_str() {
        "openai_compat/azure_v1_path" => matcher.extras.push("prompt_filter_results"),
        "openai_compat/xai_usage_and_finish" => matcher.extras.extend([
            "text_tokens",
            "audio_tokens",
            "image_tokens",
            "accepted_prediction_tokens",
            "rejected_prediction_tokens",
            "num_sources_used",
        ]),
        _ => {}
    }
    matcher
}

fn check_reply(vector: &Vector, ask: &Ask, target: &Target, body: Bytes) {
    match bridge::reply(ask, target, body, NOW) {
        Ok(tidy) => {
            let expected = vector.get("expected_openai_response");
            let expected = expected.unwrap_or_else(|| panic!("{}: an answer", vector.name));
            let actual: Value = serde_json::from_slice(&tidy.body).unwrap();
            answers_matcher(vector).check(&vector.name, expected, &actual);
            assert!(
                tidy.usage.is_some() && tidy.answer_bytes > 0,
                "{}",
                vector.name
            );
        }
        Err(failure) => check_error(vector, &failure),
    }
}

/// Feeds the stream in pieces of `size` bytes.
fn check_stream(vector: &Vector, ask: &Ask, target: &Target, bytes: &[u8], size: usize) {
    let name = &format!("{} in pieces of {size}", vector.name);
    let mut stream = bridge::Stream::new(ask, target, "chatcmpl-own", NOW);
    let mut out = BytesMut::new();
    let read = bytes
        .chunks(size)
        .try_for_each(|piece| stream.push(piece, &mut out));
    let read = read.and_then(|()| stream.end(&mut out));
    if let Err(failure) = &read {
        if !stream.notes().meaningful {
            return check_error(vector, failure);
        }
        vector.check_classification(failure);
        stream.fail(failure, &mut out);
    }
    let accumulated = accumulate(name, &out);
    assert_eq!(vector.json["expected_done"], accumulated.done, "{name}");
    let reference = vector.json["expected_chunks"].as_array().unwrap();
    let reference = reference
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect::<String>();
    let reference = accumulate(name, reference.replace("\"$INT\"", "1").as_bytes());
    assert_eq!(reference.order, accumulated.order, "{name}");
    let expected = &vector.json["expected_accumulated"];
    answers_matcher(vector).check(name, expected, &accumulated.answer);
}

fn read_error(vector: &Vector, target: &Target) -> Failure {
    let status = vector.json["upstream_status"].as_u64().unwrap() as u16;
    let mut headers = HeaderMap::new();
    for (key, value) in vector.json["upstream_headers"].as_object().unwrap() {
        let key: HeaderName = key.parse().unwrap();
        headers.insert(key, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    let body = match &vector.json["upstream_response"] {
        Value::String(text) => text.clone().into_bytes(),
        json => serde_json::to_vec(json).unwrap(),
    };
    of(target.card.dialect).read_error(status, &headers, &body)
}

fn check_error(vector: &Vector, failure: &Failure) {
    vector.check_classification(failure);
    let expected = vector.get("expected_openai_error");
    let expected = expected.unwrap_or_else(|| panic!("{}: {failure:?}", vector.name));
    let body = OpenAi.write_error(failure, "req_1");
    let actual: Value = serde_json::from_slice(&body).unwrap();
    Matcher::requests().check(&vector.name, expected, &actual);
    assert_ne!(failure.class, ErrorClass::Cancelled);
}
