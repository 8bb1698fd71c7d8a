//! What somebody is told who is not let in.

use serde_json::json;
use waypost::access::Denied;

use super::stage::{ANN, CONFIG, KEY, METADATA, NOBODY, Stage};
use crate::support::Answer;

fn challenge(answer: &Answer) -> &str {
    let challenges = answer.headers.get_all("www-authenticate");
    assert!(challenges.iter().count() <= 1, "{:?}", answer.headers);
    answer.header("www-authenticate")
}

#[tokio::test]
async fn who_has_no_token_is_told_where_to_get_one() {
    let stage = Stage::start().await;
    let plain = format!("Bearer resource_metadata=\"{METADATA}\", scope=\"read write\"");
    let session = stage.session(ANN).await;
    for request in [
        stage.modern(None, "tools/list", json!({})),
        stage.message(
            None,
            None,
            &json!({"jsonrpc": "2.0", "id": 1, "method": "initialize"}),
        ),
        stage.message(
            None,
            Some(&session),
            &json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}),
        ),
        stage
            .request(reqwest::Method::GET, "/mcp", None)
            .header("mcp-session-id", &session),
        stage
            .request(reqwest::Method::DELETE, "/mcp", None)
            .header("mcp-session-id", &session),
    ] {
        let answer = stage.send(request).await;
        assert_eq!((answer.status, challenge(&answer)), (401, plain.as_str()));
        assert_eq!(answer.json()["error"]["code"], -32000);
    }
    assert_eq!(stage.refused("no_key"), 5);
}

#[tokio::test]
async fn who_has_a_bad_token_is_told_what_is_wrong_with_it() {
    let stage = Stage::start().await;
    stage.knows("old", "corp", "ann", &["read"], -1);
    stage.tells("expired", Err(Denied::Expired));
    stage.knows("strange", "elsewhere", "ann", &["read"], 60);
    for (token, reason, why) in [
        (
            "what",
            "bad_token",
            "The access token is not good here: nobody knows it",
        ),
        (
            "strange",
            "bad_token",
            "The access token is not good here: its issuer is not known here",
        ),
        ("expired", "expired_token", "The access token has expired"),
        ("old", "expired_token", "The access token has expired"),
        ("two words", "wrong_key", "Incorrect API key provided."),
    ] {
        let before = stage.refused(reason);
        let answer = stage.call(Some(token), "docs__count").await;
        let expected = format!(
            "Bearer resource_metadata=\"{METADATA}\", scope=\"read write\", error=\"invalid_token\", error_description=\"{why}\""
        );
        assert_eq!(
            (answer.status, challenge(&answer)),
            (401, &*expected),
            "{token}"
        );
        assert_eq!(stage.refused(reason), before + 1, "{token}");
        assert!(
            !answer.body.contains(token) || token == "expired",
            "{}",
            answer.body
        );
        let answer = stage.chat(Some(token), "chat").await;
        assert_eq!(answer.status, 401, "{token}");
        assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
    }
}

#[tokio::test]
async fn a_token_whose_scopes_allow_nothing_is_403() {
    let stage = Stage::start().await;
    let expected = format!(
        "Bearer error=\"insufficient_scope\", scope=\"read write\", resource_metadata=\"{METADATA}\""
    );
    for request in [
        stage.modern(Some(NOBODY), "tools/list", json!({})),
        stage.request(reqwest::Method::GET, "/mcp", Some(NOBODY)),
    ] {
        let answer = stage.send(request).await;
        assert_eq!((answer.status, challenge(&answer)), (403, &*expected));
    }
    assert_eq!(stage.chat(Some(NOBODY), "chat").await.status, 403);
    assert_eq!(stage.refused("no_scope"), 3);
}

