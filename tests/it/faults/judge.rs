//! The judgement of one case: the caller's answer, the providers' own truth and the books must tell one story.

use serde_json::{Value, json};

use super::{
    matrix::Case,
    table::{Expect, FAULTY, HEALTHY},
    voice::Surface,
};
use crate::support::Answer;

/// What a case brought about.
pub(super) struct Got {
    pub(super) answer: Answer,
    /// The request's record, as the admin listener shows it.
    pub(super) record: String,
}

/// Panics with the case's name where a promise is broken.
pub(super) fn judge(case: &Case, got: &Got) {
    let name = &case.name;
    let answer = &got.answer;
    let headers = format!("{:?}", answer.headers);
    for text in [&answer.body, &headers, &got.record] {
        assert!(!text.contains("canary"), "{name}: a key got out: {text}");
        assert!(
            !text.contains("<html>"),
            "{name}: a stranger's page: {text}"
        );
    }
    assert_eq!(answer.header("x-request-id"), case.id, "{name}");
    let first = format!("a-{}/m", case.id);
    let second = format!("b-{}/m", case.id);
    match case.expect {
        Expect::FallsOver(class) => {
            whole(case, answer, HEALTHY);
            told(case, answer, &second, 2);
            attempts(
                case,
                got,
                &[
                    (&first, "primary", class),
                    (&second, "fallback", "delivered"),
                ],
            );
            asked(case, 1);
        }
        Expect::Stops(class, status) => {
            refused(case, answer, class, status);
            told(case, answer, &first, 1);
            attempts(case, got, &[(&first, "primary", class)]);
            asked(case, 0);
        }
        Expect::Breaks(class) => {
            broken(case, answer, class);
            told(case, answer, &first, 1);
            attempts(case, got, &[(&first, "primary", class)]);
            asked(case, 0);
        }
        Expect::Survives(tokens) => {
            whole(case, answer, FAULTY);
            told(case, answer, &first, 1);
            attempts(case, got, &[(&first, "primary", "delivered")]);
            asked(case, 0);
            counted(case, got, tokens);
        }
    }
}

/// The answer is whole, valid and has this text.
fn whole(case: &Case, answer: &Answer, text: &str) {
    let name = &case.name;
    assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    if case.stream {
        let typed = answer.header("content-type");
        assert!(typed.starts_with("text/event-stream"), "{name}: {typed}");
        let said = case.surface.streamed_text(answer);
        assert_eq!(said, text, "{name}: {}", answer.body);
        assert_eq!(case.surface.ends(answer), 1, "{name}: {}", answer.body);
        assert!(errors(answer).is_empty(), "{name}: {}", answer.body);
    } else {
        assert_eq!(answer.header("content-type"), "application/json", "{name}");
        let said = case.surface.text(&answer.json());
        assert_eq!(said.as_deref(), Some(text), "{name}: {}", answer.body);
    }
}

/// The answer is an error in the caller's own envelope.
fn refused(case: &Case, answer: &Answer, class: &str, status: u16) {
    let name = &case.name;
    assert_eq!(answer.status, status, "{name}: {}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json", "{name}");
    assert_eq!(answer.header("x-should-retry"), "false", "{name}");
    assert_typed(case, &answer.json(), class);
}

/// The answer is what came before the fault, and an error as its last event.
fn broken(case: &Case, answer: &Answer, class: &str) {
    let name = &case.name;
    assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    let said = case.surface.streamed_text(answer);
    assert!(said.starts_with(FAULTY), "{name}: {}", answer.body);
    assert_eq!(case.surface.ends(answer), 0, "{name}: {}", answer.body);
    let errors = errors(answer);
    assert_eq!(errors.len(), 1, "{name}: {}", answer.body);
    let last: Value = serde_json::from_str(answer.events().last().unwrap()).unwrap();
    assert_eq!(last, errors[0], "{name}: the error is the last event");
    assert_typed(case, &last, class);
}

