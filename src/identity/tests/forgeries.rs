//! Tokens nobody should take: other algorithms, other keys, other readings.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::FutureExt;
use serde_json::json;

use super::{signer::encode, *};

/// A token with another header and signature.
fn forged(header: &Value, claims: &Value, signature: &str) -> String {
    let (header, claims) = (header.to_string(), claims.to_string());
    format!(
        "{}.{}.{signature}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    )
}

#[tokio::test]
async fn a_token_without_a_signature_is_nobodys() {
    let stage = Stage::new().await;
    let claims = stage.claims();
    for algorithm in ["none", "None", "nOnE", "NONE", "", "es256", "ES512"] {
        let header = json!({ "alg": algorithm, "kid": "one", "typ": "at+jwt" });
        bad(stage.check(&forged(&header, &claims, "")).await, algorithm);
        bad(
            stage.check(&stage.signer.sign(&header, &claims)).await,
            algorithm,
        );
    }
    let good = stage.token(&json!({}));
    let (signed, _) = good.rsplit_once('.').unwrap();
    for signature in ["", "AA", &encode(&[0; 64]), "AA==", "*"] {
        bad(
            stage.check(&format!("{signed}.{signature}")).await,
            signature,
        );
    }
    for header in [
        json!({ "kid": "one" }),
        json!({ "alg": 1 }),
        json!({ "alg": ["ES256"] }),
    ] {
        bad(
            stage.check(&forged(&header, &claims, "AA")).await,
            "no algorithm",
        );
    }
    assert!(stage.check(&good).await.is_ok());
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let stage = Stage::new().await;
    let rsa = Signer::rsa("rsa");
    stage.idp.publishes(&[&rsa]);
    let der = Signer::rsa_der();
    let lines: Vec<String> = STANDARD
        .encode(&der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    );
    let jwk = rsa.jwk().to_string();
    for algorithm in ["HS256", "HS384", "HS512", "RS256", "ES256"] {
        for secret in [
            pem.as_bytes(),
            pem.trim_end().as_bytes(),
            &der,
            jwk.as_bytes(),
        ] {
            let header = json!({ "alg": algorithm, "kid": "rsa", "typ": "at+jwt" });
            let (head, claims) = (header.to_string(), stage.claims().to_string());
            let signed = format!("{}.{}", encode(head.as_bytes()), encode(claims.as_bytes()));
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            let tag = hmac::sign(&key, signed.as_bytes());
            let token = format!("{signed}.{}", encode(tag.as_ref()));
            bad(stage.check(&token).await, algorithm);
        }
    }
    assert!(stage.check(&rsa.token(&stage.claims())).await.is_ok());
}

#[tokio::test]
async fn the_algorithm_is_the_issuers_and_the_keys() {
    let stage = Stage::with(|settings| {
        use crate::access::Algorithm::{Es256, Ps256, Rs256};
        settings.issuers[0].algorithms = vec![Rs256, Ps256, Es256];
    })
    .await;
    let (rsa, ed, p384) = (
        Signer::rsa("rsa"),
        Signer::ed25519("ed"),
        Signer::p384("p384"),
    );
    let pinned = changed(rsa.jwk(), &json!({ "alg": "RS256", "kid": "pinned" }));
    let keys = [rsa.jwk(), pinned, ed.jwk(), p384.jwk(), stage.signer.jwk()];
    stage.idp.says("/keys", 200, json!({ "keys": keys }));
    let sign = |algorithm: &str, key: &str| {
        let header = json!({ "alg": algorithm, "kid": key, "typ": "at+jwt" });
        rsa.sign(&header, &stage.claims())
    };
    for good in [
        sign("RS256", "rsa"),
        sign("PS256", "rsa"),
        sign("RS256", "pinned"),
    ] {
        assert!(stage.check(&good).await.is_ok());
    }
    bad(
        stage.check(&sign("PS256", "pinned")).await,
        "pinned to another algorithm",
    );
    bad(
        stage.check(&sign("RS256", "one")).await,
        "a key of another kind",
    );
    bad(
        stage.check(&sign("ES256", "rsa")).await,
        "an algorithm of another kind",
    );
    // Good signatures with algorithms that the issuer has no use for.
    bad(
        stage.check(&ed.token(&stage.claims())).await,
        "EdDSA is not listed",
    );
    bad(
        stage.check(&p384.token(&stage.claims())).await,
        "ES384 is not listed",
    );
}

#[tokio::test]
async fn every_listed_algorithm_is_checked_with_its_key() {
    let stage = Stage::with(|settings| {
        settings.issuers[0].algorithms = crate::access::Algorithm::ALL.to_vec();
    })
    .await;
    let all = [
        Signer::rsa("rsa"),
        Signer::ed25519("ed"),
        Signer::p384("p384"),
        Signer::p256("p256"),
    ];
    stage.idp.publishes(&all.each_ref());
    for signer in &all {
        let token = signer.token(&stage.claims());
        assert!(stage.check(&token).await.is_ok(), "{}", signer.algorithm);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let admin = changed(stage.claims(), &json!({ "sub": "admin" })).to_string();
        let swapped = format!("{header}.{}.{signature}", encode(admin.as_bytes()));
        bad(stage.check(&swapped).await, signer.algorithm);
    }
}

#[tokio::test]
async fn keys_that_a_token_brings_or_points_to_are_nothing() {
    let stage = Stage::new().await;
    let attacker = Peer::start().await;
    let theirs = Signer::p256("one");
    attacker.publishes(&[&theirs]);
    let places = [
        json!({ "jku": attacker.url("/keys") }),
        json!({ "x5u": attacker.url("/cert") }),
        json!({ "jwk": theirs.jwk() }),
        json!({ "x5c": [STANDARD.encode("certificate")] }),
    ];
    for place in &places {
        let header = changed(theirs.header(), place);
        bad(
            stage.check(&theirs.sign(&header, &stage.claims())).await,
            "their key",
        );
        // Signed by the issuer's own key, such a header changes nothing.
        let header = changed(stage.signer.header(), place);
        let own = stage.signer.sign(&header, &stage.claims());
        assert!(stage.check(&own).await.is_ok(), "{place}");
    }
    assert!(attacker.asked().is_empty(), "{:?}", attacker.asked());
    let header = changed(
        stage.signer.header(),
        &json!({ "crit": ["b64"], "b64": false }),
    );
    bad(
        stage
            .check(&stage.signer.sign(&header, &stage.claims()))
            .await,
        "crit",
    );
}

#[tokio::test]
async fn what_two_readers_could_read_differently_is_refused() {
    let stage = Stage::new().await;
    let (header, claims) = (
        stage.signer.header().to_string(),
        stage.claims().to_string(),
    );
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let sign = |header: &str, claims: &str| stage.signer.sign_text(header, claims);
    let good = sign(&header, &claims);
    let inner = stage.token(&json!({}));
    let nested = changed(stage.signer.header(), &json!({ "cty": "JWT" })).to_string();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, body) = signed.split_once('.').unwrap();
    let cases = [
        (
            "sub twice",
            sign(&header, &twice(&claims, r#""sub":"admin""#)),
        ),
        ("aud twice", sign(&header, &twice(&claims, r#""aud":"x""#))),
        (
            "escaped twin",
            sign(&header, &twice(&claims, "\"s\\u0075b\":\"admin\"")),
        ),
        (
            "alg twice",
            sign(&twice(&header, r#""alg":"none""#), &claims),
        ),
        (
            "kid twice",
            sign(&twice(&header, r#""kid":"two""#), &claims),
        ),
        ("no object", sign(&header, "[]")),
        ("no JSON", sign(&header, "{")),
        ("more behind", sign(&header, &format!("{claims}{claims}"))),
        (
            "no UTF-8",
            format!("{head}.{}.{signature}", encode(b"{\"iss\":\"\xff\"}")),
        ),
        (
            "deep",
            sign(&header, &format!("{{\"a\":{}", "[".repeat(5_000))),
        ),
        ("nested", sign(&nested, &inner)),
        ("nested in quotes", sign(&nested, &format!("\"{inner}\""))),
        ("encrypted", format!("{head}.{body}.{signature}.AA.AA")),
        ("padded", format!("{head}=.{body}.{signature}")),
        ("padded signature", format!("{good}==")),
        ("padded body", format!("{head}.{body}=.{signature}")),
        ("two parts", signed.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("empty parts", "..".to_owned()),
        ("space", format!(" {good}")),
        ("line", format!("{good}\n")),
        ("other base64", good.replacen('.', "+.", 1)),
        ("nothing", String::new()),
        ("not ASCII", format!("{good}é")),
    ];
    for (what, token) in cases {
        bad(stage.check(&token).await, what);
    }
    assert!(stage.check(&good).await.is_ok());
}

#[tokio::test]
async fn a_huge_token_is_refused_unread() {
    let stage = Stage::new().await;
    let good = stage.token(&json!({}));
    for huge in [
        "a".repeat(1 << 20),
        format!("{good}{}", "A".repeat(1 << 20)),
        stage.token(&json!({ "more": "x".repeat(16 * 1024) })),
        ".".repeat(16 * 1024 + 1),
    ] {
        // Ready at once: nothing was waited for, and nobody asked.
        let verdict = stage.verifier.identify(&huge).now_or_never();
        assert_eq!(verdict, Some(Err(Denied::BadToken("it is too long"))));
    }
    assert!(stage.idp.asked().is_empty());
}
