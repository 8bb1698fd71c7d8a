//! What is refused before the protocol's library sees it.

use serde_json::{Value, json};
use waypost::mcp;

use super::stage::{ALICE, INITIALIZE, PING, Stage};
use crate::support::Answer;

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: i64, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json", "{what}");
    assert!(!answer.header("x-request-id").is_empty(), "{what}");
    let body = answer.json();
    assert_eq!(body["jsonrpc"], "2.0", "{what}");
    assert_eq!(body["error"]["code"], code, "{what}: {body}");
    assert!(body["error"]["message"].is_string(), "{what}");
}

#[tokio::test]
async fn malformed_json_is_400_with_a_parse_error() {
    let stage = Stage::start().await;
    for body in ["{", "", "nonsense", "{\"a\":1}}", "\u{feff}{}"] {
        for version in ["2025-11-25", "2026-07-28"] {
            let post = stage
                .post(ALICE, None, body)
                .header("mcp-protocol-version", version);
            let answer = stage.send(post).await;
            assert_refused(&answer, 400, -32700, body);
            assert_eq!(answer.json()["id"], Value::Null);
        }
    }
    let invalid = stage
        .send(stage.post(ALICE, None, vec![b'"', 0xff, b'"']))
        .await;
    assert_refused(&invalid, 400, -32700, "not UTF-8");
    assert_eq!(stage.refused("malformed"), 11);
}

