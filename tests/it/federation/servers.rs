//! Replicas, lists, and a fleet whose servers come and go.

use std::{sync::atomic::Ordering, time::Duration};

use serde_json::json;
use waypost::federation::{By, Failed};

use super::{
    Ask, Caller, empty,
    fake::{Era, Fake},
    fleet, later, specs, until,
};

#[tokio::test]
async fn the_least_busy_replica_is_asked_and_another_when_one_goes_away() {
    let first = Fake::start(Era::New).await;
    let second = Fake::start(Era::Old).await;
    let (_fleet, server) = fleet(&format!("urls: ['{}', '{}']", first.url, second.url));
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    until("both are there", || {
        let standing = server.standing();
        standing.replicas.iter().all(|it| it.state == "ready")
    })
    .await;
    let (slow, other) = tokio::join!(
        async {
            let answer = ask.text("slow", json!({})).await;
            answer.unwrap()
        },
        async {
            until("one is busy", || {
                !first.calls().is_empty() || !second.calls().is_empty()
            })
            .await;
            let (busy, free) = match first.calls().is_empty() {
                true => (&second, &first),
                false => (&first, &second),
            };
            for _ in 0..5 {
                ask.text("who", json!({})).await.unwrap();
            }
            assert_eq!((busy.calls().len(), free.calls().len()), (1, 5));
            busy.book.let_go.notify_one();
        }
    );
    assert_eq!((slow.as_str(), other), ("at last", ()));
    // A call whose connection breaks goes to the other one if it may be repeated, and any other call goes there then.
    drop(first);
    let again = Ask {
        repeatable: true,
        ..Ask::new(&server, &caller)
    };
    for ask in [&again, &again, &ask, &ask] {
        ask.text("who", json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_told_at_once_and_found_again() {
    let fake = Fake::start(Era::Old).await;
    let address = fake.url["http://".len()..]
        .trim_end_matches("/mcp")
        .to_owned();
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    ask.text("who", json!({})).await.unwrap();
    let offered = server.offered();
    drop(fake);
    until("it is away", || {
        server.standing().replicas[0].state == "failing" || {
            // Nobody notices before somebody asks.
            futures_util::FutureExt::now_or_never(ask.text("who", json!({})))
                .is_some_and(|it| it.is_err())
        }
    })
    .await;
    let away = ask.text("who", json!({})).await.unwrap_err();
    assert!(matches!(away, Failed::Away { .. }), "{away:?}");
    assert_eq!(
        server.offered(),
        offered,
        "what it offered is still offered"
    );
    let _again = Fake::at(&address, Era::New).await;
    until("it is back", || {
        server.standing().replicas[0].state == "ready"
    })
    .await;
    ask.text("who", json!({})).await.unwrap();
    let replica = server.standing().replicas.remove(0);
    assert_eq!(
        replica.revision.as_deref(),
        Some("2026-07-28"),
        "it learned meanwhile"
    );
    assert_eq!(replica.reconnects, 1);
}

#[tokio::test]
async fn sessions_that_end_after_they_were_of_use_are_renewed_however_many_they_are() {
    let fake = Fake::start(Era::Old).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    // More than are borne of connections that are worth nothing: none of these calls may be told to come back later.
    for sessions in 1..=8 {
        ask.text("who", json!({})).await.unwrap();
        later(Duration::from_millis(5)).await;
        ask.text("who", json!({})).await.unwrap();
        assert_eq!(fake.count("initialize"), sessions);
        assert_eq!(server.standing().replicas[0].reason, None);
        fake.forget();
    }
}

#[tokio::test]
async fn lists_are_read_again_when_told_so_and_told_of_when_they_differ() {
    let fake = Fake::start(Era::Old).await;
    let (fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let approved = |count: usize| {
        let (name, pins) = (&server.spec().name, fleet.pins());
        let waiting = pins.held(name).into_iter();
        let digests: Vec<String> = waiting.map(|held| held.digest).collect();
        // What was listed in between is approved the next time.
        let _ = pins.approve_all(name, &digests, By::Admin);
        fleet.recheck(name);
        server.offered().prompts.len() == count
    };
    let mut changes = fleet.changes();
    until("the prompt is there", || approved(1)).await;
    changes.mark_unchanged();
    fake.book.prompts.lock().unwrap().push("bye".to_owned());
    until("the stream is open", || {
        for _ in 0..50 {
            fake.say("notifications/prompts/list_changed");
        }
        approved(2)
    })
    .await;
    assert!(changes.has_changed().unwrap());
    let read = fake.count("prompts/list");
    assert!(read < 10, "told hundreds of times, read {read} times");
}

#[tokio::test]
async fn an_endless_list_is_no_list_and_breaks_nothing() {
    let fake = Fake::start(Era::New).await;
    fake.book.endless.store(true, Ordering::SeqCst);
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller::default();
    Ask::new(&server, &caller)
        .text("who", json!({}))
        .await
        .unwrap();
    assert!(server.offered().prompts.is_empty());
    assert_eq!(fake.count("prompts/list"), 100);
}

#[tokio::test]
async fn one_server_that_is_away_or_goes_leaves_the_others_alone() {
    let (first, second) = (Fake::start(Era::New).await, Fake::start(Era::Old).await);
    let fleet = empty();
    let entry = |name: &str, url: &str| format!("  {name}: {{ kind: mcp, url: '{url}' }}\n");
    let all = [
        entry("a", &first.url),
        entry("b", &second.url),
        entry("gone", "http://127.0.0.1:9/mcp"),
    ];
    fleet.settle(specs(&all.concat()).unwrap());
    let (a, b) = (fleet.server("a").unwrap(), fleet.server("b").unwrap());
    let caller = Caller::default();
    for server in [&a, &b] {
        Ask::new(server, &caller)
            .text("who", json!({}))
            .await
            .unwrap();
    }
    // The same again: what is the same keeps its connection.
    fleet.settle(specs(&all.concat()).unwrap());
    Ask::new(&fleet.server("b").unwrap(), &caller)
        .text("who", json!({}))
        .await
        .unwrap();
    assert_eq!(second.count("initialize"), 1);
    // A call that runs is not cut off by a reload that takes its server away.
    let call = tokio::spawn(async move {
        let caller = Caller::default();
        Ask::new(&b, &caller).text("slow", json!({})).await
    });
    until("it runs", || {
        second.calls().iter().any(|got| got.tool == "slow")
    })
    .await;
    fleet.settle(specs(&all[0]).unwrap());
    assert_eq!(fleet.servers().len(), 1);
    second.book.let_go.notify_one();
    assert_eq!(call.await.unwrap().unwrap(), "at last");
}
