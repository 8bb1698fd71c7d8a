//! What a reload does to what a token opened before it.

use reqwest::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use super::{
    known::identity,
    socket::{Socket, ask, call, closed, connect, message},
    stage::{ANN, CONFIG, Stage, ended},
};
use crate::support::gateway::PATIENCE;

/// The names of the tools a connection is offered.
async fn tools(socket: &mut Socket) -> Vec<String> {
    let listed = ask(socket, &message("tools/list", json!({}))).await;
    let tools = listed["result"]["tools"].as_array().unwrap().iter();
    tools
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Everything that somebody can have open at once.
struct Opened {
    socket: Socket,
    stream: reqwest::Response,
    listening: reqwest::Response,
}

impl Opened {
    async fn by(stage: &Stage, token: &str) -> Self {
        let socket = connect(stage, Some(token)).await.unwrap();
        let session = stage.session(token).await;
        let get = stage.request(reqwest::Method::GET, "/mcp", Some(token));
        let stream = stage.open(get.header("mcp-session-id", session)).await;
        let filter = json!({"notifications": {"toolsListChanged": true}});
        let listen = stage.modern(Some(token), "subscriptions/listen", filter);
        let listening = stage.open(listen).await;
        assert_eq!(
            (stream.status(), listening.status()),
            (StatusCode::OK, StatusCode::OK)
        );
        Self {
            socket,
            stream,
            listening,
        }
    }

    /// Waits until all of it has ended.
    async fn ends(mut self) {
        assert_eq!(closed(&mut self.socket).await, 4401);
        assert_eq!(ended(self.stream).await.status, 200);
        let told = ended(self.listening).await.body;
        assert!(told.contains("The token is no longer valid"), "{told}");
    }

    /// Waits until both streams have told of other tools.
    async fn hears_of_tools(&mut self) {
        for stream in [&mut self.stream, &mut self.listening] {
            let mut text = String::new();
            while !text.contains("notifications/tools/list_changed") {
                let chunk = timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap();
                text.push_str(std::str::from_utf8(&chunk.expect("a change")).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn what_a_token_opened_ends_with_the_rules_it_was_judged_by() {
    let taken = CONFIG.replace(
        "issuers: [",
        "audiences: ['https://old.example/mcp']\n    issuers: [",
    );
    for (what, before, after) in [
        (
            "another server under the issuer's name",
            CONFIG,
            CONFIG.replace("https://corp.example", "https://elsewhere.example"),
        ),
        (
            "fewer algorithms",
            CONFIG,
            CONFIG.replace("name: corp }", "name: corp, algorithms: [EdDSA] }"),
        ),
        ("an audience less", &*taken, CONFIG.to_owned()),
    ] {
        let stage = Stage::with(before).await;
        let mut ann = identity(ANN, "corp", "ann", &["read"]);
        if before != CONFIG {
            ann.audiences = ["https://old.example/mcp".to_owned()].into();
        }
        stage.tells(ANN, Ok(ann.into()));
        let opened = Opened::by(&stage, ANN).await;
        assert_ne!(before, after, "{what}");
        stage.reload(&after);
        opened.ends().await;
        assert_eq!(
            stage.call(Some(ANN), "docs__count").await.status,
            401,
            "{what}"
        );
    }
}

#[tokio::test]
async fn what_a_token_opened_stays_while_its_own_rules_do() {
    let stage = Stage::start().await;
    let mut opened = Opened::by(&stage, ANN).await;
    let moved = "resource: http://127.0.0.1:9090/mcp
    audiences: ['http://127.0.0.1:8080/mcp']
    rpm: 600";
    let after = CONFIG
        .replace(", { issuer: 'https://labs.example' }]", "]")
        .replace("resource: http://127.0.0.1:8080/mcp", moved)
        .replace("description: Writes.", "description: Writes more.");
    stage.reload(&after);
    opened.hears_of_tools().await;
    assert_eq!(
        tools(&mut opened.socket).await,
        ["docs__count", "docs__write"]
    );
    let answer = ask(&mut opened.socket, &call("docs__count")).await;
    assert_eq!(answer["result"]["isError"], false, "{answer}");
}

#[tokio::test]
async fn what_scopes_imply_no_longer_is_gone_from_what_is_open() {
    let wide = CONFIG.replace(
        "read: { tools: [docs.*], routes: [chat] }",
        "read: { tools: [docs.*], implies: [crm, write] }\n      crm: { tools: [crm.*] }",
    );
    let stage = Stage::with(&wide).await;
    let mut opened = Opened::by(&stage, ANN).await;
    let socket = &mut opened.socket;
    assert_eq!(
        tools(socket).await,
        ["crm__count", "docs__count", "docs__write"]
    );
    for tool in ["crm__count", "docs__write"] {
        let answer = ask(socket, &call(tool)).await;
        assert_eq!(answer["result"]["isError"], false, "{answer}");
    }
    stage.reload(&wide.replace("implies: [crm, write]", "implies: []"));
    opened.hears_of_tools().await;
    let socket = &mut opened.socket;
    assert_eq!(tools(socket).await, ["docs__count", "docs__write"]);
    let answer = ask(socket, &call("crm__count")).await;
    assert!(answer["error"].is_object(), "{answer}");
    let answer = ask(socket, &call("docs__write")).await;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(
        text.ends_with("ask for all of these: `read write`"),
        "{answer}"
    );
}
