//! Servers that speak Streamable HTTP, of both revisions.

use std::{sync::atomic::Ordering, time::Duration};

use rmcp::model::{CallToolResponse, LoggingLevel};
use serde_json::json;
use waypost::federation::Failed;

use super::{
    Ask, Caller,
    fake::{Era, Fake},
    fleet, until,
};

#[tokio::test]
async fn the_newest_common_revision_is_found_by_itself() {
    for (era, revision) in [
        (Era::Old, "2025-11-25"),
        (Era::New, "2026-07-28"),
        (Era::Both, "2026-07-28"),
    ] {
        let fake = Fake::start(era).await;
        let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
        let caller = Caller::default();
        let text = Ask::new(&server, &caller).text("steps", json!({})).await;
        assert_eq!(text.unwrap(), "done");
        let standing = server.standing();
        let replica = &standing.replicas[0];
        assert_eq!(replica.revision.as_deref(), Some(revision));
        assert_eq!(replica.calls_itself.as_deref(), Some("fake 1"));
        assert_eq!(replica.state, "ready");
        let told = caller.told();
        let progress: Vec<&String> = told.iter().filter(|it| it.ends_with("step")).collect();
        assert_eq!(
            progress,
            ["1 step", "2 step", "3 step"],
            "in order, and all of it"
        );
        let logs: Vec<&String> = told.iter().filter(|it| it.starts_with("info")).collect();
        assert_eq!(logs, ["info 1", "info 2", "info 3"]);
    }
}

