//! As the language of a provider: the requests that leave, and the replies that come.

use serde_json::{Value, json};

use super::{facts, target};
use crate::{
    catalog::{Ability, Model, Target},
    chat::{
        CacheMark, Content, Finish, Format, Message, Part, Reply, Request, Role, ToolCall,
        ToolChoice,
    },
    dialect::{Dialect, Outgoing, anthropic::Anthropic},
    json::{Object, raw},
    outcome::{ErrorClass, Failure},
};

fn message(role: Role, text: &str) -> Message {
    Message::new(role, Content::Text(text.to_owned()))
}

fn request(messages: Vec<Message>) -> Request {
    Request {
        messages,
        max_tokens: Some(10),
        n: 1,
        ..Request::default()
    }
}

fn body(outgoing: &Outgoing) -> Value {
    serde_json::from_slice(&outgoing.body).unwrap()
}

fn haiku() -> Target {
    target("claude-haiku-4-5", Some(facts("claude-haiku-4-5")), None)
}

fn opus() -> Target {
    target("claude-opus-5-5", Some(facts("claude-opus-5-5")), None)
}

fn write(request: &Request, target: &Target) -> Outgoing {
    Anthropic.write_request(request, target).unwrap()
}

fn refused(request: &Request, target: &Target) -> (String, String) {
    let Failure {
        class,
        message,
        param,
        ..
    } = Anthropic.write_request(request, target).unwrap_err();
    assert_eq!(class, ErrorClass::Unsupported);
    (message, param.unwrap())
}

#[test]
fn what_cannot_be_left_out_is_refused_before_any_call() {
    let parts = |part| {
        request(vec![
            message(Role::System, "s"),
            Message::new(Role::User, Content::Parts(vec![part])),
        ])
    };
    let check = |request: &Request, facts: Model, message: &str, param: &str| {
        let target = target("m", Some(facts), None);
        let expected = (
            format!("{message} is not supported by this model"),
            param.to_owned(),
        );
        assert_eq!(refused(request, &target), expected);
    };
    let cannot = |ability| Model {
        cannot: [ability].into(),
        ..Model::default()
    };
    let any = Model::default;
    let audio = Part::Audio {
        data: "UklGRg==".to_owned(),
        format: "wav".to_owned(),
    };
    check(
        &parts(audio),
        any(),
        "input_audio",
        "messages[1].content[0]",
    );
    let other = Part::Other(raw(&json!({"type": "video_url"})));
    check(&parts(other), any(), "video_url", "messages[1].content[0]");
    let image = |mime: &str| Part::Image {
        source: crate::chat::Media::Inline {
            mime: mime.to_owned(),
            data: "AA==".to_owned(),
        },
        detail: None,
        cache: None,
    };
    let vision = cannot(Ability::Vision);
    check(
        &parts(image("image/png")),
        vision,
        "image_url",
        "messages[1].content[0]",
    );
    check(
        &parts(image("image/bmp")),
        any(),
        "image/bmp",
        "messages[1].content[0]",
    );
    let many = Request {
        n: 2,
        ..request(vec![message(Role::User, "q")])
    };
    check(&many, any(), "n greater than 1", "n");
    let shaped = Request {
        format: Format::JsonSchema {
            schema: raw(&json!({})),
            name: "n".to_owned(),
            description: None,
            strict: None,
        },
        ..request(vec![message(Role::User, "q")])
    };
    check(
        &shaped,
        cannot(Ability::JsonSchema),
        "json_schema",
        "response_format",
    );
}

#[test]
fn instructions_stand_where_the_model_takes_them() {
    use Role::{Assistant, Developer, System, Tool, User};
    let check = |target: &Target, messages: &[(Role, &str)], expected: Value| {
        let messages = messages
            .iter()
            .map(|&(role, text)| message(role, text))
            .collect();
        let body = body(&write(&request(messages), target));
        assert_eq!(body["messages"], expected);
    };
    let turn = |role: &str, content: &str| json!({"role": role, "content": content});
    let blocks = |texts: &[&str]| -> Value {
        texts
            .iter()
            .map(|text| json!({"type": "text", "text": text}))
            .collect()
    };
    // Never two in a row, and only between a user turn and an answer.
    check(
        &opus(),
        &[
            (User, "a"),
            (System, "s"),
            (User, "b"),
            (Developer, "t"),
            (Assistant, "c"),
            (User, "d"),
        ],
        json!([
            {"role": "user", "content": blocks(&["a", "b"])},
            {"role": "system", "content": blocks(&["s", "t"])},
            turn("assistant", "c"),
            turn("user", "d"),
        ]),
    );
    // An empty answer must not leave instructions between two user turns.
    check(
        &opus(),
        &[(User, "a"), (System, "s"), (Assistant, ""), (User, "b")],
        json!([{"role": "user", "content": blocks(&["a", "b"])}, turn("system", "s")]),
    );
    check(
        &opus(),
        &[(User, "a"), (Assistant, "b"), (System, "s")],
        json!([
            turn("user", "a"),
            turn("assistant", "b"),
            turn("user", "[System message]\ns")
        ]),
    );
    check(
        &haiku(),
        &[(User, "a"), (Assistant, "b"), (System, "s"), (User, "")],
        json!([
            turn("user", "a"),
            turn("assistant", "b"),
            turn("user", "[System message]\ns")
        ]),
    );
    check(
        &haiku(),
        &[(System, "s"), (User, " \n")],
        json!([turn("user", "Continue.")]),
    );
    check(
        &haiku(),
        &[(User, "a"), (Assistant, "b \n")],
        json!([turn("user", "a"), turn("assistant", "b")]),
    );
    check(
        &haiku(),
        &[(User, "a"), (Tool, "r")],
        json!([{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call", "content": "r"},
            {"type": "text", "text": "a"},
        ]}]),
    );
}

