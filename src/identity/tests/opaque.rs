//! Tokens that only their issuer understands.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{FutureExt, future::join_all};

use super::*;

const TOKEN: &str = "2YotnFZFEjr1zCsicMWpAA";

async fn stage() -> Stage {
    Stage::with(|settings| {
        let issuer = &mut settings.issuers[0];
        issuer.introspection = Some(Introspection {
            url: Some(format!("{}/introspect", issuer.issuer)),
            client_id: "gate:way".into(),
            client_secret: "env:SECRET".into(),
        });
    })
    .await
}

fn active(stage: &Stage) -> Value {
    changed(
        stage.claims(),
        &json!({ "active": true, "token_type": "Bearer" }),
    )
}

#[tokio::test]
async fn the_issuer_is_asked_once_with_the_gateways_own_name() {
    let stage = stage().await;
    stage.idp.says("/introspect", 200, active(&stage));
    for verdict in join_all((0..100).map(|_| stage.check(TOKEN))).await {
        assert_eq!(verdict.unwrap().name(), "staff/ada");
    }
    let [asked] = &stage.idp.asked()[..] else {
        panic!("{:?}", stage.idp.asked());
    };
    // `gate%3Away:s%3Acret`, by RFC 6749 §2.3.1.
    assert_eq!(asked.authorization, "Basic Z2F0ZSUzQXdheTpzJTNBY3JldA==");
    assert_eq!(
        asked.body,
        format!("token={TOKEN}&token_type_hint=access_token")
    );
    let known = stage.verifier.identify(TOKEN).now_or_never().unwrap();
    assert_eq!(known.unwrap().token.reveal(), TOKEN);
}

