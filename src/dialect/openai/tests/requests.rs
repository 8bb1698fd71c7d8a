//! Callers' requests: what is read of them, and where they are wrong.

use std::sync::Arc;

use crate::{
    catalog::{CardSettings, Quirks, Target, resolve},
    chat::{Content, Media, Part, Request, ToolChoice},
    dialect::{Dialect, Malformed, openai::OpenAi},
};

fn request(fields: &str, message: &str) -> Result<Request, Malformed> {
    read(format!(r#"{{"model":"m","messages":[{message}]{fields}}}"#).as_bytes())
}

fn read(body: &[u8]) -> Result<Request, Malformed> {
    OpenAi.read_request(&OpenAi.parse(body)?)
}

#[test]
fn what_is_wrong_has_a_path() {
    let check = |fields: &str, message: &str, param: &str| {
        let error = request(fields, message).unwrap_err();
        assert_eq!(
            error.param.as_deref(),
            Some(param),
            "{fields} {message}: {error}"
        );
    };
    let user = r#"{"role":"user","content":"a"}"#;
    check("", "7", "messages[0]");
    check("", "{}", "messages[0].role");
    check("", r#"{"role":"robot"}"#, "messages[0].role");
    check("", r#"{"role":"user"}"#, "messages[0].content");
    check("", r#"{"role":"user","content":7}"#, "messages[0].content");
    check(
        "",
        r#"{"role":"user","content":["a"]}"#,
        "messages[0].content[0]",
    );
    check(
        "",
        r#"{"role":"user","content":[{}]}"#,
        "messages[0].content[0].type",
    );
    check(
        "",
        r#"{"role":"user","content":[{"type":"text"}]}"#,
        "messages[0].content[0].text",
    );
    check(
        "",
        r#"{"role":"user","content":[{"type":"image_url","image_url":{}}]}"#,
        "messages[0].content[0].image_url.url",
    );
    check(
        "",
        r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:,x"}}]}"#,
        "messages[0].content[0].image_url.url",
    );
    check(
        "",
        r#"{"role":"tool","content":"a"}"#,
        "messages[0].tool_call_id",
    );
    check(
        "",
        r#"{"role":"assistant","tool_calls":[{}]}"#,
        "messages[0].tool_calls[0].id",
    );
    check(
        "",
        r#"{"role":"assistant","tool_calls":[{"id":"c"}]}"#,
        "messages[0].tool_calls[0].function",
    );
    check(
        "",
        r#"{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":7}}]}"#,
        "messages[0].tool_calls[0].function.arguments",
    );
    check(r#","tools":[{}]"#, user, "tools[0].function");
    check(r#","tool_choice":"perhaps""#, user, "tool_choice");
    check(
        r#","tool_choice":{"type":"function"}"#,
        user,
        "tool_choice.function",
    );
    check(r#","stop":7"#, user, "stop");
    check(r#","reasoning_effort":"huge""#, user, "reasoning_effort");
    check(
        r#","response_format":{"type":"json_schema"}"#,
        user,
        "response_format.json_schema",
    );
    check(r#","temperature":"hot""#, user, "temperature");
}

#[test]
fn everything_is_read_and_the_rest_is_kept() {
    let fields = r#","max_tokens":1,"max_completion_tokens":2,"stop":"x","seed":7,"logprobs":null,
        "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[]}},
        "safety_identifier":"u","tools":[{"type":"custom","custom":{"name":"c"}}]"#;
    let message = r#"{"role":"user","odd":1,"content":[
        {"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit","ttl":"30m"}},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"new"}]}"#;
    let request = request(fields, message).unwrap();
    assert_eq!(request.max_tokens, Some(2));
    assert_eq!(request.stop, ["x"]);
    assert_eq!(request.tool_choice, Some(ToolChoice::Required));
    assert_eq!(request.user.as_deref(), Some("u"));
    assert_eq!(
        request.extra.to_raw().get(),
        r#"{"seed":7,"tools":[{"type":"custom","custom":{"name":"c"}}]}"#
    );
    assert_eq!(request.messages[0].extra.to_raw().get(), r#"{"odd":1}"#);
    let Content::Parts(parts) = &request.messages[0].content else {
        panic!("not parts");
    };
    assert!(
        matches!(&parts[0], Part::Text { cache: Some(mark), .. } if mark.ttl.as_deref() == Some("30m"))
    );
    assert!(
        matches!(&parts[1], Part::Image { source: Media::Inline { mime, data }, .. } if mime == "image/png" && data == "AAAA")
    );
    assert!(matches!(&parts[2], Part::Other(raw) if raw.get() == r#"{"type":"new"}"#));
}

fn target(keeps: &[&str]) -> Target {
    let settings = CardSettings {
        base_url: Some("http://host.test/v1".to_owned()),
        quirks: Some(Quirks {
            keep_extensions: keeps.iter().map(|&kept| kept.to_owned()).collect(),
            ..Quirks::default()
        }),
        ..CardSettings::default()
    };
    Target {
        card: Arc::new(resolve("home", &settings, None).unwrap()),
        model: "m".into(),
        facts: None,
    }
}

#[test]
fn what_was_read_is_written_as_it_was() {
    let body = r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}},{"type":"file","file":{"filename":"f","file_id":"x"}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{ }"}}]},{"role":"tool","content":"r","tool_call_id":"c"}],"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"z":1,"a":2},"strict":true}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"max_completion_tokens":5,"temperature":0.5,"top_p":0.25,"stop":["x","y"],"reasoning_effort":"low","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"z":1,"a":2},"strict":true}},"user":"u","service_tier":"flex","n":2,"stream":true,"stream_options":{"include_usage":true},"seed":7}"#;
    let request = read(body.as_bytes()).unwrap();
    let written = OpenAi
        .write_request(&request, &target(&["cache_control"]))
        .unwrap();
    assert_eq!(std::str::from_utf8(&written.body).unwrap(), body);
    assert_eq!(written.path, "/chat/completions");
    assert!(written.dropped.is_empty());
}

#[test]
fn what_has_no_word_here_is_left_out_and_told() {
    let mut request = request("", r#"{"role":"user","content":[{"type":"text","text":"a","cache_control":{}},{"type":"new"}]}"#).unwrap();
    request.extra.set("container", "c");
    let written = OpenAi.write_request(&request, &target(&[])).unwrap();
    assert_eq!(
        std::str::from_utf8(&written.body).unwrap(),
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}"#
    );
    assert_eq!(written.dropped, ["messages[0].content[1]", "container"]);
    let native = OpenAi
        .write_request(&request, &target(&["prompt_cache_breakpoint"]))
        .unwrap();
    let native = std::str::from_utf8(&native.body).unwrap();
    assert!(
        native.contains(r#""prompt_cache_breakpoint":{"mode":"explicit"}"#),
        "{native}"
    );
}
