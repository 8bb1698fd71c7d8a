//! What one call may spend: completions, money, and calls within calls.

use waypost::{access::Terms, catalog::NanoDollars};

use super::{ALICE, Call, ask, gateway, terms};
use crate::support::{Answer, Provider, chat, completion, error, provider::costly};

fn spent(answer: &Answer, words: &str) {
    assert_eq!(answer.status, 429, "{}", answer.body);
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "insufficient_quota");
    assert!(
        error["message"].as_str().unwrap().contains(words),
        "{error}"
    );
    // Waiting does not help.
    assert_eq!(answer.header("x-should-retry"), "false");
    assert_eq!(answer.header("retry-after"), "");
}

#[tokio::test]
async fn a_call_asks_for_no_more_completions_than_it_may() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let few = Terms {
        completions: 2,
        ..terms(Some("cheap"))
    };
    let call = Call::of(&gateway, ALICE, "call-1", few);
    let (one, two) = (call.key(&gateway), call.key(&gateway));
    for key in [&one, &two] {
        assert_eq!(ask(&gateway, key.key.reveal(), "x").await.status, 200);
    }
    let refused = ask(&gateway, one.key.reveal(), "x").await;
    spent(&refused, "may ask for 2 completions");
    let request = gateway.post("/v1/chat/completions", chat("x", true));
    let stream = gateway.send(request.bearer_auth(two.key.reveal())).await;
    spent(&stream, "may ask for 2 completions");
    assert_eq!(provider.asked().len(), 2);
    assert_eq!(call.completions().len(), 2);
}

#[tokio::test]
async fn what_is_asked_at_once_is_paid_from_one_purse() {
    let provider = Provider::start([costly("Hi", 1_000)]).await;
    let gateway = gateway(&provider).await;
    // A dollar a million: a thousand tokens are a thousandth of a dollar. Two of them are in it, and not three.
    let poor = Terms {
        cost: NanoDollars(2_500_000),
        ..terms(Some("cheap"))
    };
    let call = Call::of(&gateway, ALICE, "call-1", poor);
    let made = call.key(&gateway);
    let body = r#"{"model":"x","max_tokens":1000,"messages":[{"role":"user","content":"Hello?"}]}"#;
    let asked = (0..8).map(|_| {
        let request = gateway.post("/v1/chat/completions", body);
        gateway.send(request.bearer_auth(made.key.reveal()))
    });
    let answers = futures_util::future::join_all(asked).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((good, provider.asked().len()), (2, 2));
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    spent(refused, "may spend $0.0025");
}

#[tokio::test]
async fn what_nobody_answered_costs_nothing_but_its_turn() {
    let provider = Provider::start([error(400, "bad"), completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let two = Terms {
        completions: 2,
        ..terms(Some("cheap"))
    };
    let call = Call::of(&gateway, ALICE, "call-1", two);
    let made = call.key(&gateway);
    assert_eq!(ask(&gateway, made.key.reveal(), "x").await.status, 400);
    assert_eq!(ask(&gateway, made.key.reveal(), "x").await.status, 200);
    spent(&ask(&gateway, made.key.reveal(), "x").await, "completions");
    let costs: Vec<_> = call
        .completions()
        .iter()
        .map(|made| made.cost.dollars().is_some())
        .collect();
    assert_eq!(costs, [false, true]);
}

#[tokio::test]
async fn calls_within_calls_end_at_the_depth_that_is_allowed() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let deep = || Terms {
        tools: vec!["*".to_owned()],
        ..terms(Some("cheap"))
    };
    let first = Call::of(&gateway, ALICE, "call-1", deep());
    let outer = first.key(&gateway);
    let second = Call::of(&gateway, outer.key.reveal(), "call-2", deep());
    let inner = second.key(&gateway);
    let third = Call::of(&gateway, inner.key.reveal(), "call-3", deep());
    let innermost = third.key(&gateway);
    assert!(first.caller.may_call_tools().is_ok());
    assert!(second.caller.may_call_tools().is_err());
    assert_eq!(ask(&gateway, inner.key.reveal(), "x").await.status, 200);
    spent(
        &ask(&gateway, innermost.key.reveal(), "x").await,
        "3 calls deep",
    );

    // `/mcp` goes by it.
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (key, status) in [(&outer, 200), (&inner, 401)] {
        let request = gateway.post("/mcp", body).bearer_auth(key.key.reveal());
        let request = request.header("accept", "application/json, text/event-stream");
        let request = request.header("mcp-protocol-version", "2025-11-25");
        let answer = gateway.send(request).await;
        assert_eq!(
            answer.status == 401,
            status == 401,
            "{} {}",
            answer.status,
            answer.body
        );
    }
    // A key ends with the calls around it, too.
    first.serving.end();
    assert_eq!(ask(&gateway, inner.key.reveal(), "x").await.status, 401);
}
