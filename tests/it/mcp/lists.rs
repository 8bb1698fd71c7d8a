//! Lists, names, and what every answer says of its server.

use serde_json::{Value, json};
use waypost::{app::wire, config::parse};

use super::speaker::{ALICE, Legacy, Modern, gateway};

const ECHO: &str =
    "kind: fixture, does: echo, description: Echoes., input_schema: { properties: { text: {} } }";

#[tokio::test]
async fn a_list_comes_in_pages_always_in_the_same_order() {
    let tools: Vec<String> = ["d", "b", "e", "a", "c"]
        .map(|name| format!("{name}: {{ {ECHO} }}"))
        .into();
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let gateway = gateway("page_size: 2, builtin: false", &tools).await;
    let client = Modern::new(&gateway, ALICE);
    let mut names: Vec<String> = Vec::new();
    let mut params = json!({});
    loop {
        let page = client.ask("tools/list", params).await;
        let tools = page.result()["tools"].as_array().unwrap();
        assert!((1..=2).contains(&tools.len()), "{page:?}");
        names.extend(
            tools
                .iter()
                .map(|tool| tool["name"].as_str().unwrap().to_owned()),
        );
        match &page.result()["nextCursor"] {
            Value::Null => break,
            cursor => params = json!({"cursor": cursor}),
        }
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let reply = client
        .ask("tools/list", json!({"cursor": "no cursor!"}))
        .await;
    assert_eq!(reply.code(), -32602);
}

#[tokio::test]
async fn every_result_of_the_stateless_revision_names_its_server() {
    let echo = format!("echo: {{ {ECHO} }}");
    let ask = "ask: { kind: fixture, does: ask_name, description: Asks., task: optional }";
    let gateway = gateway("", &[&echo, ask]).await;
    let client = Modern::new(&gateway, ALICE);
    let id = client.begin("ask", json!({})).await;
    for (method, params) in [
        ("tools/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        (
            "tools/call",
            json!({"name": "echo", "arguments": {"text": "a"}}),
        ),
        (
            "tools/call",
            json!({"name": "echo", "arguments": {"what": "a"}}),
        ),
        ("tools/call", json!({"name": "ask", "arguments": {}})),
        ("tasks/get", json!({"taskId": id})),
        ("server/discover", json!({})),
    ] {
        let reply = client.ask(method, params).await;
        let server = &reply.result()["_meta"]["io.modelcontextprotocol/serverInfo"];
        assert_eq!(server["name"], "waypost", "{method}: {reply:?}");
        assert!(reply.result()["resultType"].is_string(), "{method}");
    }
    let session = Legacy::open(&gateway, json!({})).await;
    let reply = session
        .ask(
            "tools/call",
            json!({"name": "echo", "arguments": {"text": "a"}}),
        )
        .await;
    assert!(reply.result().get("_meta").is_none(), "{reply:?}");
    assert!(reply.result().get("resultType").is_none(), "{reply:?}");
}

#[tokio::test]
async fn an_unknown_tool_is_a_wrong_request_and_wrong_arguments_are_a_result() {
    let echo = format!("echo: {{ {ECHO} }}");
    let gateway = gateway("", &[&echo]).await;
    let session = Legacy::open(&gateway, json!({})).await;
    let client = Modern::new(&gateway, ALICE);
    let unknown = json!({"name": "nothing", "arguments": {}});
    assert_eq!(
        client.ask("tools/call", unknown.clone()).await.code(),
        -32602
    );
    assert_eq!(session.ask("tools/call", unknown).await.code(), -32602);
    let wrong = json!({"name": "echo", "arguments": {"what": 1}});
    assert_eq!(
        client.ask("tools/call", wrong.clone()).await.result()["isError"],
        true
    );
    assert_eq!(
        session.ask("tools/call", wrong).await.result()["isError"],
        true
    );
}

/// The problems of a configuration with this listener and this tool.
fn problems(listen: &str, tool: &str) -> Vec<String> {
    let yaml = format!(
        "providers: {{ nobody: {{ dialect: simulated }} }}\naccess: open\n\
         server: {{ listen: '{listen}' }}\ntools: {{ t: {{ {tool} }} }}\n"
    );
    let file = parse("t.yaml", &yaml).unwrap().value;
    match wire(&file, &|_| None) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn fixtures_are_refused_where_others_can_call() {
    assert_eq!(problems("127.0.0.1:0", ECHO), [] as [&str; 0]);
    assert_eq!(problems("[::1]:0", ECHO), [] as [&str; 0]);
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let problems = problems(open, ECHO);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("tools.t.kind: "), "{problems:?}");
    }
}

#[test]
fn an_argument_in_a_header_is_checked_when_it_is_read() {
    let with = |mark: &str| {
        let schema = format!("{{ properties: {{ a: {{ {mark} }} }} }}");
        format!("kind: fixture, does: text, description: Says., input_schema: {schema}")
    };
    assert_eq!(
        problems("127.0.0.1:0", &with("type: string, x-mcp-header: A")),
        [] as [&str; 0]
    );
    let problems = problems("127.0.0.1:0", &with("type: string, x-mcp-header: 'A B'"));
    assert!(
        problems[0].starts_with("tools.t.input_schema.properties.a.x-mcp-header: "),
        "{problems:?}"
    );
}
