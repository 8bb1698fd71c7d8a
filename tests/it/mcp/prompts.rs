//! Prompts: what may be asked for, what comes of it, what is wrong with those that are no prompts.

use serde_json::{Value, json};
use waypost::{
    app::wire,
    config::{File, parse},
};

use super::{
    config,
    peer::{Modern, Session},
};
use crate::support::Gateway;

const PROMPTS: &str = r#"
resources: { handbook: { uri: "docs://handbook", text: Be kind. } }
prompts:
  plain: { messages: [{ text: Hello. }] }
  given:
    title: Given
    description: Says what it is given.
    arguments:
      - { name: arg1, description: One, required: true, complete: [alpha, Alps, beta] }
      - { name: arg2 }
    messages:
      - { role: assistant, text: "arg1='${input.arg1}', arg2='${input.arg2}', by ${caller.name}" }
      - { resource: { uri: "x://${input.arg1}", mime: application/json, text: '{"a":"${input.arg1}"}' } }
      - { image: { mime: image/png, base64: iVBORw0KGgo= } }
      - { link: handbook }
"#;

#[tokio::test]
async fn a_prompt_that_is_asked_for_wrongly_is_refused_by_name() {
    let gateway = Gateway::start(&config(PROMPTS, "")).await;
    let client = Modern {
        gateway: &gateway,
        key: None,
    };
    let refused = [
        (json!({"name": "none"}), "Unknown prompt: none"),
        (json!({"name": "given"}), "The argument `arg1` is missing"),
        (
            json!({"name": "given", "arguments": {"arg2": "x"}}),
            "The argument `arg1` is missing",
        ),
        (
            json!({"name": "given", "arguments": {"arg1": 7}}),
            "The argument `arg1` is no text",
        ),
        (
            json!({"name": "given", "arguments": {"arg1": "x", "arg\n3": "y"}}),
            "Unknown argument: arg\\n3",
        ),
        (
            json!({"name": "given", "arguments": {"arg1": "x".repeat(256 * 1024 + 1)}}),
            "The argument `arg1` has 262145 bytes, and 262144 are allowed",
        ),
    ];
    for (params, message) in refused {
        let error = client.error("prompts/get", params).await;
        assert_eq!(error, (-32602, message.to_owned()));
    }
}

