//! What does not fit a method, a key or a revision: refused by name, and the same for what is hidden and what is not
//! there.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use waypost::mcp;

use super::{
    speaker::{self, Legacy, Modern, gateway},
    stage::{self, BOB, PING, Stage},
};
use crate::support::{Gateway, gateway::PATIENCE};

const ECHO: &str = "echo: { kind: fixture, does: echo, description: Echoes., input_schema: { properties: { text: {} } } }";

#[tokio::test]
async fn wrong_parameters_of_a_known_method_are_minus_32602() {
    let gateway = gateway("", &[ECHO]).await;
    let client = Modern::new(&gateway, speaker::ALICE);
    let session = Legacy::open(&gateway, json!({})).await;
    for (method, params) in [
        ("tools/call", json!({})),
        ("tools/call", json!({"name": 7})),
        ("prompts/get", json!({})),
        ("resources/read", json!({"uri": {}})),
        ("completion/complete", json!({"ref": "x"})),
        ("logging/setLevel", json!({"level": "loud"})),
    ] {
        let answer = session.ask(method, params.clone()).await;
        assert_eq!(answer.code(), -32602, "{method} {params}: {answer:?}");
    }
    for params in [json!({}), json!({"arguments": {}})] {
        let answer = client.ask("tools/call", params).await;
        assert_ne!(answer.status, 404, "{answer:?}");
        assert!([-32602, -32020].contains(&answer.code()), "{answer:?}");
    }
    let unknown = session.ask("tools/destroy", json!({})).await;
    assert_eq!(unknown.code(), -32601, "{unknown:?}");
}

#[tokio::test]
async fn parameters_that_are_no_object_are_400() {
    let stage = Stage::start().await;
    let session = stage.session(stage::ALICE).await;
    for params in ["[]", "7", "\"a\"", "true"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{params}}}"#);
        for version in ["2025-11-25", "2026-07-28"] {
            let post = stage.post(stage::ALICE, Some(&session), body.clone());
            let answer = stage
                .send(post.header("mcp-protocol-version", version))
                .await;
            assert_eq!(answer.status, 400, "{body}: {}", answer.body);
            assert_eq!(answer.json()["error"]["code"], -32602, "{body}");
            assert_eq!(answer.json()["id"], 1, "{body}");
        }
    }
}

#[tokio::test]
async fn an_idempotency_key_that_cannot_be_read_is_refused() {
    let gateway = gateway("", &[ECHO]).await;
    let mut client = Modern::new(&gateway, speaker::ALICE);
    let params = json!({"name": "echo", "arguments": {"text": "a"}});
    let bytes = reqwest::header::HeaderValue::from_bytes(b"k\xff").unwrap();
    let unreadable = client.request("tools/call", params.clone());
    let twice = client.request("tools/call", params.clone());
    for request in [
        unreadable.header("idempotency-key", bytes),
        twice
            .header("idempotency-key", "a")
            .header("idempotency-key", "b"),
    ] {
        let answer = gateway.send(request).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(answer.json()["error"]["code"], -32600, "{}", answer.body);
    }
    for key in [json!(7), json!(null), json!({"key": "a"})] {
        client.meta = json!({"dev.waypost/idempotencyKey": key});
        let answer = client.ask("tools/call", params.clone()).await;
        assert_eq!(answer.code(), -32602, "{answer:?}");
    }
    client.meta = json!({"dev.waypost/idempotencyKey": "a"});
    let answer = client.ask("tools/call", params).await;
    assert_eq!(answer.result()["isError"], false, "{answer:?}");
}

