//! What a running call says: progress at a pace, log messages to those that want them, nothing after the end.

use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::speaker::{ALICE, Legacy, Modern, Reply, gateway};

const COUNT: &str = "count: { kind: fixture, does: count, description: Counts., input_schema: { properties: { n: {}, ms: {} } } }";
const LOG: &str = "log: { kind: fixture, does: log, description: Logs. }";

fn progress(notes: &[Value]) -> Vec<f64> {
    let told = notes
        .iter()
        .filter(|note| note["method"] == "notifications/progress");
    told.map(|note| note["params"]["progress"].as_f64().unwrap())
        .collect()
}

fn logged(reply: &Reply) -> usize {
    let messages = reply.notes.iter();
    messages
        .filter(|note| note["method"] == "notifications/message")
        .count()
}

#[tokio::test]
async fn a_flood_of_progress_comes_at_a_pace_grows_and_ends_with_the_last() {
    let gateway = gateway("", &[COUNT]).await;
    let mut client = Modern::new(&gateway, ALICE);
    client.meta = json!({"progressToken": "t"});
    let begun = Instant::now();
    let reply = client.call("count", json!({"n": 400, "ms": 1})).await;
    let took = begun.elapsed();
    assert_eq!(reply.text(), "counted 400 for alice");
    let told = progress(&reply.notes);
    assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "{told:?}");
    assert_eq!(told.last(), Some(&400.0));
    // Fifty a second, a burst of ten, and the last.
    let most = took.as_millis() / 20 + 10 + 1;
    assert!(told.len() as u128 <= most, "{} in {took:?}", told.len());
    assert!(took < Duration::from_secs(15), "the tool was held back");
}

#[tokio::test]
async fn a_few_steps_are_all_told() {
    let gateway = gateway("", &[COUNT]).await;
    let mut client = Modern::new(&gateway, ALICE);
    client.meta = json!({"progressToken": 7});
    let reply = client.call("count", json!({"n": 3, "ms": 0})).await;
    assert_eq!(progress(&reply.notes), [1.0, 2.0, 3.0]);
    assert!(
        reply
            .notes
            .iter()
            .all(|note| note["params"]["progressToken"] == 7)
    );
}

#[tokio::test]
async fn who_gives_no_token_hears_of_no_progress() {
    let gateway = gateway("", &[COUNT]).await;
    let reply = Modern::new(&gateway, ALICE)
        .call("count", json!({"n": 3, "ms": 0}))
        .await;
    assert!(reply.notes.is_empty(), "{reply:?}");
}

#[tokio::test]
async fn a_request_hears_of_the_level_it_names_or_of_nothing() {
    let gateway = gateway("", &[LOG]).await;
    let mut client = Modern::new(&gateway, ALICE);
    assert_eq!(logged(&client.call("log", json!({})).await), 0);
    for (level, count) in [("debug", 3), ("info", 3), ("notice", 0), ("emergency", 0)] {
        client.meta = json!({"io.modelcontextprotocol/logLevel": level});
        assert_eq!(
            logged(&client.call("log", json!({})).await),
            count,
            "{level}"
        );
    }
}

#[tokio::test]
async fn a_session_hears_of_the_level_it_sets() {
    let change = "change: { kind: fixture, does: change_tools, description: Changes. }";
    let gateway = gateway("", &[LOG, change]).await;
    let client = Legacy::open(&gateway, json!({})).await;
    let mut said = client.listen().await;
    let call = |name: &str| client.ask("tools/call", json!({"name": name, "arguments": {}}));
    call("log").await.result();
    for _ in 0..3 {
        let message = said.next().await.unwrap();
        assert_eq!(message["method"], "notifications/message");
    }
    let set = client.ask("logging/setLevel", json!({"level": "error"}));
    assert_eq!(set.await.result(), &json!({}));
    call("log").await.result();
    call("change").await.result();
    let next = said.next().await.unwrap();
    assert_eq!(next["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn a_call_that_was_called_off_says_nothing_more() {
    let gateway = gateway("", &[COUNT]).await;
    let client = Legacy::open(&gateway, json!({})).await;
    let params = json!({
        "id": 77, "name": "count", "arguments": {"n": 10_000, "ms": 10}, "_meta": {"progressToken": "t"},
    });
    let mut stream = client.send("tools/call", params).await;
    stream.next().await.unwrap();
    let off = json!({"method": "notifications/cancelled", "params": {"requestId": 77}});
    client.tell(off).await;
    // What was on its way comes still; then it is silent while another call runs to its end, and counts further.
    let again = json!({"id": 78, "name": "count", "arguments": {"n": 3, "ms": 20}});
    assert_eq!(
        client.ask("tools/call", again.clone()).await.text(),
        "counted 3 for alice"
    );
    while let Some(Some(late)) = stream.next().now_or_never() {
        assert_eq!(late["method"], "notifications/progress", "{late}");
    }
    client.ask("tools/call", again).await;
    let silent = stream.next().now_or_never();
    assert!(silent.flatten().is_none(), "it went on");
}
