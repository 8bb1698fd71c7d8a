//! What a token opened ends with it, or with its issuer.

use serde_json::json;
use tokio::time::timeout;

use super::{
    socket::{ask, call, closed, connect},
    stage::{ANN, CONFIG, METADATA, NOBODY, OTHER_ANN, Stage, ended},
};
use crate::support::{Answer, gateway::PATIENCE};

/// How long a token is good that ends in a test, in seconds.
const SHORT: u32 = 5;

#[tokio::test]
async fn an_upgrade_is_challenged_like_any_request() {
    let stage = Stage::start().await;
    for (token, status, part) in [
        (
            None,
            401,
            format!("Bearer resource_metadata=\"{METADATA}\""),
        ),
        (Some("bad"), 401, "error=\"invalid_token\"".to_owned()),
        (Some(NOBODY), 403, "error=\"insufficient_scope\"".to_owned()),
    ] {
        let (refused, challenge) = connect(&stage, token).await.unwrap_err();
        assert_eq!(refused, status);
        assert!(challenge.contains(&part), "{challenge}");
    }
}

#[tokio::test]
async fn a_connection_has_the_rights_of_its_token_and_ends_with_its_issuer() {
    let stage = Stage::start().await;
    let mut socket = connect(&stage, Some(ANN)).await.unwrap();
    let answer = ask(&mut socket, &call("docs__count")).await;
    assert_eq!(
        answer["result"]["content"][0]["text"], "counted 0 for corp/ann",
        "{answer}"
    );
    // There is no status to tell it with, so the tool does.
    let answer = ask(&mut socket, &call("docs__write")).await;
    let text = "Your token lacks scopes that this tool needs. Sign in again and ask for all of these: `read write`";
    assert_eq!(answer["result"]["content"][0]["text"], text, "{answer}");
    assert_eq!(answer["result"]["isError"], true);
    let mut other = connect(&stage, Some(OTHER_ANN)).await.unwrap();
    stage.reload(&CONFIG.replace("{ issuer: 'https://corp.example', name: corp }, ", ""));
    assert_eq!(closed(&mut socket).await, 4401);
    let answer = ask(&mut other, &call("docs__count")).await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(stage.asked(), 2, "a reload asks nobody");
}

#[tokio::test]
async fn a_connection_ends_with_its_token() {
    let stage = Stage::start().await;
    stage.knows("short", "corp", "ann", &["read"], SHORT.into());
    let mut socket = connect(&stage, Some("short")).await.unwrap();
    let answer = ask(&mut socket, &call("docs__count")).await;
    assert!(answer["result"].is_object(), "{answer}");
    stage.passes(SHORT.into()).await;
    assert_eq!(closed(&mut socket).await, 4401);
}

#[tokio::test]
async fn streams_end_with_their_token_and_the_session_goes_on_with_the_next() {
    let stage = Stage::start().await;
    let session = stage.session(ANN).await;
    stage.knows("short", "corp", "ann", &["read"], SHORT.into());
    let get = |token| {
        let request = stage.request(reqwest::Method::GET, "/mcp", Some(token));
        request.header("mcp-session-id", &session)
    };
    let stream = stage.open(get("short")).await;
    assert_eq!(stream.status(), 200);
    let filter = json!({"notifications": {"toolsListChanged": true}});
    let listen = stage.modern(Some("short"), "subscriptions/listen", filter);
    let listening = stage.open(listen).await;
    assert_eq!(listening.status(), 200);
    // Both end by themselves, and not before.
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let pinged = |token| stage.send(stage.message(Some(token), Some(&session), &ping));
    stage.passes(u64::from(SHORT) - 1).await;
    assert_eq!(pinged("short").await.status, 200);
    stage.passes(1).await;
    assert_eq!(ended(stream).await.status, 200);
    let told = ended(listening).await.body;
    assert!(told.contains("The token is no longer valid"), "{told}");
    assert_eq!(stage.send(get("short")).await.status, 401);
    stage.knows("next", "corp", "ann", &["read"], 3600);
    let answer = pinged("next").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut stream = stage.open(get("next")).await;
    // Changes are told to whoever is there now.
    stage.reload(&CONFIG.replace("description: Writes.", "description: Writes more."));
    let mut text = String::new();
    while !text.contains("notifications/tools/list_changed") {
        let chunk = timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk.expect("a change")).unwrap());
    }
    // The issuer goes, and with it what its tokens opened.
    stage.reload(&CONFIG.replace("{ issuer: 'https://corp.example', name: corp }, ", ""));
    assert_eq!(ended(stream).await.status, 200);
    assert_eq!(pinged("next").await.status, 401);
}

#[tokio::test]
async fn a_token_that_ends_while_its_request_is_sent_is_expired() {
    let stage = Stage::start().await;
    let (sender, body) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(1);
    stage.knows("short", "corp", "ann", &["read"], SHORT.into());
    let chunks = futures_util::stream::unfold(body, |mut body| async {
        body.recv().await.map(|chunk| (chunk, body))
    });
    let request = stage.request(reqwest::Method::POST, "/mcp", Some("short"));
    let request = request.header("content-type", "application/json");
    let sending = tokio::spawn(request.body(reqwest::Body::wrap_stream(chunks)).send());
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    let (head, tail) = message.split_at(10);
    sender.send(Ok(head.to_owned().into())).await.unwrap();
    let let_in = async {
        while stage.asked() == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, let_in).await.expect("a request in time");
    stage.passes(SHORT.into()).await;
    sender.send(Ok(tail.to_owned().into())).await.unwrap();
    drop(sender);
    let answer = Answer::read(timeout(PATIENCE, sending).await.unwrap().unwrap().unwrap()).await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.contains("error_description=\"The access token has expired\""),
        "{challenge}"
    );
}