#[test]
fn a_model_that_cannot_go_on_from_its_own_words_is_asked_to() {
    let outgoing = write(
        &request(vec![
            message(Role::User, "a"),
            message(Role::Assistant, "b"),
        ]),
        &opus(),
    );
    assert_eq!(outgoing.dropped, ["messages[1]"]);
    assert_eq!(
        body(&outgoing)["messages"][2],
        json!({"role": "user", "content": "Continue."})
    );
}

#[test]
fn calls_and_results_bear_the_same_rewritten_id() {
    let call = |id: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
        extra: Object::new(),
    };
    let result = |id: &str| Message {
        tool_call_id: Some(id.to_owned()),
        is_error: true,
        ..message(Role::Tool, "")
    };
    let calls = Message {
        tool_calls: vec![call("a:1", ""), call("a_1", "{\"b\":1}")],
        ..Message::new(Role::Assistant, Content::Empty)
    };
    let messages = vec![
        message(Role::User, "q"),
        calls,
        message(Role::User, "w"),
        result("a:1"),
        result("a_1"),
    ];
    let body = body(&write(&request(messages), &haiku()));
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "a_1_2", "name": "f", "input": {}},
                {"type": "tool_use", "id": "a_1", "name": "f", "input": {"b": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a_1_2", "is_error": true},
                {"type": "tool_result", "tool_use_id": "a_1", "is_error": true},
                {"type": "text", "text": "w"},
            ]},
        ])
    );
}

#[test]
fn at_most_four_cache_marks_are_sent() {
    let part = |ttl: Option<&str>| Part::Text {
        text: "t".to_owned(),
        cache: Some(CacheMark {
            ttl: ttl.map(str::to_owned),
        }),
    };
    let parts = vec![
        part(None),
        part(Some("30m")),
        part(Some("1h")),
        part(None),
        part(None),
    ];
    let outgoing = write(
        &request(vec![Message::new(Role::User, Content::Parts(parts))]),
        &haiku(),
    );
    assert_eq!(outgoing.dropped, ["messages[0].content[4].cache_control"]);
    let body = body(&outgoing);
    let marks: Vec<_> = body["messages"][0]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["cache_control"].clone())
        .collect();
    let plain = json!({"type": "ephemeral"});
    let long = json!({"type": "ephemeral", "ttl": "1h"});
    assert_eq!(
        marks,
        [plain.clone(), plain.clone(), long, plain, Value::Null]
    );
}

#[test]
fn what_the_api_has_no_word_for_is_reported() {
    let check = |change: fn(&mut Request), target: &Target, expected: &[&str]| {
        let mut request = request(vec![message(Role::User, "q")]);
        change(&mut request);
        assert_eq!(write(&request, target).dropped, expected);
    };
    check(
        |request| {
            request.extra = super::object(
                r#"{"seed":1,"logit_bias":{},"store":false,"top_logprobs":0,"modalities":["text"],"stream_options":{"a":1},"user_tag":null,"safety_identifier":"u"}"#,
            )
        },
        &haiku(),
        &["seed"],
    );
    check(|request| request.temperature = Some(1.0), &opus(), &[]);
    check(|request| request.temperature = Some(0.5), &haiku(), &[]);
    check(|request| request.top_k = Some(3), &opus(), &["top_k"]);
    check(
        |request| request.stop = vec!["\n".to_owned()],
        &haiku(),
        &["stop"],
    );
    check(
        |request| request.format = Format::JsonObject,
        &haiku(),
        &["response_format"],
    );
    check(
        |request| request.service_tier = Some("flex".to_owned()),
        &haiku(),
        &["service_tier"],
    );
    check(
        |request| request.tool_choice = Some(ToolChoice::Required),
        &haiku(),
        &["tool_choice"],
    );
    check(
        |request| request.tool_choice = Some(ToolChoice::Auto),
        &haiku(),
        &[],
    );
}