#[tokio::test]
async fn what_is_no_single_message_is_400() {
    let stage = Stage::start().await;
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}{}}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    for body in [
        "[]",
        &format!("[{PING},{PING}]"),
        "7",
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"hold"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"METHOD":"ping"}"#,
        &deep,
    ] {
        for version in ["2025-11-25", "2026-07-28"] {
            let post = stage.post(ALICE, None, body.to_owned());
            let answer = stage
                .send(post.header("mcp-protocol-version", version))
                .await;
            assert_refused(&answer, 400, -32600, body);
        }
    }
    // An id that can be read is named.
    let named =
        stage.send(stage.post(ALICE, None, r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#));
    assert_eq!(named.await.json()["id"], "a");
}

#[tokio::test]
async fn a_body_larger_than_the_limit_is_413() {
    let settings = mcp::Settings {
        max_body: 1000,
        ..mcp::Settings::default()
    };
    let stage = Stage::with(settings.clone(), None).await;
    let padded = |size: usize| {
        let text =
            json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": ""}}).to_string();
        text.replace(
            "\"a\":\"\"",
            &format!("\"a\":\"{}\"", "x".repeat(size - text.len())),
        )
    };
    let fits = stage.send(stage.post(ALICE, None, padded(1000))).await;
    assert_refused(&fits, 400, -32600, "it fits, but has no session");
    let answer = stage.send(stage.post(ALICE, None, padded(1001))).await;
    assert_refused(&answer, 413, -32600, "announced");
    let pieces = [Ok::<_, std::io::Error>(padded(600)), Ok(padded(600))];
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let answer = stage.send(stage.post(ALICE, None, chunked)).await;
    assert_refused(&answer, 413, -32600, "in pieces");
    // The limit is the present configuration's.
    let settings = mcp::Settings {
        max_body: 2000,
        ..settings
    };
    stage.reload(settings, &[("alice", ALICE)]);
    let answer = stage.send(stage.post(ALICE, None, padded(1001))).await;
    assert_refused(&answer, 400, -32600, "after a reload");
}

#[tokio::test]
async fn without_the_right_key_nobody_comes_in() {
    let stage = Stage::start().await;
    let bare = |method| {
        let request = stage.client.request(method, &stage.url);
        request.header("accept", "application/json, text/event-stream")
    };
    for method in ["POST", "GET", "DELETE", "PUT"] {
        let method: reqwest::Method = method.parse().unwrap();
        let none = stage.send(bare(method.clone()).body(INITIALIZE)).await;
        assert_refused(&none, 401, -32000, "no key");
        assert_eq!(none.header("www-authenticate"), "Bearer");
        let wrong = stage
            .send(bare(method.clone()).bearer_auth("wp-nobody-0123456789"))
            .await;
        assert_refused(&wrong, 401, -32000, "wrong key");
        let two = bare(method)
            .bearer_auth(ALICE)
            .header("x-api-key", "another");
        assert_refused(&stage.send(two).await, 400, -32600, "two keys");
    }
    for query in ["?api_key=x", "?a=1&access_token=x", "?API-KEY=x", "?token"] {
        let url = format!("{}{query}", stage.url);
        let request = stage.client.post(url).bearer_auth(ALICE).body(PING);
        assert_refused(&stage.send(request).await, 400, -32600, query);
    }
    assert_eq!(stage.refused("no_key"), 4);
    assert_eq!(stage.refused("wrong_key"), 4);
    assert_eq!(stage.refused("ambiguous_key"), 8);
}

#[tokio::test]
async fn hosts_and_origins_that_are_not_allowed_are_403() {
    let settings = mcp::Settings {
        allowed_hosts: vec!["gateway.example".into()],
        allowed_origins: vec!["https://good".into()],
        ..mcp::Settings::default()
    };
    let stage = Stage::with(settings, None).await;
    for method in ["POST", "GET", "DELETE"] {
        let method: reqwest::Method = method.parse().unwrap();
        let request = || stage.request(method.clone(), ALICE, None);
        for host in [
            "evil",
            "localhost.evil",
            "gateway.example.evil",
            "127.0.0.1.evil:80",
        ] {
            let answer = stage.send(request().header("host", host)).await;
            assert_refused(&answer, 403, -32000, host);
        }
        for origin in [
            "https://evil",
            "null",
            "https://good.evil",
            "http://localhost.evil",
            "http://good",
            "https://good:444",
            "",
        ] {
            let answer = stage.send(request().header("origin", origin)).await;
            assert_refused(&answer, 403, -32000, origin);
        }
        let two = request()
            .header("origin", "https://good")
            .header("origin", "https://evil");
        assert_refused(&stage.send(two).await, 403, -32000, "two origins");
    }
    assert_eq!(stage.refused("forbidden"), 3 * 12);
    for (host, origin) in [
        ("gateway.example", None),
        ("gateway.example:8080", Some("https://good")),
        ("localhost:1", Some("https://good:443")),
        ("[::1]", None),
    ] {
        let post = stage.post(ALICE, None, INITIALIZE).header("host", host);
        let post = origin
            .into_iter()
            .fold(post, |post, origin| post.header("origin", origin));
        assert_eq!(stage.send(post).await.status, 200, "{host} {origin:?}");
    }
    // The lists are the present configuration's.
    stage.reload(mcp::Settings::default(), &[("alice", ALICE)]);
    let post = stage
        .post(ALICE, None, INITIALIZE)
        .header("host", "gateway.example");
    assert_refused(&stage.send(post).await, 403, -32000, "after a reload");
}

#[tokio::test]
async fn web_pages_get_no_cors_headers_and_methods_no_overrides() {
    let stage = Stage::start().await;
    let preflight = stage.request(reqwest::Method::OPTIONS, ALICE, None);
    let preflight = stage
        .send(preflight.header("access-control-request-method", "POST"))
        .await;
    assert_refused(&preflight, 405, -32600, "preflight");
    assert_eq!(preflight.header("allow"), "GET, POST, DELETE");
    let session = stage.session(ALICE).await;
    let post = stage.post(ALICE, Some(&session), PING);
    let answer = stage
        .send(post.header("x-http-method-override", "DELETE"))
        .await;
    assert_eq!(answer.status, 200);
    for answer in [preflight, answer] {
        let cors = answer
            .headers
            .keys()
            .find(|name| name.as_str().starts_with("access-control"));
        assert_eq!(cors, None);
    }
    let again = stage.send(stage.post(ALICE, Some(&session), PING)).await;
    assert_eq!(again.status, 200, "nothing was deleted");
}

#[tokio::test]
async fn what_the_library_refuses_is_json_rpc_too() {
    let stage = Stage::start().await;
    let session = stage.session(ALICE).await;
    let json = stage.post(ALICE, Some(&session), PING);
    let answer = stage.send(json.header("accept", "text/html")).await;
    assert!([200, 406].contains(&answer.status), "{}", answer.body);
    let request = stage
        .client
        .post(&stage.url)
        .bearer_auth(ALICE)
        .header("accept", "text/html");
    let request = request
        .header("content-type", "application/json")
        .header("mcp-session-id", &session);
    assert_refused(&stage.send(request.body(PING)).await, 406, -32600, "accept");
    let text = stage
        .request(reqwest::Method::POST, ALICE, Some(&session))
        .body(PING);
    assert_refused(&stage.send(text).await, 415, -32600, "content type");
    let version = stage
        .post(ALICE, Some(&session), PING)
        .header("mcp-protocol-version", "1999-01-01");
    assert_refused(&stage.send(version).await, 400, -32600, "version");
    let two = stage.post(ALICE, Some(&session), PING);
    let two = two
        .header("mcp-protocol-version", "2025-11-25")
        .header("mcp-protocol-version", "2026-07-28");
    assert_refused(&stage.send(two).await, 400, -32600, "two versions");
    let missing = stage.send(stage.post(ALICE, None, PING)).await;
    assert_refused(&missing, 400, -32600, "no session");
    assert_eq!(missing.json()["id"], "ping");
    let named = stage.post(ALICE, None, PING).header("x-request-id", "mine");
    assert_eq!(stage.send(named).await.header("x-request-id"), "mine");
}
