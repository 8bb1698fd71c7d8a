//! Several keys of one provider, and waits it names (F03, F06): what one key may not, another may.

use super::{
    pair::{Pair, refusal},
    voice::Voice,
};
use crate::support::{
    Provider, completion,
    faulty::{
        Script,
        script::{json, say, whole},
    },
};

fn well() -> Script {
    vec![say(json(200, &Voice::OpenAi.plain("A")))]
}

const KEYS: &str = "api_keys: [sk-canary-one, sk-canary-two]";

#[tokio::test]
async fn a_key_that_is_refused_is_left_for_the_other() {
    let b = Provider::start([completion("B")]).await;
    let pair = Pair::start(vec![refusal(401, &[]), well()], b, KEYS, "").await;
    for _ in 0..5 {
        let answer = pair.gateway.chat("lone").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.body.contains("canary"));
    }
    let seen = pair.a.seen();
    let keys: Vec<&str> = seen.iter().map(|seen| seen.key()).collect();
    assert_eq!(keys.len(), 6);
    assert_ne!(keys[0], keys[1], "the other key is tried at once");
    assert!(
        keys[1..].iter().all(|key| *key == keys[1]),
        "the refused one rests: {keys:?}"
    );
}

#[tokio::test]
async fn a_target_that_named_a_wait_is_not_asked_before() {
    const NONE_LEFT: (&str, &str) = ("x-ratelimit-remaining-requests", "0");
    for wait in [
        &[("retry-after", "300")] as &[(&str, &str)],
        &[("retry-after-ms", "300000")],
        &[NONE_LEFT, ("x-ratelimit-reset-requests", "5m")],
        &[("retry-after", "18446744073709551615")],
    ] {
        let b = Provider::start([completion("B")]).await;
        let pair = Pair::start(
            vec![refusal(429, wait), well()],
            b,
            "api_key: sk-canary-one",
            "",
        )
        .await;
        let answer = pair.gateway.chat("r").await;
        assert_eq!(
            answer.header("x-waypost-attempts"),
            "2",
            "{wait:?}: {}",
            answer.body
        );
        for _ in 0..10 {
            let answer = pair.gateway.chat("r").await;
            assert_eq!(
                answer.header("x-waypost-target"),
                "b/m",
                "{wait:?}: {}",
                answer.body
            );
            assert_eq!(answer.header("x-waypost-attempts"), "1", "{wait:?}");
            assert_eq!(pair.reason(&answer).await, "cooling_down", "{wait:?}");
        }
        assert_eq!(pair.asked(), 1, "{wait:?}");
    }
}

#[tokio::test]
async fn a_target_that_has_nothing_left_is_not_asked_until_it_has() {
    let headers = &[
        ("content-type", "application/json"),
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "5m"),
    ];
    let last = vec![say(whole(200, headers, &Voice::OpenAi.plain("A")))];
    let b = Provider::start([completion("B")]).await;
    let pair = Pair::start(vec![last, well()], b, "", "").await;
    assert_eq!(
        pair.gateway.chat("r").await.header("x-waypost-target"),
        "a/m"
    );
    for _ in 0..3 {
        let answer = pair.gateway.chat("r").await;
        assert_eq!(answer.header("x-waypost-target"), "b/m", "{}", answer.body);
        assert_eq!(pair.reason(&answer).await, "cooling_down");
    }
    assert_eq!(pair.asked(), 1);
}

#[tokio::test]
async fn where_one_key_must_wait_the_other_is_used() {
    let b = Provider::start([completion("B")]).await;
    let limited = refusal(429, &[("retry-after", "300")]);
    let pair = Pair::start(vec![limited, well()], b, KEYS, "").await;
    for _ in 0..5 {
        let answer = pair.gateway.chat("lone").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let seen = pair.a.seen();
    assert!(
        seen[1..].iter().all(|later| later.key() != seen[0].key()),
        "{seen:?}"
    );
}