#[tokio::test]
async fn a_revision_that_is_asked_for_is_spoken_or_none() {
    let both = Fake::start(Era::Both).await;
    let (_fleet, server) = fleet(&format!("url: '{}', revision: '2025-11-25'", both.url));
    let caller = Caller::default();
    Ask::new(&server, &caller)
        .text("who", json!({}))
        .await
        .unwrap();
    assert_eq!(both.count("server/discover"), 0);

    let old = Fake::start(Era::Old).await;
    let (_fleet, server) = fleet(&format!("url: '{}', revision: '2026-07-28'", old.url));
    until("it is told that it cannot be", || {
        server.standing().replicas[0].state == "failing"
    })
    .await;
    assert_eq!(old.count("initialize"), 0);
    let failed = Ask::new(&server, &caller).text("who", json!({})).await;
    assert!(
        matches!(
            failed,
            Err(Failed::Away {
                retry_after: Some(_),
                ..
            })
        ),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_session_that_is_over_is_renewed_unseen() {
    let fake = Fake::start(Era::Old).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    for _ in 0..3 {
        // None of these may be repeated: a session that is none has executed nothing.
        ask.text("who", json!({})).await.unwrap();
        fake.forget();
    }
    assert_eq!(fake.count("initialize"), 3);
    assert_eq!(fake.calls().len(), 3, "each was executed once");
}

#[tokio::test]
async fn each_request_carries_its_own_token_and_nothing_of_others() {
    for era in [Era::Old, Era::New] {
        let fake = Fake::start(era).await;
        let headers = "headers: { authorization: 'Bearer env:TOKEN', x-tenant: blue }";
        let (_fleet, server) = fleet(&format!("url: '{}', {headers}", fake.url));
        let caller = Caller::default();
        let tokens: Vec<String> = (0..20).map(|at| format!("token-of-{at}")).collect();
        let calls = tokens.iter().map(|token| {
            let ask = Ask {
                token: Some(token),
                ..Ask::new(&server, &caller)
            };
            async move { ask.text("who", json!({})).await.unwrap() }
        });
        let seen = futures_util::future::join_all(calls).await;
        for (token, seen) in tokens.iter().zip(seen) {
            assert_eq!(seen, format!("Bearer {token}"));
        }
        let own = Ask::new(&server, &caller).text("who", json!({})).await;
        assert_eq!(own.unwrap(), "Bearer token-of-the-configuration");
        let calls = fake.calls();
        assert!(calls.iter().all(|got| got.headers["x-tenant"] == "blue"));
        let both = calls
            .iter()
            .any(|got| got.headers.get_all("authorization").iter().count() > 1);
        assert!(!both, "one request, one token");
    }
}

#[tokio::test]
async fn who_hangs_costs_only_its_own_callers_and_is_told_to_stop() {
    for era in [Era::Old, Era::New] {
        let fake = Fake::start(era).await;
        let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
        let caller = Caller::default();
        let hanging = Ask {
            within: Duration::from_millis(500),
            ..Ask::new(&server, &caller)
        };
        let asking = Ask::new(&server, &caller);
        let others = async {
            for _ in 0..20 {
                asking.text("who", json!({})).await.unwrap();
            }
        };
        let (late, ()) = tokio::join!(hanging.text("hang", json!({})), others);
        assert!(matches!(late, Err(Failed::Late { .. })), "{late:?}");
        match era {
            // A stream that closes is a call that is called off.
            Era::New => {
                until("the stream is closed", || {
                    fake.book.dropped.load(Ordering::SeqCst) == 1
                })
                .await;
            }
            _ => {
                until("it is told", || {
                    fake.book.cancelled.load(Ordering::SeqCst) == 1
                })
                .await;
            }
        }
    }
}

#[tokio::test]
async fn a_call_whose_caller_leaves_is_called_off() {
    let fake = Fake::start(Era::New).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    tokio::select! {
        answer = ask.text("hang", json!({})) => panic!("{answer:?}"),
        () = until("it hangs", || !caller.told().is_empty()) => {}
    }
    until("the stream is closed", || {
        fake.book.dropped.load(Ordering::SeqCst) == 1
    })
    .await;
}

#[tokio::test]
async fn questions_reach_the_caller_whose_call_they_are_in() {
    let fake = Fake::start(Era::Old).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let (asked, other) = (Caller::default(), Caller::default());
    let slow = Ask::new(&server, &other);
    let asking = async {
        until("the other one runs", || {
            fake.calls().iter().any(|got| got.tool == "slow")
        })
        .await;
        let answer = Ask::new(&server, &asked).text("ask", json!({})).await;
        fake.book.let_go.notify_one();
        answer.unwrap()
    };
    let (slow, answer) = tokio::join!(slow.text("slow", json!({})), asking);
    assert_eq!(slow.unwrap(), "at last");
    assert!(answer.contains("Ada"), "{answer}");
    assert_eq!(asked.told(), ["elicitation/create"]);
    assert!(other.told().is_empty(), "two calls, and each its own");
}

#[tokio::test]
async fn what_a_server_needs_first_is_given_back_as_it_is() {
    let fake = Fake::start(Era::New).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller::default();
    let answer = Ask::new(&server, &caller).call("input", json!({})).await;
    let CallToolResponse::InputRequired(wanted) = answer.unwrap() else {
        panic!("it asks first");
    };
    assert_eq!(wanted.request_state.as_deref(), Some("kept"));
}

#[tokio::test]
async fn a_flood_is_borne_and_a_giant_is_refused() {
    for era in [Era::Old, Era::New] {
        let fake = Fake::start(era).await;
        let (_fleet, server) = fleet(&format!("url: '{}', max_message: 65536", fake.url));
        let caller = Caller::default();
        let ask = Ask::new(&server, &caller);
        assert_eq!(ask.text("flood", json!({})).await.unwrap(), "done");
        assert!(caller.told().len() < 20_000, "most of it is left out");
        for giant in ["giant", "giant_event"] {
            let failed = ask.text(giant, json!({})).await;
            let why = failed.unwrap_err();
            assert!(matches!(why, Failed::TooLarge { .. }), "{why:?}");
            assert!(why.to_string().contains("65536 bytes"), "{why}");
        }
        assert!(ask.text("who", json!({})).await.is_ok());
    }
}

#[tokio::test]
async fn what_a_server_answers_instead_is_told_for_what_it_is() {
    let fake = Fake::start(Era::New).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller::default();
    let ask = Ask {
        repeatable: true,
        ..Ask::new(&server, &caller)
    };
    let server_name = || "s".to_owned();
    let unauthorized = ask.text("sign_in", json!({})).await.unwrap_err();
    let challenge = Some("Bearer scope=\"read\"".to_owned());
    assert_eq!(
        unauthorized,
        Failed::Unauthorized {
            server: server_name(),
            challenge
        }
    );
    let busy = ask.text("busy", json!({})).await.unwrap_err();
    let retry_after = Some(Duration::from_secs(7));
    assert_eq!(
        busy,
        Failed::Away {
            server: server_name(),
            retry_after
        }
    );
    let unknown = ask.text("nothing", json!({})).await.unwrap_err();
    let message = "Unknown tool: nothing".to_owned();
    assert_eq!(
        unknown,
        Failed::Error {
            code: -32602,
            message,
            data: None,
        }
    );
}

#[tokio::test]
async fn what_one_caller_has_too_much_of_is_not_held_against_the_server() {
    let fake = Fake::start(Era::New).await;
    let breaker =
        r#""breaker": { "consecutive": 2, "min_calls": 1000, "open_for": "1h", "open_max": "1h" }"#;
    let entry = format!("url: '{}', max_message: 65536, {breaker}", fake.url);
    let (_fleet, server) = fleet(&entry);
    let caller = Caller::default();
    let ask = Ask::new(&server, &caller);
    for _ in 0..3 {
        let limited = ask.text("limited", json!({})).await.unwrap_err();
        assert!(matches!(limited, Failed::Limited { .. }), "{limited:?}");
        let giant = ask.text("giant", json!({})).await.unwrap_err();
        assert!(matches!(giant, Failed::TooLarge { .. }), "{giant:?}");
        assert!(ask.text("who", json!({})).await.is_ok());
    }
    // A server that has no time for anybody is another matter.
    for _ in 0..2 {
        ask.text("busy", json!({})).await.unwrap_err();
    }
    let away = ask.text("who", json!({})).await.unwrap_err();
    assert!(matches!(away, Failed::Away { .. }), "{away:?}");
}

#[tokio::test]
async fn what_may_have_been_done_is_done_again_only_if_that_does_no_harm() {
    let fake = Fake::start(Era::New).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller::default();
    let once = Ask::new(&server, &caller);
    let broken = once.text("die", json!({})).await.unwrap_err();
    assert!(
        matches!(broken, Failed::Broken { unsent: false, .. }),
        "{broken:?}"
    );
    assert_eq!(fake.calls().len(), 1);
}

#[tokio::test]
async fn a_server_with_sessions_is_told_the_lowest_level_of_logs_that_was_wanted() {
    let fake = Fake::start(Era::Old).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    use LoggingLevel::{Debug, Error, Warning};
    for level in [None, Some(Warning), Some(Error), Some(Debug), Some(Warning)] {
        let caller = Caller {
            level,
            ..Caller::default()
        };
        Ask::new(&server, &caller)
            .text("who", json!({}))
            .await
            .unwrap();
    }
    assert_eq!(fake.levels(), ["warning", "debug"]);

    // A request without a session says it itself.
    let fake = Fake::start(Era::New).await;
    let (_fleet, server) = fleet(&format!("url: '{}'", fake.url));
    let caller = Caller {
        level: Some(Debug),
        ..Caller::default()
    };
    let able = Ask::new(&server, &caller).text("able", json!({})).await;
    assert!(able.unwrap().contains("debug"));
    assert_eq!(fake.count("logging/setLevel"), 0);
}
