//! MCP over WebSocket: what is refused, what goes on, how it ends.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderValue, Response},
    },
};

use super::{config, peer::meta};
use crate::support::{Gateway, gateway::PATIENCE};

const KEY: &str = "wp-0123456789abcdef";

const PROMPT: &str = "prompts: { hello: { messages: [{ text: Hello. }] } }";

/// A connection.
struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Asks for a connection with these headers.
async fn open(
    gateway: &Gateway,
    headers: &[(&'static str, &str)],
) -> Result<Socket, Box<Response<Option<Vec<u8>>>>> {
    let address = gateway.url.strip_prefix("http://").unwrap();
    let mut request = format!("ws://{address}/mcp").into_client_request().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(*name, value);
    }
    let stream = TcpStream::connect(address).await.unwrap();
    let opening = client_async(request, MaybeTlsStream::Plain(stream));
    match timeout(PATIENCE, opening).await.unwrap() {
        Ok((socket, _)) => Ok(Socket(socket)),
        Err(Error::Http(response)) => Err(response),
        Err(error) => panic!("{error}"),
    }
}

const MCP: (&str, &str) = ("sec-websocket-protocol", "mcp");

async fn connect(gateway: &Gateway) -> Socket {
    let bearer = format!("Bearer {KEY}");
    let opened = open(gateway, &[MCP, ("authorization", &bearer)]).await;
    opened.unwrap_or_else(|refused| panic!("{refused:?}"))
}

impl Socket {
    async fn say(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    async fn send(&mut self, message: &Value) {
        self.say(Message::Text(message.to_string().into())).await;
    }

    async fn frame(&mut self) -> Option<Message> {
        let frame = timeout(PATIENCE, self.0.next())
            .await
            .expect("a frame in time");
        frame.and_then(Result::ok)
    }

    /// The next message.
    async fn next(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some(Message::Text(text)) => return serde_json::from_str(&text).unwrap(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code the connection is closed with.
    async fn closed(&mut self) -> u16 {
        loop {
            match self.frame().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Ping(_) | Message::Pong(_) | Message::Text(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Begins as 2025-11-25 does.
    async fn initialize(&mut self) {
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"},
        });
        self.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}))
            .await;
        assert_eq!(self.next().await["result"]["protocolVersion"], "2025-11-25");
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await;
    }
}

fn keys() -> String {
    format!("access: {{ keys: [{{ name: k, key: {KEY} }}] }}")
}

fn request(id: i64, method: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {}})
}

