//! Who hears of which change.

use serde_json::json;

use super::{
    config,
    peer::{Modern, Session},
};
use crate::support::Gateway;

const ALICE: &str = "wp-alice-0123456789";
const BOB: &str = "wp-bob-0123456789";

fn mcp(more: &str, text: &str) -> String {
    format!(
        "prompts: {{ a: {{ messages: [{{ text: a }}] }}{more} }}
resources: {{ page: {{ uri: 'docs://page', text: {text} }}, other: {{ uri: 'docs://other', text: other }} }}"
    )
}

fn keys(alice: &str) -> String {
    format!(
        "access: {{ keys: [{{ name: alice, key: {ALICE}{alice} }}, {{ name: bob, key: {BOB}, prompts: [a] }}] }}"
    )
}

const B: &str = ", b: { messages: [{ text: b }] }";

#[tokio::test]
async fn only_those_hear_whose_list_changed() {
    let gateway = Gateway::start(&config(&mcp("", "one"), &keys(""))).await;
    let [alice, bob] = [ALICE, BOB].map(|key| Modern {
        gateway: &gateway,
        key: Some(key),
    });
    let wanted = json!({
        "promptsListChanged": true, "resourcesListChanged": true, "toolsListChanged": true,
        "resourceSubscriptions": ["docs://page", "docs://other"],
    });
    let mut alice = alice.listen(wanted.clone()).await;
    let mut bob = bob.listen(wanted).await;
    // Bob may not see `b`; the resource's text changes for both, and with it the size that lists show.
    gateway
        .reconfigure(&config(&mcp(B, "one"), &keys("")))
        .await;
    gateway
        .reconfigure(&config(&mcp(B, "three"), &keys("")))
        .await;
    let first = alice.next().await.unwrap();
    assert_eq!(first["method"], "notifications/prompts/list_changed");
    assert_eq!(
        first["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"],
        1
    );
    let both = [
        "notifications/resources/list_changed",
        "notifications/resources/updated",
    ];
    assert_eq!(alice.methods(2).await, both);
    assert_eq!(bob.methods(2).await, both);
    // A change that nobody sees is told to nobody: the next thing heard is the end.
    gateway
        .reconfigure(&config(
            &mcp(B, "three"),
            &format!("{}\n# {}", keys(""), "x"),
        ))
        .await;
    gateway.stop();
    for events in [&mut alice, &mut bob] {
        let end = events.next().await.unwrap();
        assert_eq!(
            (&end["id"], &end["result"]["resultType"]),
            (&json!(1), &json!("complete")),
            "{end}"
        );
    }
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_told() {
    let gateway = Gateway::start(&config(&mcp("", "one"), "")).await;
    let client = Modern {
        gateway: &gateway,
        key: None,
    };
    let mut events = client
        .listen(json!({"resourceSubscriptions": ["docs://page"]}))
        .await;
    gateway.reconfigure(&config(&mcp(B, "two"), "")).await;
    let updated = events.next().await.unwrap();
    assert_eq!(updated["method"], "notifications/resources/updated");
    assert_eq!(updated["params"]["uri"], "docs://page");
    gateway.stop();
    assert!(events.next().await.unwrap()["result"].is_object());
}

#[tokio::test]
async fn rights_that_change_are_a_change_and_a_key_that_goes_ends_what_it_listened_to() {
    let gateway = Gateway::start(&config(&mcp(B, "one"), &keys(""))).await;
    let alice = Modern {
        gateway: &gateway,
        key: Some(ALICE),
    };
    let mut events = alice.listen(json!({"promptsListChanged": true})).await;
    gateway
        .reconfigure(&config(&mcp(B, "one"), &keys(", prompts: [a]")))
        .await;
    assert_eq!(
        events.methods(1).await,
        ["notifications/prompts/list_changed"]
    );
    let other = keys("").replace(ALICE, "wp-somebody-0123456789");
    gateway.reconfigure(&config(&mcp(B, "one"), &other)).await;
    let end = events.next().await.unwrap();
    assert_eq!(
        end["error"]["message"], "The key is no longer valid",
        "{end}"
    );
}

#[tokio::test]
async fn a_session_hears_of_lists_and_of_resources_it_subscribed_to() {
    let gateway = Gateway::start(&config(&mcp("", "one"), "")).await;
    let session = Session::begin(&gateway, None).await;
    let mut events = session.events().await;
    for uri in ["docs://page", "docs://other"] {
        let answer = session
            .ask("resources/subscribe", json!({"uri": uri}))
            .await;
        assert_eq!(answer["result"], json!({}), "{answer}");
    }
    gateway.reconfigure(&config(&mcp(B, "two"), "")).await;
    let heard = [
        "notifications/prompts/list_changed",
        "notifications/resources/updated",
    ];
    assert_eq!(events.methods(2).await, heard);
    session
        .ask("resources/unsubscribe", json!({"uri": "docs://page"}))
        .await;
    gateway.reconfigure(&config(&mcp("", "six"), "")).await;
    gateway.reconfigure(&config(&mcp(B, "six"), "")).await;
    // The text changed again, and nobody is told of it.
    assert_eq!(
        events.methods(1).await,
        ["notifications/prompts/list_changed"]
    );
}

#[tokio::test]
async fn subscriptions_are_counted() {
    let limits = "listeners: { per_key: 2, all: 3, resources: 1 }\n";
    let gateway = Gateway::start(&config(&format!("{limits}{}", mcp("", "one")), &keys(""))).await;
    let [alice, bob] = [ALICE, BOB].map(|key| Modern {
        gateway: &gateway,
        key: Some(key),
    });
    let wanted = json!({"promptsListChanged": true, "resourceSubscriptions": ["docs://page", "docs://other"]});
    let _first = alice.listen(wanted.clone()).await;
    let second = alice.listen(wanted.clone()).await;
    let mut third = alice.listen(wanted.clone()).await;
    let refused = third.next().await.unwrap();
    assert_eq!(refused["error"]["code"], -32600, "{refused}");
    let _bobs = bob.listen(wanted.clone()).await;
    let mut too_many = bob.listen(wanted.clone()).await;
    assert!(too_many.next().await.unwrap()["error"].is_object());
    // One that leaves makes room, as soon as it is noticed.
    drop(second);
    let params = json!({"notifications": wanted});
    let answered = async || {
        let mut events = alice.listen(wanted.clone()).await;
        let next = events.next();
        tokio::time::timeout(std::time::Duration::from_millis(100), next)
            .await
            .is_ok()
    };
    let begun = tokio::time::Instant::now();
    while answered().await {
        assert!(
            begun.elapsed() < crate::support::gateway::PATIENCE,
            "no room for {params}"
        );
    }
}

#[tokio::test]
async fn what_is_followed_is_bounded_in_number_and_length() {
    let limits =
        "listeners: { resources: 300 }\ntemplates: { each: { uri: 'any://{id}', text: each } }\n";
    let gateway = Gateway::start(&config(&format!("{limits}{}", mcp("", "one")), "")).await;
    let session = Session::begin(&gateway, None).await;
    let long = format!("any://{}", "x".repeat(2048));
    let refused = session.ask("resources/subscribe", json!({"uri": long}));
    assert_eq!(refused.await["error"]["code"], -32602);
    for at in 0..256 {
        let uri = format!("any://{at}");
        let taken = session.ask("resources/subscribe", json!({"uri": uri}));
        assert!(taken.await["result"].is_object(), "{at}");
    }
    let refused = session.ask("resources/subscribe", json!({"uri": "any://one-more"}));
    assert_eq!(refused.await["error"]["code"], -32602);
    // A subscription of the other revision leaves it out, and says so.
    let client = Modern {
        gateway: &gateway,
        key: None,
    };
    let filter = json!({"resourceSubscriptions": [long, "docs://page"]});
    let mut events = client.request("subscriptions/listen", json!({"notifications": filter}));
    events = events.timeout(crate::support::gateway::PATIENCE);
    let mut response = events.send().await.unwrap();
    let mut text = String::new();
    while !text.contains("acknowledged") {
        let chunk = response.chunk().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(
        text.contains("docs://page") && !text.contains("xxxx"),
        "{text}"
    );
}
