//! Servers with sessions that know their users: each has its own, and nobody is served in another's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::http::StatusCode;
use futures_util::future::{BoxFuture, join_all};
use serde_json::json;
use waypost::{
    federation::{Failed, Fleet, OwnTokens, Server},
    secret::Secret,
};

use super::{
    Ask, Caller, empty,
    fake::{Era, Fake},
    specs, until,
};

/// The gateway's own token, which opens a session as anybody's does.
#[derive(Debug)]
struct Gateways;

impl OwnTokens for Gateways {
    fn token<'a>(&'a self, _server: &'a str) -> BoxFuture<'a, Result<Option<Secret>, String>> {
        Box::pin(std::future::ready(Ok(Some(Secret::new("gateway.0")))))
    }
}

/// A server that binds sessions to users, and the gateway in front of it.
struct Scene {
    fake: Fake,
    fleet: Fleet,
    server: Arc<Server>,
}

impl Scene {
    async fn new(more: &str) -> Self {
        let fake = Fake::start(Era::Old).await;
        fake.book.binds.store(true, Ordering::SeqCst);
        let fleet = empty().with_tokens(Arc::new(Gateways));
        let entry = format!("  s: {{ kind: mcp, url: '{}'{more} }}\n", fake.url);
        fleet.settle(specs(&entry).unwrap());
        let server = fleet.server("s").unwrap();
        Self {
            fake,
            fleet,
            server,
        }
    }

    fn ask<'a>(&'a self, caller: &'a Caller, token: &'a str) -> Ask<'a> {
        Ask {
            token: Some(token),
            ..Ask::new(&self.server, caller)
        }
    }

    /// Asks with this token who asks.
    async fn who(&self, token: &str) -> Result<String, Failed> {
        let caller = Caller::default();
        self.ask(&caller, token).text("who", json!({})).await
    }

    /// How many sessions this user opened.
    fn opened(&self, user: &str) -> usize {
        let opened = self.fake.who_sent("initialize");
        let of = |token: &&String| token.split('.').next() == Some(user);
        opened.iter().filter(of).count()
    }

    /// That each session saw one user's tokens.
    fn assert_each_its_own(&self) {
        let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for got in self.fake.book.got.lock().unwrap().iter() {
            let Some(session) = got.headers.get("mcp-session-id") else {
                continue;
            };
            let user = got.token().split('.').next().unwrap().to_owned();
            let session = session.to_str().unwrap().to_owned();
            users.entry(session).or_default().insert(user);
        }
        assert!(users.values().all(|users| users.len() == 1), "{users:?}");
    }
}

#[tokio::test]
async fn each_user_is_served_in_a_session_of_its_own() {
    let scene = Scene::new("").await;
    let tokens = ["alice.1", "bob.1"].repeat(10);
    let answers = join_all(tokens.iter().map(|token| scene.who(token))).await;
    for (token, answer) in tokens.iter().zip(answers) {
        assert_eq!(answer.unwrap(), format!("Bearer {token}"));
    }
    for user in ["gateway", "alice", "bob"] {
        assert_eq!(scene.opened(user), 1, "{user}");
    }
    until("the streams of all three are open", || {
        scene.fake.count("GET") == 3
    })
    .await;
    scene.assert_each_its_own();
    let lists = scene.fake.who_sent("tools/list");
    assert!(lists.iter().all(|token| token == "gateway.0"), "{lists:?}");
    assert_eq!(scene.server.standing().replicas[0].sessions, 2);
}

#[tokio::test]
async fn what_a_user_answers_goes_with_its_token() {
    let scene = Scene::new("").await;
    let (alice, bob) = (Caller::default(), Caller::default());
    let (of_alice, of_bob) = (scene.ask(&alice, "alice.1"), scene.ask(&bob, "bob.1"));
    let (of_alice, of_bob) = tokio::join!(
        of_alice.text("ask", json!({})),
        of_bob.text("ask", json!({})),
    );
    assert!(of_alice.unwrap().contains("Ada") && of_bob.unwrap().contains("Ada"));
    let answered: BTreeSet<String> = scene.fake.who_sent("answer").into_iter().collect();
    assert_eq!(answered, ["alice.1", "bob.1"].map(str::to_owned).into());
    scene.assert_each_its_own();
}

#[tokio::test]
async fn what_a_user_calls_off_is_called_off_with_its_token() {
    let scene = Scene::new("").await;
    let alice = Caller::default();
    let ask = scene.ask(&alice, "alice.1");
    tokio::select! {
        answer = ask.text("hang", json!({})) => panic!("{answer:?}"),
        () = until("it hangs", || !alice.told().is_empty()) => {}
    }
    until("it is told", || {
        scene.fake.book.cancelled.load(Ordering::SeqCst) == 1
    })
    .await;
    let told = scene.fake.who_sent("notifications/cancelled");
    assert_eq!(told, ["alice.1"]);
}

