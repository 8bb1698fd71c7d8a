//! Who a token makes of its holder: the same at both faces, with their own rights, limits, sessions and records.

use serde_json::json;

use super::stage::{ANN, CONFIG, KEY, OTHER_ANN, Stage};

#[tokio::test]
async fn a_token_is_good_at_both_faces_with_the_rights_of_its_scopes() {
    let stage = Stage::start().await;
    let called = stage.call(Some(ANN), "docs__count").await;
    assert!(
        called.body.contains("counted 0 for corp/ann"),
        "{}",
        called.body
    );
    assert_eq!(stage.chat(Some(ANN), "chat").await.status, 200);
    let private = stage.chat(Some(ANN), "private").await;
    let nowhere = stage.chat(Some(ANN), "nowhere").await;
    assert_ne!(private.status, 200, "{}", private.body);
    assert_ne!(nowhere.status, 200);
    assert_ne!(
        stage.chat(Some(ANN), "s/fast").await.status,
        200,
        "named directly"
    );
    let models = stage
        .send(stage.request(reqwest::Method::GET, "/v1/models", Some(ANN)))
        .await;
    let listed: Vec<String> = models.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, ["chat"]);
}

#[tokio::test]
async fn the_same_subject_of_another_issuer_is_somebody_else() {
    let stage = Stage::start().await;
    let called = stage.call(Some(OTHER_ANN), "docs__count").await;
    assert!(
        called.body.contains("counted 0 for labs.example/ann"),
        "{}",
        called.body
    );
    let session = stage.session(ANN).await;
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    for other in [OTHER_ANN, KEY] {
        for request in [
            stage.message(Some(other), Some(&session), &ping),
            stage
                .request(reqwest::Method::GET, "/mcp", Some(other))
                .header("mcp-session-id", &session),
            stage
                .request(reqwest::Method::DELETE, "/mcp", Some(other))
                .header("mcp-session-id", &session),
        ] {
            assert_eq!(stage.send(request).await.status, 404, "{other}");
        }
    }
    // A new token of the same person goes on with it.
    stage.knows("fresh", "corp", "ann", &["read"], 3600);
    for token in [ANN, "fresh"] {
        let answer = stage
            .send(stage.message(Some(token), Some(&session), &ping))
            .await;
        assert_eq!(answer.status, 200, "{token} {}", answer.body);
    }
}

#[tokio::test]
async fn each_holder_has_a_limit_of_their_own_that_outlives_a_reload() {
    let limited = CONFIG.replace(
        "    scopes:\n      read",
        "    rpm: 2\n    scopes:\n      read",
    );
    let stage = Stage::with(&limited).await;
    assert_eq!(stage.chat(Some(ANN), "chat").await.status, 200);
    assert!(
        !stage
            .call(Some(ANN), "docs__count")
            .await
            .body
            .contains("isError\":true")
    );
    assert_eq!(stage.chat(Some(ANN), "chat").await.status, 429);
    assert_eq!(stage.chat(Some(OTHER_ANN), "chat").await.status, 200);
    for _ in 0..3 {
        assert_eq!(stage.chat(Some(KEY), "chat").await.status, 200);
    }
    stage.reload(&limited);
    assert_eq!(stage.chat(Some(ANN), "chat").await.status, 429);
}

#[tokio::test]
async fn records_tell_whose_token_it_was_and_not_the_token() {
    let stage = Stage::start().await;
    let answered = stage.chat(Some(ANN), "chat").await;
    let called = stage.call(Some(ANN), "docs__count").await;
    let ledger = &stage.hall.ledger;
    let expected = json!({"issuer": "corp", "subject": "ann", "client": "editor"});
    let patience = crate::support::gateway::PATIENCE;
    let told = async {
        loop {
            let record = ledger.find(answered.header("x-request-id"));
            let call = ledger.find_tool_call(called.header("x-request-id"));
            if let (Some(record), Some(call)) = (record, call) {
                break [json!(*record), json!(*call)];
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    for record in tokio::time::timeout(patience, told).await.expect("records") {
        assert_eq!(
            (&record["caller"], &record["identity"]),
            (&json!("corp/ann"), &expected)
        );
        assert!(!record.to_string().contains(ANN), "{record}");
    }
    let by_key = stage.chat(Some(KEY), "chat").await;
    assert_eq!(by_key.status, 200);
}

#[tokio::test]
async fn a_key_is_known_without_asking_anybody() {
    let stage = Stage::start().await;
    assert_eq!(stage.chat(Some(KEY), "chat").await.status, 200);
    assert_eq!(stage.call(Some(KEY), "crm__count").await.status, 200);
    assert_eq!(stage.asked(), 0);
    // One question for each request, whatever its body takes.
    assert_eq!(stage.call(Some(ANN), "docs__count").await.status, 200);
    assert_eq!(stage.asked(), 1);
}