fn errors(answer: &Answer) -> Vec<Value> {
    let event = |event: &str| serde_json::from_str::<Value>(event).ok();
    let events = answer.events().into_iter().filter_map(event);
    events.filter(|event| !event["error"].is_null()).collect()
}

fn assert_typed(case: &Case, envelope: &Value, class: &str) {
    let name = &case.name;
    let error = &envelope["error"];
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{name}: {envelope}"
    );
    let word = case.surface.word(class);
    if case.surface == Surface::Messages {
        assert_eq!(envelope["type"], "error", "{name}: {envelope}");
        assert_eq!(error["type"], word, "{name}: {envelope}");
    } else {
        assert!(error["type"].is_string(), "{name}: {envelope}");
        let code = if error["code"].is_null() {
            &error["type"]
        } else {
            &error["code"]
        };
        assert_eq!(code, word, "{name}: {envelope}");
    }
}

/// The headers tell who answered and after how many attempts.
fn told(case: &Case, answer: &Answer, target: &str, attempts: usize) {
    let name = &case.name;
    assert_eq!(answer.header("x-waypost-route"), case.id, "{name}");
    assert_eq!(answer.header("x-waypost-target"), target, "{name}");
    assert_eq!(
        answer.header("x-waypost-attempts"),
        attempts.to_string(),
        "{name}"
    );
}

/// The books have these attempts and no others, each with its time.
fn attempts(case: &Case, got: &Got, expected: &[(&str, &str, &str)]) {
    let name = &case.name;
    let record: Value = serde_json::from_str(&got.record).unwrap();
    let made = record["attempts"].as_array().unwrap();
    assert_eq!(made.len(), expected.len(), "{name}: {record}");
    for (made, (target, kind, end)) in made.iter().zip(expected) {
        assert_eq!(
            (&made["target"], &made["kind"]),
            (&json!(target), &json!(kind)),
            "{name}"
        );
        let ended = made["end"].as_str().unwrap();
        assert!(end.split('|').any(|end| end == ended), "{name}: {record}");
        assert!(
            made["total_ms"].as_f64().is_some_and(|ms| ms > 0.0),
            "{name}: {record}"
        );
    }
    assert_eq!(
        record["end"],
        expected.last().unwrap().2,
        "{name}: {record}"
    );
    assert_eq!(record["stream"], case.stream, "{name}: {record}");
}

/// The faulty target was asked at most once, with its own key, and the fallback this often, with its own.
fn asked(case: &Case, fallback: usize) {
    let name = &case.name;
    let seen = case.faulty.seen();
    assert_eq!(seen.len(), usize::from(case.reached), "{name}: {seen:?}");
    for seen in &seen {
        assert_eq!(seen.key(), format!("sk-canary-a-{}", case.id), "{name}");
        assert!(seen.body.contains("Hello?"), "{name}: {}", seen.body);
    }
    let asked = case.healthy.asked();
    assert_eq!(asked.len(), fallback, "{name}: requests to the fallback");
    for asked in &asked {
        assert!(
            !format!("{:?}", asked.headers).contains("canary-a-"),
            "{name}: a stranger's key"
        );
        assert!(asked.body.contains("Hello?"), "{name}: {}", asked.body);
    }
}

/// The books have the provider's count of tokens, or one of our own that says so.
fn counted(case: &Case, got: &Got, tokens: Option<u64>) {
    let name = &case.name;
    let record: Value = serde_json::from_str(&got.record).unwrap();
    let usage = &record["usage"];
    if let Some(tokens) = tokens {
        let total = usage["input"].as_u64().unwrap() + usage["output"].as_u64().unwrap();
        assert_eq!(total, tokens, "{name}: {record}");
    } else {
        assert!(
            usage["input"].as_u64().is_some_and(|count| count < 1000),
            "{name}: {record}"
        );
        assert!(
            usage["output"].as_u64().is_some_and(|count| count < 1000),
            "{name}: {record}"
        );
    }
}