#[test]
fn the_version_is_the_newest_unless_sampling_needs_the_older() {
    let check = |temperature: Option<f64>, target: &Target, version: &str| {
        let request = Request {
            temperature,
            ..request(vec![message(Role::User, "q")])
        };
        let headers = write(&request, target).headers;
        assert_eq!(headers, [("anthropic-version", version.to_owned())]);
    };
    check(None, &haiku(), "2026-10-21");
    check(Some(0.5), &haiku(), "2023-06-01");
    check(Some(1.0), &haiku(), "2026-10-21");
    check(Some(0.5), &opus(), "2026-10-21");
    check(Some(0.5), &target("new", None, None), "2023-06-01");
    check(None, &target("m", None, Some("2023-06-01")), "2023-06-01");
}

#[test]
fn a_forwarded_body_keeps_its_bytes_but_for_what_would_be_refused() {
    let check = |body: &str, target: &Target, expected: &str, version: &str, dropped: &[&str]| {
        let outgoing = Anthropic
            .forward_request(Object::parse(body.as_bytes()).unwrap(), target)
            .unwrap();
        assert_eq!(outgoing.body, expected);
        assert_eq!(outgoing.path, "/v1/messages");
        assert_eq!(
            outgoing.headers,
            [("anthropic-version", version.to_owned())]
        );
        assert_eq!(outgoing.dropped, dropped);
    };
    check(
        r#"{"max_tokens":1,"model":"r","messages":[ {"role":"user"} ],"x":1.0}"#,
        &haiku(),
        r#"{"max_tokens":1,"model":"claude-haiku-4-5","messages":[ {"role":"user"} ],"x":1.0}"#,
        "2026-10-21",
        &[],
    );
    let sampled = r#"{"model":"r","temperature":0.2,"top_k":3}"#;
    check(
        sampled,
        &haiku(),
        r#"{"model":"claude-haiku-4-5","temperature":0.2,"top_k":3}"#,
        "2023-06-01",
        &[],
    );
    check(
        sampled,
        &opus(),
        r#"{"model":"claude-opus-5-5"}"#,
        "2026-10-21",
        &["temperature", "top_k"],
    );
    check(
        r#"{"model":"r","tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},"thinking":{"type":"disabled"}}"#,
        &opus(),
        r#"{"model":"claude-opus-5-5","tool_choice":{"type":"auto","disable_parallel_tool_use":true}}"#,
        "2026-10-21",
        &["tool_choice", "thinking"],
    );
}

fn read(reply: &Value) -> Result<Reply, Failure> {
    Anthropic.read_reply(reply.to_string().as_bytes())
}

#[test]
fn an_error_with_status_200_is_a_failure() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}});
    assert_eq!(read(&error).unwrap_err().class, ErrorClass::Overloaded);
    let tidy = Anthropic.tidy_reply(error.to_string().into()).unwrap_err();
    assert_eq!(tidy.class, ErrorClass::Overloaded);
    for body in ["", "[]", "<html>", "{}", r#"{"content":7}"#] {
        let class = Anthropic.read_reply(body.as_bytes()).unwrap_err().class;
        assert_eq!(class, ErrorClass::ServerError, "{body}");
        let class = Anthropic.tidy_reply(body.into()).unwrap_err().class;
        assert_eq!(class, ErrorClass::ServerError, "{body}");
    }
}

#[test]
fn a_tidy_reply_is_the_very_bytes() {
    let text = r#"{"type":"message", "content":[{"type":"text","text":"Hi"},{"type":"x"},7],"usage":{"input_tokens":3,"output_tokens":1}}"#;
    let tidy = Anthropic.tidy_reply(text.into()).unwrap();
    assert_eq!(tidy.body, text);
    assert_eq!(tidy.usage.unwrap().total(), 4);
    assert_eq!(tidy.answer_bytes, 4);
}

#[test]
fn stop_reasons_are_finishes() {
    let check = |reason: Value, content: Value, expected: Finish| {
        let reply = read(&json!({"content": content, "stop_reason": reason})).unwrap();
        assert_eq!(reply.choices[0].finish, expected, "{reason}");
        assert_eq!(reply.usage, None);
    };
    let call = json!([{"type": "tool_use", "id": "t", "name": "f", "input": {}}]);
    check(json!("end_turn"), json!([]), Finish::Stop);
    check(json!("stop_sequence"), json!([]), Finish::Stop);
    check(json!("pause_turn"), json!([]), Finish::Stop);
    check(json!("brand_new"), json!([]), Finish::Stop);
    check(json!(7), json!([]), Finish::Stop);
    check(json!("max_tokens"), call.clone(), Finish::Length);
    check(
        json!("model_context_window_exceeded"),
        json!([]),
        Finish::Length,
    );
    check(json!("tool_use"), call, Finish::ToolCalls);
    check(json!("refusal"), json!([]), Finish::ContentFilter);
}
