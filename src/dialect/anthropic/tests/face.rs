//! As the face of callers: requests read. Most are checked by writing them again in the same dialect, which
//! shows what was understood.

use serde_json::{Value, json};

use super::{facts, target};
use crate::{
    chat::{Content, Effort, Part, Role},
    dialect::{Dialect, Malformed, anthropic::Anthropic},
};

fn body(extra: Value) -> Value {
    let mut body =
        json!({"model": "m", "max_tokens": 2000, "messages": [{"role": "user", "content": "q"}]});
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn read(body: &Value) -> Result<crate::chat::Request, Malformed> {
    let body = body.to_string();
    Anthropic.read_request(&Anthropic.parse(body.as_bytes())?)
}

#[test]
fn what_is_wrong_is_said_with_its_path() {
    let check = |extra: Value, message: &str| {
        let malformed = read(&body(extra)).unwrap_err();
        assert_eq!(malformed.message, message);
    };
    let user = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    check(
        json!({"messages": [1]}),
        "messages.0: Input should be an object",
    );
    check(
        json!({"messages": [{}]}),
        "messages.0.content: Field required",
    );
    check(
        json!({"messages": [{"content": "a"}]}),
        "messages.0.role: Field required",
    );
    check(
        json!({"messages": [{"role": "x", "content": "a"}]}),
        "messages.0.role: Input should be 'user' or 'assistant'",
    );
    check(
        user(json!(7)),
        "messages.0.content: Input should be a valid array",
    );
    check(
        user(json!([{}])),
        "messages.0.content.0.type: Field required",
    );
    check(
        user(json!([{"type": "text"}])),
        "messages.0.content.0.text: Field required",
    );
    check(
        user(json!([{"type": "image"}])),
        "messages.0.content.0.source: Field required",
    );
    check(
        user(json!([{"type": "tool_result"}])),
        "messages.0.content.0.tool_use_id: Field required",
    );
    check(
        json!({"system": 1}),
        "system: Input should be a valid array",
    );
    check(json!({"tools": [{}]}), "tools.0.name: Field required");
    check(
        json!({"tool_choice": {"type": "some"}}),
        "tool_choice.type: Input should be 'auto', 'any', 'none' or 'tool'",
    );
    check(
        json!({"output_config": {"format": {}}}),
        "output_config.format.schema: Field required",
    );
}

#[test]
fn a_request_says_the_same_when_written_again() {
    let request = json!({
        "model": "claude-opus-4-8",
        "max_tokens": 2000,
        "system": [{"type": "text", "text": "S", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                {"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}},
                {"type": "document", "source": {"type": "file", "file_id": "f"}, "title": "T", "cache_control": {"type": "ephemeral"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "S"},
                {"type": "redacted_thinking", "data": "R"},
                {"type": "text", "text": "calling"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"z": 1, "a": [1.5]}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "r", "is_error": true},
                {"type": "text", "text": "and?"},
            ]},
            {"role": "system", "content": "now briefly"},
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": false}}},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "service_tier": "standard_only",
        "stream": true,
    });
    let target = target("claude-opus-4-8", Some(facts("claude-opus-4-8")), None);
    let outgoing = Anthropic
        .write_request(&read(&request).unwrap(), &target)
        .unwrap();
    let written: Value = serde_json::from_slice(&outgoing.body).unwrap();
    assert_eq!(written, request);
    assert_eq!(outgoing.dropped, [""; 0]);
}

#[test]
fn results_of_tools_come_before_the_users_words() {
    let request = read(&body(json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "a"},
        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "r"}], "cache_control": {"type": "ephemeral"}},
        {"type": "tool_result", "tool_use_id": "t2"},
    ]}]})))
    .unwrap();
    let roles: Vec<_> = request
        .messages
        .iter()
        .map(|message| message.role)
        .collect();
    assert_eq!(roles, [Role::Tool, Role::Tool, Role::User]);
    let Content::Parts(parts) = &request.messages[0].content else {
        panic!("{:?}", request.messages[0].content);
    };
    assert!(matches!(&parts[0], Part::Text { text, cache: Some(_) } if text == "r"));
    assert_eq!(request.messages[1].content.text(), "");
}

#[test]
fn thinking_is_read_as_an_effort() {
    let check = |extra: Value, expected: Option<Effort>| {
        assert_eq!(
            read(&body(extra.clone())).unwrap().effort,
            expected,
            "{extra}"
        );
    };
    check(json!({}), None);
    check(json!({"thinking": null}), None);
    check(
        json!({"thinking": {"type": "disabled"}}),
        Some(Effort::None),
    );
    check(json!({"thinking": {"type": "adaptive"}}), None);
    check(
        json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        Some(Effort::Max),
    );
    check(
        json!({"thinking": {"type": "enabled", "budget_tokens": 5000}}),
        Some(Effort::High),
    );
    check(
        json!({"output_config": {"effort": "low"}}),
        Some(Effort::Low),
    );
}

#[test]
fn what_only_this_dialect_knows_is_kept_by_its_path() {
    let request = read(&body(json!({
        "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": [
                {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                {"type": "text", "text": "found"},
            ]},
            {"role": "user", "content": [
                {"type": "search_result", "source": "https://e.com", "title": "E", "content": [{"type": "text", "text": "rain"}]},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "D"}, "title": "T"},
                {"type": "container_upload", "file_id": "f"},
            ]},
        ],
        "tools": [{"type": "web_search_20260209", "name": "web_search"}, {"type": "custom", "name": "f", "input_schema": {}}],
        "container": "c",
        "output_config": {"task_budget": 1},
    })))
    .unwrap();
    let keys: Vec<_> = request
        .extra
        .iter()
        .map(|(key, _)| key.to_owned())
        .collect();
    assert_eq!(keys, ["tools[0]", "output_config.task_budget", "container"]);
    assert_eq!(request.tools.len(), 1);
    let answer = &request.messages[1];
    assert_eq!(answer.content.text(), "found");
    assert!(matches!(&answer.content, Content::Parts(parts) if matches!(parts[0], Part::Other(_))));
    let Content::Parts(parts) = &request.messages[2].content else {
        panic!("{:?}", request.messages[2].content);
    };
    assert!(matches!(&parts[0], Part::Text { text, .. } if text == "E\nhttps://e.com\nrain"));
    assert!(matches!(&parts[1], Part::Text { text, .. } if text == "T\n\nD"));
    assert!(matches!(&parts[2], Part::Other(_)));
}
