//! Error answers: every envelope, and bodies that are none.

use http::HeaderMap;

use crate::{
    dialect::openai::error::{inside, read},
    outcome::ErrorClass,
};

fn check(status: u16, body: &str, class: ErrorClass, message: &str, param: Option<&str>) {
    let failure = read(status, &HeaderMap::new(), body.as_bytes());
    assert_eq!(failure.class, class, "{body}");
    assert_eq!(failure.message, message, "{body}");
    assert_eq!(failure.param.as_deref(), param, "{body}");
}

#[test]
fn bodies_that_are_no_errors_are_classified_by_status_and_not_passed_on() {
    let none = |status| format!("The provider answered HTTP {status} without a JSON error");
    for body in [
        "",
        "<html>",
        "[]",
        "7",
        "null",
        "\"x\"",
        "{}",
        r#"{"error":null}"#,
        r#"{"error":[{}]}"#,
    ] {
        check(502, body, ErrorClass::ServerError, &none(502), None);
        check(429, body, ErrorClass::RateLimit, &none(429), None);
    }
    check(
        500,
        &"[".repeat(100_000),
        ErrorClass::ServerError,
        &none(500),
        None,
    );
}

#[test]
fn every_envelope_is_read() {
    check(
        404,
        r#"{"error":"no such model"}"#,
        ErrorClass::NotFound,
        "no such model",
        None,
    );
    check(
        401,
        r#"{"detail":"Unauthorized"}"#,
        ErrorClass::Auth,
        "Unauthorized",
        None,
    );
    check(
        422,
        r#"{"detail":[{"loc":["body","messages",0],"msg":"missing"}]}"#,
        ErrorClass::InvalidRequest,
        "body.messages.0: missing",
        Some("body.messages.0"),
    );
    check(
        503,
        r#"[{"error":{"message":"busy"}}]"#,
        ErrorClass::Overloaded,
        "busy",
        None,
    );
    check(
        422,
        r#"{"error":"bad","error_type":"validation"}"#,
        ErrorClass::InvalidRequest,
        "bad",
        None,
    );
}

#[test]
fn codes_and_texts_beat_the_status() {
    let error = |code: &str, message: &str| {
        format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#)
    };
    let class = |status, body: String| read(status, &HeaderMap::new(), body.as_bytes()).class;
    assert_eq!(
        class(429, error("insufficient_quota", "x")),
        ErrorClass::Quota
    );
    assert_eq!(
        class(400, error("tool_use_failed", "x")),
        ErrorClass::ServerError
    );
    assert_eq!(
        class(400, error("", "The prompt is too long: 9 tokens")),
        ErrorClass::ContextLength
    );
    assert_eq!(
        class(
            400,
            error("", "The input token count (9) exceeds the maximum")
        ),
        ErrorClass::ContextLength
    );
    assert_eq!(
        class(404, error("", "the maximum requests per day")),
        ErrorClass::NotFound
    );
    assert_eq!(
        class(400, error("DeploymentNotFound", "x")),
        ErrorClass::NotFound
    );
}

#[test]
fn an_error_within_http_200_tells_its_own_status() {
    let read = |json: &str| {
        inside(Some(
            &serde_json::from_str::<crate::json::Raw>(json).unwrap(),
        ))
    };
    for nothing in ["null", "false", "\"\"", "{}"] {
        assert_eq!(read(nothing), None, "{nothing}");
    }
    let check = |json: &str, class, status| {
        let failure = read(json).unwrap();
        assert_eq!((failure.class, failure.status), (class, status), "{json}");
    };
    check(
        r#"{"code":502,"message":"x"}"#,
        ErrorClass::ServerError,
        Some(502),
    );
    check(
        r#"{"code":"429","message":"x"}"#,
        ErrorClass::RateLimit,
        Some(429),
    );
    check(
        r#"{"type":"overloaded_error","message":"x"}"#,
        ErrorClass::Overloaded,
        None,
    );
    check("\"CUDA out of memory\"", ErrorClass::ServerError, None);
    check("7", ErrorClass::ServerError, None);
}