#[tokio::test]
async fn a_tool_whose_scopes_are_lacking_is_403_before_anything_is_done() {
    let stage = Stage::start().await;
    let expected = format!(
        "Bearer error=\"insufficient_scope\", scope=\"read write\", resource_metadata=\"{METADATA}\""
    );
    let ended = |outcome| {
        let calls = &stage.hall.ledger.metrics().tool_calls;
        calls.with_label_values(&["docs.write", outcome]).get()
    };
    let calls = || ended("done");
    let answer = stage.call(Some(ANN), "docs__write").await;
    assert_eq!(
        (answer.status, challenge(&answer)),
        (403, &*expected),
        "{}",
        answer.body
    );
    assert_eq!(answer.json()["id"], 7);
    let id = answer.header("x-request-id").to_owned();
    let session = stage.session(ANN).await;
    let params = json!({"name": "docs__write", "arguments": {}, "_meta": {"progressToken": 1}});
    let call = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params});
    let answer = stage
        .send(stage.message(Some(ANN), Some(&session), &call))
        .await;
    assert_eq!(
        (answer.status, challenge(&answer)),
        (403, &*expected),
        "{}",
        answer.body
    );
    assert_eq!((calls(), stage.refused("no_scope")), (0, 2));
    assert_eq!(ended("forbidden"), 2);
    let told = async {
        loop {
            if let Some(record) = stage.hall.ledger.find_tool_call(&id) {
                break json!(*record);
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let told = tokio::time::timeout(crate::support::gateway::PATIENCE, told);
    let record = told.await.expect("a record");
    for (member, expected) in [
        ("tool", "docs.write"),
        ("kind", "fixture"),
        ("caller", "corp/ann"),
        ("surface", "http"),
        ("outcome", "forbidden"),
    ] {
        assert_eq!(record[member], expected, "{member}: {record}");
    }
    // Where there is no such session, signing in again would not help.
    let elsewhere = stage.message(Some(ANN), Some("gone"), &call);
    let answer = stage.send(elsewhere).await;
    assert_eq!((answer.status, challenge(&answer)), (404, ""));
    assert_eq!(answer.json()["id"], 9);
    let answer = stage.send(stage.message(Some(ANN), None, &call)).await;
    assert_eq!((answer.status, challenge(&answer)), (400, ""));
    assert_eq!((calls(), stage.refused("no_scope")), (0, 2));
    // Stepping up is enough, in the same session, too.
    stage.knows("more", "corp", "ann", &["read", "write"], 60);
    let answer = stage.call(Some("more"), "docs__write").await;
    assert_eq!((answer.status, calls()), (200, 1), "{}", answer.body);
    let answer = stage
        .send(stage.message(Some("more"), Some(&session), &call))
        .await;
    assert_eq!((answer.status, calls()), (200, 2), "{}", answer.body);
    // Keys need no scopes.
    let answer = stage.call(Some(KEY), "docs__write").await;
    assert_eq!((answer.status, calls()), (200, 3), "{}", answer.body);
}

#[tokio::test]
async fn who_begins_asks_for_little_and_a_step_keeps_what_there_is() {
    let scopes = "
    scopes:
      chat: { routes: [chat] }
      read: { tools: [docs.*] }
      write: { implies: [read] }
";
    let (before, _) = CONFIG.split_once("\n    scopes:\n").unwrap();
    let stage = Stage::with(&format!("{before}{scopes}")).await;
    let asks = async |token| {
        let answer = stage.call(token, "docs__write").await;
        let (_, scope) = challenge(&answer).split_once("scope=\"").unwrap();
        (answer.status, scope.split('"').next().unwrap().to_owned())
    };
    assert_eq!(asks(None).await, (401, "chat read".to_owned()));
    assert_eq!(asks(Some("bad")).await, (401, "chat read".to_owned()));
    // All of them where none that is known was brought, and those that were brought where some were.
    assert_eq!(
        asks(Some(NOBODY)).await,
        (403, "chat read write".to_owned())
    );
    stage.knows("both", "corp", "ann", &["chat", "mail", "read"], 60);
    assert_eq!(
        asks(Some("both")).await,
        (403, "chat read write".to_owned())
    );
    assert_eq!(asks(Some(ANN)).await, (403, "read write".to_owned()));
    stage.reload(&format!("{before}{scopes}    first_scopes: [chat]\n"));
    assert_eq!(asks(None).await, (401, "chat".to_owned()));
    assert_eq!(asks(Some(ANN)).await, (403, "read write".to_owned()));
    let metadata = stage.request(
        reqwest::Method::GET,
        "/.well-known/oauth-protected-resource",
        None,
    );
    let metadata = stage.send(metadata).await.json();
    assert_eq!(
        metadata["scopes_supported"],
        json!(["chat", "read", "write"])
    );
}

#[tokio::test]
async fn a_tool_that_may_not_be_seen_is_unknown_whatever_scopes_it_needs() {
    let stage = Stage::start().await;
    let nowhere = stage.call(Some(ANN), "nowhere").await;
    stage.reload(&CONFIG.replace(
        "crm.count: { kind: fixture,",
        "crm.count: { scopes: [write], kind: fixture,",
    ));
    let hidden = stage.call(Some(ANN), "crm__count").await;
    assert_eq!(challenge(&hidden), "");
    assert_eq!(
        (hidden.status, &hidden.body),
        (nowhere.status, &nowhere.body)
    );
    let listed = stage
        .send(stage.modern(Some(ANN), "tools/list", json!({})))
        .await;
    let tools = listed.json()["result"]["tools"].clone();
    let names: Vec<&str> = tools
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["docs__count", "docs__write"]);
}

#[tokio::test]
async fn while_nobody_can_tell_callers_may_come_back() {
    let stage = Stage::start().await;
    stage.tells("untold", Err(Denied::NoTell));
    let answer = stage.call(Some("untold"), "docs__count").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert_eq!(challenge(&answer), "", "signing in anew would not help");
    let answer = stage.chat(Some("untold"), "chat").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert_eq!(stage.refused("no_tell"), 2);
    assert_eq!(
        stage.call(Some(KEY), "docs__count").await.status,
        200,
        "keys need nobody"
    );
}

#[tokio::test]
async fn without_oauth_nobody_is_sent_anywhere() {
    let keys = CONFIG.split("  oauth:").next().unwrap();
    let stage = Stage::with(keys).await;
    for token in [None, Some(ANN)] {
        let answer = stage.call(token, "docs__count").await;
        assert_eq!((answer.status, challenge(&answer)), (401, "Bearer"));
    }
    assert_eq!(stage.asked(), 0);
}

#[tokio::test]
async fn tokens_in_the_url_are_refused() {
    let stage = Stage::start().await;
    for query in ["access_token", "token"] {
        let path = format!("/mcp?{query}={ANN}");
        let answer = stage
            .send(stage.request(reqwest::Method::GET, &path, None))
            .await;
        assert_eq!(answer.status, 400);
    }
    assert_eq!(stage.asked(), 0);
}