fn modern(id: i64, method: &str, mut params: Value) -> Value {
    params["_meta"] = meta();
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

#[tokio::test]
async fn only_an_upgrade_with_key_and_subprotocol_is_taken() {
    let gateway = Gateway::start(&config(PROMPT, &keys())).await;
    let bearer = format!("Bearer {KEY}");
    let key = ("authorization", bearer.as_str());
    let version = ("sec-websocket-version", "7");
    for (headers, status) in [
        (&[MCP][..], 401),
        (&[MCP, ("authorization", "Bearer wp-fedcba9876543210")], 401),
        (&[key], 400),
        (&[key, ("sec-websocket-protocol", "graphql-ws, mcp2")], 400),
        (&[key, MCP, version], 400),
    ] {
        let refused = open(&gateway, headers).await.err();
        let refused = refused.unwrap_or_else(|| panic!("{headers:?} was taken"));
        assert_eq!(refused.status().as_u16(), status, "{headers:?}");
        if status == 400 {
            let body = refused.body().clone().unwrap_or_default();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["code"], -32600, "{headers:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_message_is_answered_and_the_connection_goes_on() {
    let gateway = Gateway::start(&config(PROMPT, &keys())).await;
    let mut socket = connect(&gateway).await;
    socket.initialize().await;
    let id = "x".repeat(257);
    let long = format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"ping"}}"#);
    for (text, code) in [
        ("{", -32700),
        ("", -32700),
        ("[]", -32600),
        ("7", -32600),
        (r#"{"jsonrpc":"2.0","id":5}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":5,"method":"ping"}"#, -32600),
        (
            r#"{"jsonrpc":"2.0","id":5,"method":"ping","method":"tools/list"}"#,
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":5,"method":"ping","params":{"a":1,"a":2}}"#,
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":5,"method":"ping","Method":"tools/list"}"#,
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":5,"method":"ping","params":[]}"#,
            -32602,
        ),
        (&long, -32600),
    ] {
        socket.say(Message::Text(text.into())).await;
        let answer = socket.next().await;
        assert_eq!(answer["error"]["code"], code, "{text}: {answer}");
    }
    socket.send(&request(1, "prompts/list")).await;
    assert_eq!(socket.next().await["result"]["prompts"][0]["name"], "hello");
}

#[tokio::test]
async fn frames_that_are_no_text_or_too_large_end_it() {
    let gateway = Gateway::start(&config(&format!("max_body: 1000\n{PROMPT}"), &keys())).await;
    let mut binary = connect(&gateway).await;
    binary.initialize().await;
    binary.say(Message::Binary(b"{}".as_slice().into())).await;
    assert_eq!(binary.closed().await, 1003);
    let mut large = connect(&gateway).await;
    large.initialize().await;
    large.say(Message::Text("x".repeat(1001).into())).await;
    assert_eq!(large.closed().await, 1009);
    // One that begins with a notification has not begun.
    let mut unbegun = connect(&gateway).await;
    unbegun
        .send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
        .await;
    assert_eq!(unbegun.closed().await, 1002);
}

#[tokio::test]
async fn both_revisions_are_spoken() {
    let gateway = Gateway::start(&config(PROMPT, &keys())).await;
    let mut old = connect(&gateway).await;
    old.initialize().await;
    old.send(
        &json!({"jsonrpc": "2.0", "id": "a", "method": "prompts/get", "params": {"name": "hello"}}),
    )
    .await;
    let answer = old.next().await;
    assert_eq!(answer["id"], "a");
    assert_eq!(answer["result"]["messages"][0]["content"]["text"], "Hello.");

    let mut new = connect(&gateway).await;
    new.send(&modern(1, "prompts/get", json!({"name": "hello"})))
        .await;
    let answer = new.next().await;
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    new.send(&request(2, "prompts/list")).await;
    assert_eq!(
        new.next().await["error"]["code"],
        -32602,
        "it says nothing of itself"
    );
}

#[tokio::test]
async fn an_id_is_taken_while_its_request_runs() {
    let gateway = Gateway::start(&config(PROMPT, &keys())).await;
    let mut socket = connect(&gateway).await;
    let listen = modern(
        7,
        "subscriptions/listen",
        json!({"notifications": {"promptsListChanged": true}}),
    );
    socket.send(&listen).await;
    assert_eq!(
        socket.next().await["method"],
        "notifications/subscriptions/acknowledged"
    );
    socket.send(&modern(7, "prompts/list", json!({}))).await;
    let answer = socket.next().await;
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!(7), &json!(-32600))
    );
    // The first one runs on, and its id is free once it is called off.
    gateway
        .reconfigure(&config(&PROMPT.replace("hello", "bye"), &keys()))
        .await;
    assert_eq!(
        socket.next().await["method"],
        "notifications/prompts/list_changed"
    );
    socket.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})).await;
    socket.send(&modern(7, "prompts/list", json!({}))).await;
    assert_eq!(socket.next().await["result"]["prompts"][0]["name"], "bye");
}

#[tokio::test]
async fn more_requests_than_may_run_at_once_are_refused() {
    let gateway = Gateway::start(&config(
        &format!("listeners: {{ per_key: 1000 }}\n{PROMPT}"),
        &keys(),
    ))
    .await;
    let mut socket = connect(&gateway).await;
    let listen = |id| {
        modern(
            id,
            "subscriptions/listen",
            json!({"notifications": {"promptsListChanged": true}}),
        )
    };
    for id in 0..64 {
        socket.send(&listen(id)).await;
        assert_eq!(
            socket.next().await["method"],
            "notifications/subscriptions/acknowledged"
        );
    }
    socket.send(&listen(64)).await;
    let answer = socket.next().await;
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!(64), &json!(-32000))
    );
}

#[tokio::test]
async fn a_session_hears_of_changes_and_sees_what_its_key_may_use_now() {
    let gateway = Gateway::start(&config(PROMPT, &keys())).await;
    let mut socket = connect(&gateway).await;
    socket.initialize().await;
    socket.send(&request(1, "ping")).await;
    socket.next().await;
    let narrowed = keys().replace("name: k", "name: k, prompts: []");
    gateway.reconfigure(&config(PROMPT, &narrowed)).await;
    assert_eq!(
        socket.next().await["method"],
        "notifications/prompts/list_changed"
    );
    socket.send(&request(2, "prompts/list")).await;
    assert_eq!(socket.next().await["result"]["prompts"], json!([]));
    let other = keys().replace(KEY, "wp-fedcba9876543210");
    gateway.reconfigure(&config(PROMPT, &other)).await;
    assert_eq!(socket.closed().await, 4401);
}

