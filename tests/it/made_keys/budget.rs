//! What one call may spend: completions and money.

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
    let refused: Vec<bool> = call.completions().iter().map(|it| it.refused).collect();
    assert_eq!(refused, [false, false, true, true]);
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
    assert_eq!(costs, [false, true, false]);
}