#[tokio::test]
async fn a_prompt_is_filled_and_what_fills_it_is_data() {
    let gateway = Gateway::start(&config(PROMPTS, "")).await;
    let client = Modern {
        gateway: &gateway,
        key: None,
    };
    let list = client.result("prompts/list", json!({})).await;
    assert_eq!(list["prompts"][0]["name"], "given");
    assert_eq!(list["prompts"][0]["arguments"][0]["required"], true);
    assert_eq!(
        (&list["cacheScope"], &list["ttlMs"]),
        (&json!("private"), &json!(60000))
    );

    let hostile = "\"}${caller.name}${1 + 1}";
    let params = json!({"name": "given", "arguments": {"arg1": hostile}});
    let prompt = client.result("prompts/get", params).await;
    assert_eq!(prompt["description"], "Says what it is given.");
    let messages = prompt["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "assistant");
    assert_eq!(
        messages[0]["content"]["text"],
        format!("arg1='{hostile}', arg2='', by anonymous")
    );
    let embedded = &messages[1]["content"]["resource"];
    assert_eq!(embedded["uri"], format!("x://{hostile}"));
    let text: Value = serde_json::from_str(embedded["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, json!({"a": hostile}));
    let image = json!({"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"});
    assert_eq!(messages[2]["content"], image);
    assert_eq!(messages[3]["content"]["type"], "resource_link");
    assert_eq!(messages[3]["content"]["uri"], "docs://handbook");
}

#[tokio::test]
async fn sessions_get_prompts_too() {
    let gateway = Gateway::start(&config(PROMPTS, "")).await;
    let session = Session::begin(&gateway, None).await;
    let answer = session.ask("prompts/get", json!({"name": "plain"})).await;
    assert_eq!(answer["result"]["messages"][0]["content"]["text"], "Hello.");
}

#[tokio::test]
async fn values_are_offered_by_how_they_begin() {
    let many: Vec<String> = (0..150).map(|at| format!("v{at:03}")).collect();
    let many = format!(
        "prompts: {{ p: {{ arguments: [{{ name: a, complete: [{}] }}], messages: [{{ text: a }}] }} }}",
        many.join(", ")
    );
    let gateway = Gateway::start(&config(&many, "")).await;
    let client = Modern {
        gateway: &gateway,
        key: None,
    };
    let complete = |name: &str, argument: &str, value: &str| {
        let reference = json!({"type": "ref/prompt", "name": name});
        json!({"ref": reference, "argument": {"name": argument, "value": value}})
    };
    for (params, message) in [
        (complete("none", "a", ""), "Unknown prompt: none"),
        (complete("p", "b", ""), "Unknown argument: b"),
    ] {
        let error = client.error("completion/complete", params);
        // The name in the reference is no name of the request.
        assert_eq!(error.await, (-32602, message.to_owned()));
    }
    for (value, total, more, shown) in [
        ("", 150, true, 100),
        ("V00", 10, false, 10),
        ("x", 0, false, 0),
    ] {
        let result = client
            .result("completion/complete", complete("p", "a", value))
            .await;
        let completion = &result["completion"];
        assert_eq!(completion["total"], total);
        assert_eq!(completion["hasMore"], more);
        assert_eq!(completion["values"].as_array().unwrap().len(), shown);
    }
}

#[tokio::test]
async fn a_key_sees_and_gets_only_its_prompts() {
    const KEY: &str = "wp-0123456789abcdef";
    let keys =
        format!("access: {{ keys: [{{ name: k, key: {KEY}, prompts: [pl*], resources: [] }}] }}");
    let gateway = Gateway::start(&config(PROMPTS, &keys)).await;
    let client = Modern {
        gateway: &gateway,
        key: Some(KEY),
    };
    let list = client.result("prompts/list", json!({})).await;
    let names: Vec<_> = list["prompts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["plain"]);
    let params = json!({"name": "given", "arguments": {"arg1": "x"}});
    let error = client.error("prompts/get", params).await;
    assert_eq!(error, (-32602, "Unknown prompt: given".to_owned()));
    let reference = json!({"type": "ref/prompt", "name": "given"});
    let params = json!({"ref": reference, "argument": {"name": "arg1", "value": ""}});
    assert_eq!(
        client.error("completion/complete", params).await.1,
        "Unknown prompt: given"
    );
    let error = client
        .error("resources/read", json!({"uri": "docs://handbook"}))
        .await;
    assert_eq!(error, (-32602, "Resource not found".to_owned()));
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let prompts: String = (0..230)
        .map(|at| format!("  p{at:03}: {{ messages: [{{ text: a }}] }}\n"))
        .collect();
    let gateway = Gateway::start(&config(&format!("prompts:\n{prompts}"), "")).await;
    let client = Modern {
        gateway: &gateway,
        key: None,
    };
    let mut names = Vec::new();
    let mut params = json!({});
    loop {
        let list = client.result("prompts/list", params).await;
        let page = list["prompts"].as_array().unwrap();
        names.extend(
            page.iter()
                .map(|it| it["name"].as_str().unwrap().to_owned()),
        );
        match &list["nextCursor"] {
            Value::Null => break,
            cursor => params = json!({"cursor": cursor}),
        }
    }
    assert_eq!(names.len(), 230);
    assert!(names.is_sorted());
    let error = client.error("prompts/list", json!({"cursor": "!"})).await;
    assert_eq!(error.0, -32602);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let check = |mcp: &str, expected: &str| {
        let file = match parse::<File>("waypost.yaml", &config(mcp, "")) {
            Ok(loaded) => loaded.value,
            Err(problems) => panic!("{:#?}", problems.diagnostics),
        };
        let problems = wire(&file, &|_| None).err().unwrap_or_default();
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems, [expected], "{mcp}");
    };
    let prompt = |inner: &str| format!("prompts: {{ p: {{ {inner} }} }}");
    for (inner, expected) in [
        ("", "mcp.prompts.p.messages: there are no messages"),
        (
            "messages: [{}]",
            "mcp.prompts.p.messages.0: there is nothing in it; expected `text`, `image`, `audio`, `resource` or `link`",
        ),
        (
            "messages: [{ text: a, link: b }]",
            "mcp.prompts.p.messages.0: there are two things in it; expected one of `text`, `image`, `audio`, `resource` or `link`",
        ),
        (
            "arguments: [{ name: topic }], messages: [{ text: '${input.topik}' }]",
            "mcp.prompts.p.messages.0.text: there is no value `input.topik`; expected input.topic, caller.name; did you mean `input.topic`?",
        ),
        (
            "messages: [{ text: '${input' }]",
            "mcp.prompts.p.messages.0.text: a `${` has no end; expected `}`, or `$${` for a plain `${`",
        ),
        (
            "messages: [{ link: nowhere }]",
            "mcp.prompts.p.messages.0.link: there is no resource `nowhere`",
        ),
        (
            "messages: [{ image: { mime: image/png, file: /nowhere.png } }]",
            "mcp.prompts.p.messages.0.image.file: the file /nowhere.png cannot be read: No such file or directory (os error 2)",
        ),
        (
            "arguments: [{ name: a }, { name: a }], messages: [{ text: a }]",
            "mcp.prompts.p.arguments.1.name: `a` is there twice",
        ),
        (
            "arguments: [{ name: a-b }], messages: [{ text: a }]",
            "mcp.prompts.p.arguments.0.name: `a-b` is no name of an argument; expected letters, digits and `_`",
        ),
        (
            "messages: [{ text: a }], ask: { q: { message: What?, schema: { type: object } } }",
            "mcp.prompts.p.ask.q.schema: this is no form: missing field `properties`; expected `type: object` and `properties` that are plain",
        ),
    ] {
        check(&prompt(inner), expected);
    }
    check(
        "prompts: { 'a b': { messages: [{ text: a }] } }",
        "mcp.prompts.a b: `a b` is no name; expected letters, digits, `_`, `-`, `.` and `/`, at most 64",
    );
    check(
        "resources: { a: { uri: 'x://a', text: a }, b: { uri: 'x://a', text: b } }",
        "mcp.resources.b.uri: another one has the address `x://a`",
    );
    check(
        "resources: { a: { uri: handbook, text: a } }",
        "mcp.resources.a.uri: `handbook` is no address; expected a scheme of your own and what it names, like `docs://handbook`",
    );
    check(
        "templates: { a: { uri: 'x://{id}', text: '${input.id}', complete: { if: [a] } } }",
        "mcp.templates.a.complete.if: the address has no part `if`",
    );
    check(
        "templates: { a: { uri: 'x://{a}{b}', text: a } }",
        "mcp.templates.a.uri: nothing parts `{a}` from what follows; expected parts like `{id}`, with something between two of them",
    );
    for (mcp, expected) in [
        (
            "websocket: { ping: 0s }",
            "mcp.websocket.ping: with nothing nobody is served; expected more than 0",
        ),
        (
            "sessions: { max: 0 }",
            "mcp.sessions.max: with nothing nobody is served; expected more than 0",
        ),
        (
            "sessions: { per_key: 0 }",
            "mcp.sessions.per_key: with nothing nobody is served; expected more than 0",
        ),
        (
            "max_body: 0",
            "mcp.max_body: with nothing nobody is served; expected more than 0",
        ),
        (
            "allowed_hosts: ['good.example', '*']",
            "mcp.allowed_hosts.1: `*` is no name of a server; expected `host` or `host:port`, each in full",
        ),
        (
            "allowed_hosts: ['https://good.example']",
            "mcp.allowed_hosts.0: `https://good.example` is no name of a server; expected `host` or `host:port`, each in full",
        ),
        (
            "allowed_origins: ['https://good.example/app']",
            "mcp.allowed_origins.0: `https://good.example/app` is no origin of a web page; expected `https://app.example.com`, without a path",
        ),
        (
            "allowed_origins: ['*']",
            "mcp.allowed_origins.0: `*` is no origin of a web page; expected `https://app.example.com`, without a path",
        ),
    ] {
        check(mcp, expected);
    }
}