#[tokio::test]
async fn a_session_goes_on_with_the_newest_token_and_is_closed_with_it() {
    let scene = Scene::new("").await;
    scene.who("alice.1").await.unwrap();
    let alice = Caller::default();
    let answer = scene.ask(&alice, "alice.2").text("ask", json!({})).await;
    assert!(answer.unwrap().contains("Ada"));
    assert_eq!(scene.opened("alice"), 1);
    assert_eq!(scene.fake.who_sent("answer"), ["alice.2"]);
    let Scene {
        fake,
        fleet,
        server,
    } = scene;
    fleet.settle(Vec::new());
    drop(server);
    until("both sessions are closed", || fake.count("DELETE") == 2).await;
    let closed: BTreeSet<String> = fake.who_sent("DELETE").into_iter().collect();
    assert_eq!(closed, ["alice.2", "gateway.0"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_session_that_is_over_is_renewed_and_no_other_is_touched() {
    // A second failure would open the circuit.
    let breaker = r#", "breaker": { "consecutive": 2, "min_calls": 1000, "open_for": "1h", "open_max": "1h" }"#;
    let scene = Scene::new(breaker).await;
    scene.who("alice.1").await.unwrap();
    let bob = Caller::default();
    let slow = scene.ask(&bob, "bob.1");
    let others = async {
        until("bob's call runs", || {
            scene.fake.calls().iter().any(|got| got.tool == "slow")
        })
        .await;
        for _ in 0..5 {
            scene.fake.forget_of("alice");
            // None of these may be repeated: a session that is none has executed nothing.
            scene.who("alice.1").await.unwrap();
        }
        scene.fake.book.let_go.notify_one();
    };
    let (slow, ()) = tokio::join!(slow.text("slow", json!({})), others);
    assert_eq!(slow.unwrap(), "at last");
    assert_eq!(scene.opened("alice"), 6);
    // A server that was started anew has forgotten many at once, and is well.
    let many = ["carol.1", "dave.1", "erin.1", "frank.1"];
    for opened in [1, 2] {
        let answers = join_all(many.map(|token| scene.who(token))).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        for token in many {
            let user = &token[..token.len() - 2];
            assert_eq!(scene.opened(user), opened);
            scene.fake.forget_of(user);
        }
    }
    assert_eq!((scene.opened("bob"), scene.opened("gateway")), (1, 1));
}

#[tokio::test]
async fn who_is_refused_costs_nobody_else_anything() {
    let breaker = r#", "breaker": { "consecutive": 2, "min_calls": 1000, "open_for": "1h", "open_max": "1h" }"#;
    let scene = Scene::new(breaker).await;
    scene.who("mallory.1").await.unwrap();
    for status in [401, 403, 404, 500] {
        let status = StatusCode::from_u16(status).unwrap();
        scene.fake.refuse(&["mallory", "trudy"], status);
        scene.fake.forget_of("mallory");
        for _ in 0..3 {
            // Who has no session yet, and who had one.
            for token in ["trudy.1", "mallory.1"] {
                let failed = scene.who(token).await.unwrap_err();
                let is_told = match status.as_u16() {
                    401 => matches!(failed, Failed::Unauthorized { .. }),
                    403 => matches!(failed, Failed::Forbidden { .. }),
                    _ => matches!(failed, Failed::Unfit { .. }),
                };
                assert!(is_told, "{status}: {failed:?}");
            }
            scene.who("alice.1").await.unwrap();
        }
    }
    assert_eq!((scene.opened("alice"), scene.opened("gateway")), (1, 1));
}

#[tokio::test]
async fn there_are_so_many_sessions_and_none_ends_that_is_in_use() {
    let scene = Scene::new(", max_sessions: 1").await;
    scene.who("alice.1").await.unwrap();
    scene.who("bob.1").await.unwrap();
    until("alice's is closed", || {
        scene.fake.who_sent("DELETE") == ["alice.1"]
    })
    .await;
    let bob = Caller::default();
    let slow = scene.ask(&bob, "bob.1");
    let waiting = async {
        until("bob's call runs", || {
            scene.fake.calls().iter().any(|got| got.tool == "slow")
        })
        .await;
        let alice = Caller::default();
        let hasty = Ask {
            within: Duration::from_millis(100),
            ..scene.ask(&alice, "alice.1")
        };
        let full = hasty.text("who", json!({})).await;
        assert!(matches!(full, Err(Failed::Limited { .. })), "{full:?}");
        assert_eq!(alice.notes.upstreams(None), [], "nothing was sent");
        tokio::join!(scene.who("alice.1"), async {
            scene.fake.book.let_go.notify_one();
        })
    };
    let (slow, (answer, ())) = tokio::join!(slow.text("slow", json!({})), waiting);
    assert_eq!(slow.unwrap(), "at last");
    assert_eq!(answer.unwrap(), "Bearer alice.1");
    assert_eq!(scene.server.standing().replicas[0].sessions, 1);
}

#[tokio::test]
async fn who_leaves_while_a_session_is_opened_leaves_it_to_the_next() {
    let scene = Scene::new("").await;
    *scene.fake.book.slow_to_open.lock().unwrap() = Some("alice".to_owned());
    tokio::select! {
        answer = scene.who("alice.1") => panic!("{answer:?}"),
        () = until("it is about to be opened", || scene.opened("alice") == 1) => {}
    }
    scene.fake.book.let_go.notify_one();
    scene.who("alice.1").await.unwrap();
    assert_eq!(scene.opened("alice"), 1, "what was begun serves the next");
}

#[tokio::test]
async fn a_server_without_sessions_has_one_connection_and_a_token_for_each_request() {
    let fake = Fake::start(Era::New).await;
    let fleet = empty().with_tokens(Arc::new(Gateways));
    fleet.settle(specs(&format!("  s: {{ kind: mcp, url: '{}' }}\n", fake.url)).unwrap());
    let server = fleet.server("s").unwrap();
    let caller = Caller::default();
    for token in ["alice.1", "bob.1"] {
        let ask = Ask {
            token: Some(token),
            ..Ask::new(&server, &caller)
        };
        let who = ask.text("who", json!({})).await;
        assert_eq!(who.unwrap(), format!("Bearer {token}"));
        // It would be taken up with a token of somebody else.
        let cut = ask.text("cut", json!({})).await.unwrap_err();
        assert!(matches!(cut, Failed::Broken { .. }), "{cut:?}");
    }
    assert_eq!(server.standing().replicas[0].sessions, 0);
    assert_eq!((fake.count("server/discover"), fake.count("GET")), (1, 0));
}
