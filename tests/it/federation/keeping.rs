//! What is done for a server all the while: its lists read, changes heard of, its place in the fleet and the metrics.

use std::sync::atomic::Ordering;

use serde_json::json;
use waypost::{
    federation::{By, Failed, Fleet, Pins},
    telemetry::Ledger,
};

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

/// Approves all that the server `s` lists, once it lists something.
async fn approve(fleet: &Fleet) {
    until("it is listed", || !fleet.pins().held("s").is_empty()).await;
    let held = fleet.pins().held("s").into_iter();
    let digests: Vec<String> = held.map(|held| held.digest).collect();
    let approved = fleet.pins().approve_all("s", &digests, By::Admin);
    approved.unwrap();
}

#[tokio::test]
async fn approvals_of_others_count_at_once_and_so_does_what_they_take_back() {
    let fake = Fake::start(Era::New).await;
    let entry = format!("  s: {{ kind: mcp, url: '{}' }}\n", fake.url);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pins.json");
    let [first, second] = [(), ()].map(|()| {
        let fleet = with_pins(Pins::open(Some(file.clone())), Ledger::start(None));
        fleet.settle(specs(&entry).unwrap());
        fleet
    });
    let offers = |fleet: &Fleet| !fleet.server("s").unwrap().offered().tools.is_empty();
    approve(&first).await;
    until("both offer it", || offers(&first) && offers(&second)).await;
    second.pins().revoke("s", &["echo".to_owned()]).unwrap();
    until("neither does", || !offers(&first) && !offers(&second)).await;
    // What cannot be read approves nothing.
    approve(&first).await;
    until("both offer it again", || offers(&first) && offers(&second)).await;
    std::fs::write(&file, "{").unwrap();
    until("neither does any more", || {
        !offers(&first) && !offers(&second)
    })
    .await;
}

#[tokio::test]
async fn what_was_approved_is_offered_while_its_server_is_not_there() {
    let fake = Fake::start(Era::New).await;
    let folder = tempfile::tempdir().unwrap();
    let pins = || Pins::open(Some(folder.path().join("pins.json")));
    let fleet = with_pins(pins(), Ledger::start(None));
    let entry = |more: &str| format!("  s: {{ kind: mcp, url: '{}' {more} }}\n", fake.url);
    let entries = [entry(""), entry(", headers: { x-a: env:TOKEN }")];
    let only = entry(", only: [other]");
    fleet.settle(specs(&entries[0]).unwrap());
    approve(&fleet).await;
    let offered = || fleet.server("s").unwrap().offered();
    until("it is offered", || !offered().tools.is_empty()).await;
    let before = offered();
    // Connected anew with another header, it never is not.
    fleet.settle(specs(&entries[1]).unwrap());
    assert_eq!(offered(), before);
    drop(fake);
    let fleet = with_pins(pins(), Ledger::start(None));
    fleet.settle(specs(&entries[0]).unwrap());
    let server = fleet.server("s").unwrap();
    assert_eq!(server.offered(), before);
    let caller = Caller::default();
    let away = Ask::new(&server, &caller).text("echo", json!({})).await;
    assert!(matches!(away, Err(Failed::Away { .. })), "{away:?}");
    // What is left out by the configuration is left out of this, too.
    fleet.settle(specs(&only).unwrap());
    assert!(fleet.server("s").unwrap().offered().tools.is_empty());
}

#[tokio::test]
async fn what_replicas_do_not_list_alike_is_held() {
    let (one, two) = (Fake::start(Era::New).await, Fake::start(Era::Old).await);
    for fake in [&one, &two] {
        fake.lists(&[("same", ""), ("echo", "Says it.")]);
    }
    let (fleet, server) = fleet(&format!("urls: ['{}', '{}']", one.url, two.url));
    let ready = || {
        server
            .standing()
            .replicas
            .iter()
            .all(|it| it.state == "ready")
    };
    until("both are there", ready).await;
    approve(&fleet).await;
    fleet.recheck("s");
    let tools = || server.offered().tools.len();
    assert_eq!(tools(), 2);
    two.lists(&[("same", ""), ("echo", "Says it to me.")]);
    until("the one that differs is held", || {
        two.say("notifications/tools/list_changed");
        tools() == 1
    })
    .await;
    assert_eq!(server.offered().tools[0].tool.name, "same");
    let held = fleet.pins().held("s");
    assert_eq!((held.len(), held[0].tool.as_str()), (1, "echo"));
    assert_eq!(held[0].change.label(), "unfit");
    two.lists(&[("same", ""), ("echo", "Says it.")]);
    until("they agree", || {
        two.say("notifications/tools/list_changed");
        tools() == 2
    })
    .await;
}

#[tokio::test]
async fn rules_for_what_a_server_does_not_list_are_told() {
    let fake = Fake::start(Era::New).await;
    let policy = "policy: { echo: { sends_out: true }, ehco: { sends_out: true } }";
    let (_fleet, server) = fleet(&format!("url: '{}', {policy}, only: [e*, f*]", fake.url));
    until("it is told", || {
        server.standing().unlisted == ["ehco", "f*"]
    })
    .await;
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
