//! Whole replies: what is forwarded as it came, and what is put right.

use bytes::Bytes;

use crate::{
    dialect::{
        Dialect,
        openai::{OpenAi, calls::made_id, reply::tidy},
    },
    outcome::ErrorClass,
};

fn check(body: &str, expected: &str) {
    let tidied = tidy(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    assert_eq!(std::str::from_utf8(&tidied.body).unwrap(), expected);
}

#[test]
fn what_is_no_completion_is_the_providers_failure() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"choices":[]}"#,
        r#"{"choices":7}"#,
        r#"{"choices":[7]}"#,
    ] {
        let failure = tidy(Bytes::copy_from_slice(body.as_bytes())).unwrap_err();
        assert_eq!(failure.class, ErrorClass::ServerError, "{body}");
        assert!(failure.message.contains("no completion"), "{body}");
    }
}

#[test]
fn errors_within_http_200_are_failures() {
    let class = |body: &str| {
        tidy(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap_err()
            .class
    };
    let choices = r#""choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]"#;
    assert_eq!(
        class(r#"{"error":{"code":429,"message":"slow"}}"#),
        ErrorClass::RateLimit
    );
    assert_eq!(
        class(r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#),
        ErrorClass::Quota
    );
    assert_eq!(
        class(
            &choices
                .replace("\"stop\"", "\"error\"")
                .replace("\"choices\"", "{\"choices\"")
                .replace("}]", "}]}")
        ),
        ErrorClass::ServerError
    );
}

#[test]
fn a_reply_without_fault_is_forwarded_without_a_copy() {
    let body = Bytes::from_static(
        br#"{ "id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cost":1e-9},"zzz":[] }"#,
    );
    let tidied = tidy(body.clone()).unwrap();
    assert_eq!(tidied.body.as_ptr(), body.as_ptr());
    assert_eq!(tidied.usage.map(|usage| usage.total()), Some(3));
    assert_eq!(tidied.answer_bytes, 2);
}

#[test]
fn faults_are_put_right_and_the_rest_is_kept() {
    check(
        r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"reasoning":"hm","tool_calls":[{"id":"0","function":{"name":"f","arguments":{"b": 1, "a": 2}},"extra":1},{"id":"0","function":{"name":"g"}}]},"finish_reason":"stop","logprobs":null}],"x":1.0}"#,
        &format!(
            r#"{{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{{"id":"0","function":{{"name":"f","arguments":"{{\"b\":1,\"a\":2}}"}},"extra":1,"type":"function"}},{{"id":"{}","function":{{"name":"g","arguments":"{{}}"}},"type":"function"}}]}},"finish_reason":"tool_calls","logprobs":null}}],"x":1.0}}"#,
            made_id("x", 0, 1)
        ),
    );
}

#[test]
fn a_reply_is_read_and_written_as_it_was() {
    let body = r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":null,"reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","index":0}],"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{ }"}}]},"logprobs":null,"finish_reason":"tool_calls"},{"index":1,"message":{"role":"assistant","content":"a","refusal":null,"annotations":[{"z":1,"a":2}]},"logprobs":{"content":[]},"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}}"#;
    let reply = OpenAi.read_reply(body.as_bytes()).unwrap();
    let written = OpenAi.write_reply(&reply, 7);
    assert_eq!(std::str::from_utf8(&written).unwrap(), body);
}
