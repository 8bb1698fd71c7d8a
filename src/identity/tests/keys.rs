//! Keys that come, go, are missing and are no good.

use futures_util::future::join_all;

use super::*;

/// A good token that says it was signed with this key.
fn naming(stage: &Stage, key: &str) -> String {
    let header = changed(stage.signer.header(), &json!({ "kid": key }));
    stage.signer.sign(&header, &stage.claims())
}

#[tokio::test]
async fn strange_names_of_keys_are_just_unknown() {
    let stage = Stage::new().await;
    for name in [
        "../../dev/null",
        "' UNION SELECT 1--",
        "",
        "ONE",
        "one\u{0}",
        "two",
        "http://127.0.0.1/keys",
    ] {
        bad(stage.check(&naming(&stage, name)).await, name);
    }
    bad(
        stage.check(&naming(&stage, &"k".repeat(10 << 20))).await,
        "10 MB",
    );
    let header = changed(stage.signer.header(), &json!({ "kid": 1 }));
    bad(
        stage
            .check(&stage.signer.sign(&header, &stage.claims()))
            .await,
        "a number",
    );
    assert_eq!(stage.idp.count("/keys"), 1);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_makes_one_fetch_in_thirty_seconds() {
    let stage = Stage::new().await;
    let tokens: Vec<String> = (0..10_000)
        .map(|number| {
            let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": format!("k{number}") });
            let part = |value: &Value| super::signer::encode(value.to_string().as_bytes());
            format!("{}.{}.AAAA", part(&header), part(&stage.claims()))
        })
        .collect();
    for verdict in join_all(tokens.iter().map(|token| stage.check(token))).await {
        bad(verdict, "unknown");
    }
    assert_eq!(stage.idp.count("/keys"), 1, "cold");
    later(10).await;
    for verdict in join_all(tokens.iter().map(|token| stage.check(token))).await {
        bad(verdict, "unknown");
    }
    assert_eq!(stage.idp.count("/keys"), 2, "one look");
    later(29).await;
    bad(stage.check(&tokens[0]).await, "unknown");
    assert_eq!(stage.idp.count("/keys"), 2, "not yet again");
    later(1).await;
    bad(stage.check(&tokens[0]).await, "unknown");
    assert_eq!(stage.idp.count("/keys"), 3, "again");
    assert!(stage.check(&stage.token(&json!({}))).await.is_ok());
}

#[tokio::test]
async fn everybody_waits_for_one_fetch_and_who_leaves_takes_nothing_along() {
    let stage = Stage::new().await;
    stage.idp.hangs();
    let token = stage.token(&json!({}));
    let mut first = Box::pin(stage.check(&token));
    let rest = join_all((0..50).map(|_| stage.check(&token)));
    tokio::pin!(rest);
    while stage.idp.count("/keys") == 0 {
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut rest).is_pending());
        tokio::task::yield_now().await;
    }
    drop(first);
    stage.idp.goes_on();
    for verdict in rest.await {
        assert!(verdict.is_ok(), "{verdict:?}");
    }
    assert_eq!(stage.idp.count("/keys"), 1);
}

#[tokio::test]
async fn a_new_key_is_good_in_seconds_and_an_old_one_until_it_is_gone() {
    let stage = Stage::new().await;
    let (old, new) = (&stage.signer, Signer::p256("two"));
    let (by_old, by_new) = (old.token(&stage.claims()), new.token(&stage.claims()));
    assert!(stage.check(&by_old).await.is_ok());
    stage.idp.publishes(&[old, &new]);
    later(5).await;
    assert!(stage.check(&by_new).await.is_ok());
    assert!(stage.check(&by_old).await.is_ok());
    // Withdrawn: good until the keys are fetched again, and not a moment longer, though the verdict was kept.
    stage.idp.publishes(&[&new]);
    assert!(stage.check(&by_old).await.is_ok());
    later(5 * 60).await;
    assert!(stage.check(&by_new).await.is_ok());
    bad(stage.check(&by_old).await, "withdrawn");
}

#[tokio::test]
async fn a_kept_verdict_falls_with_its_key() {
    let stage = Stage::new().await;
    let (old, new) = (&stage.signer, Signer::p256("two"));
    let (by_old, by_new) = (old.token(&stage.claims()), new.token(&stage.claims()));
    later(1).await;
    assert!(stage.check(&by_old).await.is_ok());
    stage.idp.publishes(&[&new]);
    later(6).await;
    assert!(stage.check(&by_new).await.is_ok());
    bad(
        stage.check(&by_old).await,
        "withdrawn seven seconds after it was found good",
    );
}

