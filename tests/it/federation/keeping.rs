//! What is done for a server all the while: its lists read, changes heard of, its place in the fleet and the metrics.

use std::sync::atomic::Ordering;

use serde_json::json;
use waypost::{federation::Pins, telemetry::Ledger};

use super::{
    Ask, Caller, empty,
    fake::{Era, Fake},
    fleet, specs, specs_with, until, with_pins,
};

#[tokio::test]
async fn lists_that_could_not_be_read_are_read_again_soon() {
    let fake = Fake::start(Era::New).await;
    fake.book.unlistable.store(2, Ordering::SeqCst);
    let (fleet, server) = fleet(&format!("url: '{}'", fake.url));
    until("it is listed", || {
        !fleet.pins().held(&server.spec().name).is_empty()
    })
    .await;
    assert_eq!(fake.book.unlistable.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_subscription_that_ended_is_made_anew() {
    let fake = Fake::start(Era::New).await;
    let (fleet, server) = fleet(&format!("url: '{}', approve: first_use", fake.url));
    let listens = |count| fake.count("subscriptions/listen") >= count && fake.is_heard();
    until("it is subscribed to", || listens(1)).await;
    fake.hang_up();
    until("it is subscribed to again", || listens(2)).await;
    let waits = || fleet.pins().held(&server.spec().name).len();
    assert_eq!(waits(), 0);
    fake.book.prompts.lock().unwrap().push("new".to_owned());
    fake.say("notifications/prompts/list_changed");
    until("the new prompt waits", || waits() == 1).await;
}

#[tokio::test]
async fn a_secret_that_was_rotated_is_used_after_a_reload() {
    let fake = Fake::start(Era::Old).await;
    let settings = "headers: { authorization: Bearer env:TOKEN }";
    let entry = format!("  s: {{ kind: mcp, url: '{}', {settings} }}\n", fake.url);
    let fleet = empty();
    for token in ["the-first", "the-first", "the-second"] {
        fleet.settle(specs_with(&entry, token).unwrap());
        let server = fleet.server("s").unwrap();
        let caller = Caller::default();
        let ask = Ask::new(&server, &caller);
        ask.text("who", json!({})).await.unwrap();
        let came = fake.calls().pop().unwrap();
        assert_eq!(came.headers["authorization"], format!("Bearer {token}"));
    }
    assert_eq!(fake.count("initialize"), 2, "what is the same was kept");
}

#[tokio::test]
async fn approvals_that_came_with_a_new_file_count_after_a_reload() {
    let fake = Fake::start(Era::New).await;
    let entry = format!("  s: {{ kind: mcp, url: '{}' }}\n", fake.url);
    let folder = tempfile::tempdir().unwrap();
    let [here, elsewhere] = ["here", "elsewhere"].map(|name| folder.path().join(name));
    // Approved elsewhere, and brought here as one more file of a checkout.
    let first = with_pins(Pins::open(Some(elsewhere.clone())), Ledger::start(None));
    first.settle(specs(&entry).unwrap());
    until("it is listed there", || !first.pins().held("s").is_empty()).await;
    let held = first.pins().held("s").into_iter();
    let digests: Vec<String> = held.map(|held| held.digest).collect();
    first
        .pins()
        .approve_all("s", &digests, waypost::federation::By::Admin)
        .unwrap();
    let fleet = with_pins(Pins::open(Some(here.clone())), Ledger::start(None));
    fleet.settle(specs(&entry).unwrap());
    until("it is listed here", || !fleet.pins().held("s").is_empty()).await;
    let server = fleet.server("s").unwrap();
    assert!(server.offered().tools.is_empty());
    std::fs::copy(elsewhere, here).unwrap();
    fleet.settle(specs(&entry).unwrap());
    until("it is offered", || !server.offered().tools.is_empty()).await;
    assert!(std::sync::Arc::ptr_eq(&server, &fleet.server("s").unwrap()));
}

#[tokio::test]
async fn what_a_server_listed_and_where_its_replicas_are_is_forgotten_with_it() {
    let fake = Fake::start(Era::Old).await;
    let ledger = Ledger::start(None);
    let fleet = with_pins(Pins::open(None), ledger.clone());
    let entry = format!("  s: {{ kind: mcp, url: '{}' }}\n", fake.url);
    fleet.settle(specs(&entry).unwrap());
    until("it is listed", || !fleet.pins().held("s").is_empty()).await;
    let shown = || {
        fleet.gauges();
        let text = ledger.metrics().render();
        let lines = text
            .lines()
            .filter(|line| line.contains("waypost_upstream_mcp_connections{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let ready = "waypost_upstream_mcp_connections{server=\"s\",state=\"ready\"} 1";
    until("it is shown", || shown().iter().any(|line| line == ready)).await;
    // One that is held on to, as a call that runs does, puts nothing back.
    let old = fleet.server("s").unwrap();
    fleet.settle(Vec::new());
    fake.book.prompts.lock().unwrap().push("bye".to_owned());
    let read = fake.count("prompts/list");
    until("its lists are read", || {
        fake.say("notifications/prompts/list_changed");
        fake.count("prompts/list") > read + 1
    })
    .await;
    assert!(shown().is_empty(), "{:?}", shown());
    assert!(fleet.pins().held("s").is_empty());
    drop(old);
}