#[tokio::test]
async fn an_answer_is_kept_no_longer_than_a_minute_or_the_token() {
    for (left, kept) in [(3_600, 60), (30, 30)] {
        let stage = stage().await;
        let end = Timestamp::now().as_second() + left;
        stage.idp.says(
            "/introspect",
            200,
            changed(active(&stage), &json!({ "exp": end })),
        );
        assert!(stage.check(TOKEN).await.is_ok());
        stage.idp.says("/introspect", 200, r#"{"active":false}"#);
        later(kept - 2).await;
        assert!(stage.check(TOKEN).await.is_ok());
        later(2).await;
        bad(stage.check(TOKEN).await, "revoked");
    }
}

#[tokio::test]
async fn a_refusal_is_kept_for_ten_seconds() {
    let stage = stage().await;
    stage.idp.says("/introspect", 200, r#"{"active":false}"#);
    for _ in 0..10 {
        bad(stage.check(TOKEN).await, "inactive");
    }
    assert_eq!(stage.idp.count("/introspect"), 1);
    stage.idp.says("/introspect", 200, active(&stage));
    later(9).await;
    bad(stage.check(TOKEN).await, "still");
    later(1).await;
    assert!(stage.check(TOKEN).await.is_ok());
}

#[tokio::test]
async fn what_the_issuer_says_must_be_of_a_good_token_for_us() {
    let stage = stage().await;
    let now = Timestamp::now().as_second();
    let wrong = [
        json!({ "aud": null }),
        json!({ "aud": "https://other.example" }),
        json!({ "iss": "https://other.example" }),
        json!({ "iss": 1 }),
        json!({ "exp": null }),
        json!({ "nbf": now + 90 }),
        json!({ "sub": null }),
        json!({ "sub": "a\nb" }),
        json!({ "token_type": "refresh_token" }),
        json!({ "token_type": "DPoP" }),
        json!({ "typ": "Refresh" }),
        json!({ "cnf": {} }),
    ];
    for (at, change) in wrong.iter().enumerate() {
        stage
            .idp
            .says("/introspect", 200, changed(active(&stage), change));
        bad(
            stage.check(&format!("token-{at}")).await,
            &change.to_string(),
        );
    }
    let ended = changed(active(&stage), &json!({ "exp": now - 61 }));
    stage.idp.says("/introspect", 200, ended);
    assert_eq!(stage.check("ended").await, Err(Denied::Expired));
    // The issuer need not name itself: it was asked.
    let unnamed = changed(active(&stage), &json!({ "iss": null, "token_type": null }));
    stage.idp.says("/introspect", 200, unnamed);
    assert!(stage.check("unnamed").await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_says_nothing_of_the_token() {
    let stage = stage().await;
    for (status, body) in [
        (401, r#"{"active":true}"#.to_owned()),
        (302, String::new()),
        (500, String::new()),
        (200, "<html>".to_owned()),
        (200, "{}".to_owned()),
        (200, r#"{"active":"true"}"#.to_owned()),
        (200, r#"{"active":false,"active":true}"#.to_owned()),
        (
            200,
            format!(r#"{{"active":true,"more":"{}"}}"#, "x".repeat(70_000)),
        ),
    ] {
        stage.idp.says("/introspect", status, &body);
        assert_eq!(
            stage.check(TOKEN).await,
            Err(Denied::NoTell),
            "{status} {body}"
        );
    }
    // Nothing of it is kept.
    stage.idp.says("/introspect", 200, active(&stage));
    assert!(stage.check(TOKEN).await.is_ok());
}

#[tokio::test]
async fn a_flood_of_tokens_is_asked_about_a_few_at_a_time_and_in_bounds() {
    let stage = stage().await;
    stage.idp.says("/introspect", 200, r#"{"active":false}"#);
    stage.idp.hangs();
    let tokens: Vec<String> = (0..2_000).map(|number| format!("token-{number}")).collect();
    let flood = join_all(tokens.iter().map(|token| stage.check(token)));
    tokio::pin!(flood);
    while stage.idp.count("/introspect") < 32 {
        assert!(futures_util::poll!(&mut flood).is_pending());
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        assert!(futures_util::poll!(&mut flood).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.idp.count("/introspect"), 32);
    later(5).await;
    for verdict in flood.await {
        assert_eq!(verdict, Err(Denied::NoTell));
    }
}

#[tokio::test]
async fn the_endpoint_is_found_by_metadata() {
    let stage = Stage::with(|settings| {
        settings.issuers[0].introspection = Some(Introspection {
            client_id: "gateway".into(),
            ..Introspection::default()
        });
    })
    .await;
    let metadata = json!({
        "issuer": stage.idp.url(""), "introspection_endpoint": stage.idp.url("/introspect"),
    });
    stage
        .idp
        .says("/.well-known/oauth-authorization-server", 200, metadata);
    stage.idp.says("/introspect", 200, active(&stage));
    assert!(stage.check(TOKEN).await.is_ok());
    assert!(stage.check("another").await.is_ok());
    assert_eq!(
        stage.idp.count("/.well-known/oauth-authorization-server"),
        1
    );
}

#[tokio::test]
async fn where_nobody_is_asked_an_opaque_token_is_nobodys() {
    let stage = Stage::new().await;
    for token in [TOKEN, "wp-0123456789abcdef", "a.b", "' OR 1=1; --"] {
        bad(stage.check(token).await, token);
    }
    assert!(stage.idp.asked().is_empty());
}

#[tokio::test]
async fn what_begins_as_a_jwt_is_one_or_nothing() {
    let stage = stage().await;
    stage.idp.says("/introspect", 200, active(&stage));
    let signed = stage.token(&json!({}));
    let (header, rest) = signed.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let twice = part(r#"{"alg":"RS256","alg":"none"}"#);
    for broken in [
        format!("{signed}."),
        format!("{header}.{claims}"),
        format!("{header}.{claims}.."),
        format!("{signed}.{signed}"),
        header.to_owned(),
        format!("{header}=="),
        format!("{header}=.{claims}"),
        format!("{twice}.{claims}"),
        format!("{}.x", part(r#" {"typ":"JWT","alg":1}"#)),
    ] {
        bad(stage.check(&broken).await, &broken);
    }
    assert_eq!(stage.idp.asked().len(), 0, "nobody is asked");
    // Words that look a little like one are asked about.
    for word in [
        "a.b".to_owned(),
        format!("{}.x", part("{}")),
        part(r#"{"id":7}"#),
        part("alg"),
        part("[\"alg\"]"),
    ] {
        assert!(stage.check(&word).await.is_ok(), "{word}");
    }
    assert_eq!(stage.idp.count("/introspect"), 5);
}