#[tokio::test]
async fn connections_are_counted_and_a_closed_one_makes_room() {
    let limit = format!("websocket: {{ per_key: 1 }}\n{PROMPT}");
    let gateway = Gateway::start(&config(&limit, &keys())).await;
    let bearer = format!("Bearer {KEY}");
    let headers = [MCP, ("authorization", bearer.as_str())];
    let first = connect(&gateway).await;
    let refused = open(&gateway, &headers).await.err().expect("a refusal");
    assert_eq!(refused.status().as_u16(), 503);
    drop(first);
    let freed = async {
        while open(&gateway, &headers).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, freed).await.expect("room again");
}

#[tokio::test]
async fn the_end_of_the_server_is_told() {
    let gateway = Gateway::start(&config(PROMPT, &keys())).await;
    let mut socket = connect(&gateway).await;
    socket
        .send(&modern(
            7,
            "subscriptions/listen",
            json!({"notifications": {"promptsListChanged": true}}),
        ))
        .await;
    assert_eq!(
        socket.next().await["method"],
        "notifications/subscriptions/acknowledged"
    );
    gateway.stop();
    // A subscription ends with its result first.
    let end = socket.next().await;
    assert_eq!(
        (&end["id"], &end["result"]["resultType"]),
        (&json!(7), &json!("complete"))
    );
    assert_eq!(socket.closed().await, 1001);
    gateway.ended().await;
}

#[tokio::test]
async fn a_connection_nobody_uses_is_closed_and_one_that_does_not_answer_is_given_up() {
    let idle = format!("websocket: {{ ping: 20ms, idle: 100ms }}\n{PROMPT}");
    let gateway = Gateway::start(&config(&idle, &keys())).await;
    let mut unused = connect(&gateway).await;
    unused.initialize().await;
    // Reading answers pings.
    assert_eq!(unused.closed().await, 1001);
    let mut listening = connect(&gateway).await;
    listening
        .send(&modern(
            7,
            "subscriptions/listen",
            json!({"notifications": {"promptsListChanged": true}}),
        ))
        .await;
    assert_eq!(
        listening.next().await["method"],
        "notifications/subscriptions/acknowledged"
    );
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < std::time::Duration::from_millis(300) {
        assert!(
            matches!(listening.frame().await, Some(Message::Ping(_))),
            "what runs is use"
        );
    }
}

const UNTRUSTED: &str = "
tools:
  inbox.read: { kind: fixture, does: text, description: d, untrusted: true, task: required }
  mail.send: { kind: fixture, does: arguments, description: d, sends_out: true }
";

/// Sends a request of a client that polls tasks and asks its user nothing; gives the result.
async fn result(socket: &mut Socket, method: &str, params: Value) -> Value {
    let mut request = modern(7, method, params);
    request["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    socket.send(&request).await;
    let answer = socket.next().await;
    assert!(answer["result"].is_object(), "{answer}");
    answer["result"].clone()
}

#[tokio::test]
async fn who_reads_a_task_of_another_connection_is_held_like_who_called() {
    let gateway = Gateway::start(&config(PROMPT, &(keys() + UNTRUSTED))).await;
    let (mut caller, mut reader) = (connect(&gateway).await, connect(&gateway).await);
    let send = || json!({"name": "mail__send", "arguments": {}});
    let begin = json!({"name": "inbox__read", "arguments": {}});
    let begun = result(&mut caller, "tools/call", begin).await;
    let sent = result(&mut reader, "tools/call", send()).await;
    assert_ne!(sent["isError"], true, "it has read nothing: {sent}");
    let read = timeout(PATIENCE, async {
        loop {
            let look = json!({"taskId": begun["taskId"]});
            let task = result(&mut reader, "tasks/get", look).await;
            if task["status"] == "completed" {
                return task;
            }
        }
    });
    let read = read.await.unwrap();
    assert_eq!(read["result"]["_meta"]["dev.waypost/untrusted"], true);
    let held = result(&mut reader, "tools/call", send()).await;
    assert_eq!(held["isError"], true, "{held}");
}