#[tokio::test]
async fn the_headers_of_a_hidden_tool_are_those_of_none() {
    let marked = "input_schema: { properties: { text: { type: string, x-mcp-header: Text } } }";
    let yaml = format!(
        "providers: {{ nobody: {{ dialect: simulated }} }}\n\
         access: {{ keys: [{{ name: alice, key: {}, tools: [seen] }}] }}\n\
         tools:\n  \
         seen: {{ kind: fixture, does: echo, description: Echoes., {marked} }}\n  \
         hidden: {{ kind: fixture, does: echo, description: Echoes., {marked} }}\n",
        speaker::ALICE
    );
    let gateway = Gateway::start(&yaml).await;
    let client = Modern::new(&gateway, speaker::ALICE);
    let call = async |tool: &str| client.call(tool, json!({"text": "a"})).await;
    let (hidden, none, seen) = (
        call("hidden").await,
        call("nowhere").await,
        call("seen").await,
    );
    assert_eq!(hidden.answer, none.answer);
    assert_eq!(hidden.status, none.status);
    assert_eq!(hidden.code(), -32602);
    assert_ne!(seen.code(), -32602, "its own header is missing");
}

#[tokio::test]
async fn the_revision_without_tasks_does_not_see_what_only_runs_as_one() {
    let job = "job: { kind: fixture, does: work, description: Works., task: required }";
    let gateway = gateway("builtin: false", &[ECHO, job]).await;
    let names = |list: &Value| -> Vec<String> {
        let tools = list["tools"].as_array().unwrap();
        let names = tools.iter().map(|tool| tool["name"].as_str().unwrap());
        names.map(str::to_owned).collect()
    };
    let session = Legacy::open(&gateway, json!({})).await;
    let list = session.ask("tools/list", json!({})).await;
    assert_eq!(names(list.result()), ["echo"]);
    let call = json!({"name": "job", "arguments": {}});
    let answer = session.ask("tools/call", call).await;
    assert_eq!(answer.answer["error"]["message"], "Unknown tool");
    let client = Modern::new(&gateway, speaker::ALICE);
    let list = client.ask("tools/list", json!({})).await;
    assert_eq!(names(list.result()), ["echo", "job"]);
    let unable = client.able(json!({})).call("job", json!({})).await;
    assert_eq!(unable.code(), -32021, "{unable:?}");
}

#[tokio::test]
async fn the_id_an_answer_names_is_the_one_that_is_recorded() {
    let stage = Stage::start().await;
    let session = stage.session(stage::ALICE).await;
    let answer = stage.call(&session, 1, "echo", "a").await;
    let id = answer.header("x-request-id").to_owned();
    assert!(id.starts_with("req_"), "{id}");
    let ledger = stage.hall.ledger.clone();
    stage
        .until("a record of this id", || {
            ledger.find_tool_call(&id).is_some()
        })
        .await;
}

#[tokio::test]
async fn a_key_that_goes_while_its_request_is_sent_is_no_key() {
    let stage = Stage::start().await;
    let session = stage.session(stage::ALICE).await;
    for version in ["2025-11-25", "2026-07-28"] {
        stage.reload(
            mcp::Settings::default(),
            &[("alice", stage::ALICE), ("bob", BOB)],
        );
        let message = stage::call(1, "echo", "a");
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
             mcp-session-id: {session}\r\nmcp-protocol-version: {version}\r\nconnection: close\r\n\
             expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            stage::ALICE,
            message.len()
        );
        let address = stage.url.trim_start_matches("http://");
        let address = address.trim_end_matches("/mcp");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server asks for the body once the head has been judged.
        let mut asked = [0; 25];
        let waits = timeout(PATIENCE, stream.read_exact(&mut asked)).await;
        waits.unwrap().unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        stage.reload(mcp::Settings::default(), &[("bob", BOB)]);
        stream.write_all(message.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
        read.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{version}: {answer}");
    }
    let calls = stage
        .probe
        .started
        .load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(calls, 0);
}

#[tokio::test]
async fn what_was_read_is_not_counted_as_malformed() {
    let stage = Stage::start().await;
    let missing = stage.send(stage.post(stage::ALICE, None, PING)).await;
    assert_eq!(missing.status, 400);
    let session = stage.session(stage::ALICE).await;
    let again = stage.post(stage::ALICE, Some(&session), stage::INITIALIZE);
    assert_eq!(stage.send(again).await.status, 400);
    assert_eq!(stage.refused("malformed"), 0);
}