#[tokio::test]
async fn keys_are_fetched_again_when_they_are_old() {
    let fetches = async |cache_control: &'static str, seconds: u64| {
        let stage = Stage::new().await;
        stage.idp.publishes_for(cache_control, &[&stage.signer]);
        assert!(stage.check(&stage.token(&json!({}))).await.is_ok());
        later(seconds).await;
        let other = stage.token(&json!({ "sub": "bob" }));
        assert!(stage.check(&other).await.is_ok());
        stage.idp.count("/keys")
    };
    assert_eq!(fetches("no-store", 299).await, 1);
    assert_eq!(fetches("no-store", 300).await, 2);
    assert_eq!(fetches("max-age=60", 59).await, 1);
    assert_eq!(fetches("max-age=60", 60).await, 2);
    // Neither for ever nor at every request, whatever the answer says.
    assert_eq!(fetches("max-age=999999999", 300).await, 2);
    assert_eq!(fetches("max-age=0", 29).await, 1);
}

#[tokio::test]
async fn known_keys_outlast_an_outage_of_an_hour() {
    let stage = Stage::new().await;
    let fresh = |number: u32| stage.token(&json!({ "sub": format!("s{number}") }));
    assert!(stage.check(&fresh(0)).await.is_ok());
    stage.idp.says("/keys", 503, "down");
    later(5 * 60).await;
    for number in 1..20 {
        assert!(stage.check(&fresh(number)).await.is_ok());
    }
    assert_eq!(stage.idp.count("/keys"), 2, "it is left alone for a while");
    let unknown = stage.check(&naming(&stage, "two")).await;
    assert_eq!(unknown, Err(Denied::NoTell), "it may be a new one");
    later(55 * 60 - 1).await;
    assert!(stage.check(&fresh(20)).await.is_ok());
    later(1).await;
    assert_eq!(stage.check(&fresh(21)).await, Err(Denied::NoTell));
    stage.idp.publishes(&[&stage.signer]);
    later(10).await;
    assert!(stage.check(&fresh(21)).await.is_ok());
    stage.counted(r#"waypost_token_checks_total{outcome="no_tell"} 2"#);
}

#[tokio::test]
async fn without_any_keys_nobody_can_tell() {
    let stage = Stage::new().await;
    let token = stage.token(&json!({}));
    for (status, body) in [
        (500, "{}".to_owned()),
        (200, "<html>".to_owned()),
        (200, "[]".to_owned()),
        (200, r#"{"keys":{}}"#.to_owned()),
        (200, r#"{"keys":[],"keys":[]}"#.to_owned()),
        (200, " ".repeat(300 * 1024)),
    ] {
        stage.idp.says("/keys", status, &body);
        assert_eq!(stage.check(&token).await, Err(Denied::NoTell), "{status}");
        let asked = stage.idp.count("/keys");
        assert_eq!(stage.check(&token).await, Err(Denied::NoTell), "{status}");
        assert_eq!(
            stage.idp.count("/keys"),
            asked,
            "it is left alone for a while"
        );
        later(10).await;
    }
    stage.idp.publishes(&[&stage.signer]);
    assert!(stage.check(&token).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_hangs_is_waited_for_in_bounds() {
    let stage = Stage::new().await;
    stage.idp.hangs();
    let token = stage.token(&json!({}));
    let check = stage.check(&token);
    tokio::pin!(check);
    while stage.idp.count("/keys") == 0 {
        assert!(futures_util::poll!(&mut check).is_pending());
        tokio::task::yield_now().await;
    }
    later(5).await;
    assert_eq!(check.await, Err(Denied::NoTell));
}

#[tokio::test]
async fn a_reload_keeps_what_is_known_of_issuers_that_stay() {
    let stage = Stage::new().await;
    assert!(stage.check(&stage.token(&json!({}))).await.is_ok());
    stage.idp.says("/keys", 503, "down");
    let mut changed = settings(&stage.idp);
    changed.audiences.push("more".into());
    let same = verifier(changed.clone(), &stage.ledger).after(&stage.verifier);
    let token = stage.token(&json!({ "sub": "bob" }));
    assert!(same.identify(&token).await.is_ok());
    changed.issuers[0].keys_for = crate::span::Span::secs(60);
    let other = verifier(changed, &stage.ledger).after(&stage.verifier);
    assert_eq!(other.identify(&token).await, Err(Denied::NoTell));
}

#[tokio::test]
async fn weak_and_doubtful_keys_are_left_out() {
    let stage = Stage::new().await;
    let rsa = Signer::rsa("rsa");
    let good = rsa.jwk();
    let modulus = |bytes: &[u8]| json!({ "n": super::signer::encode(bytes) });
    let exponent = |bytes: &[u8]| json!({ "e": super::signer::encode(bytes) });
    let mut even = vec![0xff; 256];
    even[255] = 0xfe;
    let public = |change: &Value| json!({ "keys": [changed(good.clone(), change)] });
    let weak = [
        ("512 bits", public(&modulus(&[0xff; 64]))),
        (
            "2047 bits",
            public(&modulus(&[vec![0x7f], vec![0xff; 255]].concat())),
        ),
        (
            "zeros in front",
            public(&modulus(&[vec![0; 200], vec![0xff; 128]].concat())),
        ),
        ("16384 bits", public(&modulus(&[0xff; 2_048]))),
        ("even modulus", public(&modulus(&even))),
        ("no modulus", public(&json!({ "n": null }))),
        ("exponent 1", public(&exponent(&[1]))),
        ("exponent 0", public(&exponent(&[]))),
        ("exponent 2", public(&exponent(&[2]))),
        ("exponent 65536", public(&exponent(&[1, 0, 0]))),
        ("long exponent", public(&exponent(&[0xff; 32]))),
        ("private half", public(&json!({ "d": "AQAB" }))),
        ("for encryption", public(&json!({ "use": "enc" }))),
        ("for wrapping", public(&json!({ "key_ops": ["wrapKey"] }))),
        ("for HS256", public(&json!({ "alg": "HS256" }))),
        (
            "another type",
            public(&json!({ "kty": "oct", "k": "c2VjcmV0" })),
        ),
        (
            "another curve",
            public(&json!({ "kty": "EC", "crv": "secp256k1" })),
        ),
        ("twice", json!({ "keys": [good, good] })),
        ("no object", json!({ "keys": [1, null, "key", []] })),
        ("no keys", json!({ "keys": [] })),
    ];
    for (what, keys) in weak {
        stage.idp.says("/keys", 200, &keys);
        let verifier = verifier(settings(&stage.idp), &stage.ledger);
        let verdict = verifier.identify(&rsa.token(&stage.claims())).await;
        let left_out = Denied::BadToken("it is signed with a key its issuer does not have");
        assert_eq!(verdict, Err(left_out), "{what}");
    }
    // One bad key does not take the others along.
    let doubtful = changed(good.clone(), &json!({ "kid": "old", "e": "AQ" }));
    stage
        .idp
        .says("/keys", 200, json!({ "keys": [doubtful, good] }));
    assert!(stage.check(&rsa.token(&stage.claims())).await.is_ok());
}

#[tokio::test]
async fn a_flood_of_keys_is_no_set_of_keys() {
    let stage = Stage::new().await;
    let many = |count: usize| {
        let one = |at: usize| changed(stage.signer.jwk(), &json!({ "kid": format!("k{at}") }));
        let keys: Vec<Value> = (1..count).map(one).chain([stage.signer.jwk()]).collect();
        json!({ "keys": keys })
    };
    for (count, good) in [(100, true), (101, false), (10_000, false)] {
        stage.idp.says("/keys", 200, many(count));
        let verifier = verifier(settings(&stage.idp), &stage.ledger);
        let verdict = verifier.identify(&stage.token(&json!({}))).await;
        match good {
            true => assert!(verdict.is_ok(), "{verdict:?}"),
            false => assert_eq!(verdict, Err(Denied::NoTell)),
        }
    }
}

#[tokio::test]
async fn a_token_without_a_keys_name_needs_one_key_that_fits() {
    let stage = Stage::new().await;
    let (other, rsa) = (Signer::p256("two"), Signer::rsa("rsa"));
    let header = json!({ "alg": "ES256", "typ": "at+jwt" });
    let token = stage.signer.sign(&header, &stage.claims());
    for (keys, good) in [
        (vec![&stage.signer, &rsa], true),
        (vec![&stage.signer, &other], false),
        (vec![&rsa], false),
        (vec![&other], false),
    ] {
        stage.idp.publishes(&keys);
        let verifier = verifier(settings(&stage.idp), &stage.ledger);
        let verdict = verifier.identify(&token).await;
        assert_eq!(verdict.is_ok(), good, "{verdict:?}");
    }
}
