//! What a token must say, and for how long a verdict on it is kept.

use futures_util::FutureExt;

use super::*;

#[tokio::test]
async fn a_good_token_names_its_holder() {
    let stage = Stage::new().await;
    let token = stage.token(&json!({}));
    let identity = stage.check(&token).await.unwrap();
    assert_eq!(identity.name(), "staff/ada");
    assert_eq!(identity.client.as_deref(), Some("agent"));
    let scopes: Vec<&str> = identity.scopes.iter().map(String::as_str).collect();
    assert_eq!(
        scopes,
        ["docs:write", "other"],
        "what they imply is not for now"
    );
    assert!(identity.audiences.iter().eq([RESOURCE]));
    assert_eq!(identity.judged_by.issuer, stage.idp.url(""));
    assert_eq!(identity.token.reveal(), token);
    assert!(!format!("{identity:?}").contains(&token));
    stage.counted(r#"waypost_token_checks_total{outcome="good"} 1"#);
    stage.counted(r#"waypost_key_fetches_total{issuer="staff",outcome="ok"} 1"#);
}

#[tokio::test]
async fn scopes_are_read_as_issuers_write_them() {
    let stage = Stage::new().await;
    for (claims, expected) in [
        (json!({ "scope": "b  a" }), vec!["a", "b"]),
        (json!({ "scope": null, "scp": ["a", "b"] }), vec!["a", "b"]),
        (json!({ "scope": null, "scp": "a b" }), vec!["a", "b"]),
        (json!({ "scope": null }), vec![]),
        (json!({ "scope": "" }), vec![]),
    ] {
        let identity = stage.check(&stage.token(&claims)).await.unwrap();
        let scopes: Vec<&str> = identity.scopes.iter().map(String::as_str).collect();
        assert_eq!(scopes, expected, "{claims}");
    }
    for wrong in [
        json!({ "scope": 1 }),
        json!({ "scp": { "a": 1 } }),
        json!({ "scope": [1] }),
    ] {
        bad(stage.check(&stage.token(&wrong)).await, &wrong.to_string());
    }
}

#[tokio::test]
async fn it_was_made_for_us_by_whom_we_trust() {
    let stage = Stage::with(|settings| settings.audiences = vec!["gateway".into()]).await;
    for good in [
        json!({ "aud": "gateway" }),
        json!({ "aud": [RESOURCE] }),
        json!({ "aud": ["https://other.example", RESOURCE] }),
    ] {
        assert!(stage.check(&stage.token(&good)).await.is_ok(), "{good}");
    }
    let (own, origin) = (stage.idp.url(""), stage.idp.url("/"));
    for wrong in [
        json!({ "aud": null }),
        json!({ "aud": "" }),
        json!({ "aud": [] }),
        json!({ "aud": "https://other.example/mcp" }),
        json!({ "aud": format!("{RESOURCE}/") }),
        json!({ "aud": RESOURCE.to_uppercase() }),
        json!({ "aud": format!("{RESOURCE} x") }),
        json!({ "aud": { RESOURCE: true } }),
        json!({ "aud": [[RESOURCE]] }),
        json!({ "aud": true }),
        json!({ "iss": null }),
        json!({ "iss": "https://id.example.com" }),
        json!({ "iss": origin }),
        json!({ "iss": own.to_uppercase() }),
        json!({ "iss": format!("{own} ") }),
        json!({ "iss": [own] }),
        json!({ "cnf": { "jkt": "thumbprint" } }),
    ] {
        bad(stage.check(&stage.token(&wrong)).await, &wrong.to_string());
    }
}

#[tokio::test]
async fn names_are_fit_for_logs() {
    let stage = Stage::new().await;
    for good in ["a", "Ada Lovelace", "auth0|12/3", "é", &"x".repeat(255)] {
        let token = stage.token(&json!({ "sub": good }));
        assert_eq!(&*stage.check(&token).await.unwrap().subject, good);
    }
    for wrong in [
        json!(null),
        json!(""),
        json!(" "),
        json!(7),
        json!({ "a": 1 }),
        json!(["ada"]),
        json!("a\nb"),
        json!("a\u{0}"),
        json!("a\u{1b}[31m"),
        json!("a\u{85}"),
        json!("a\u{202e}b"),
        json!("a\u{200b}"),
        json!("a\u{2028}"),
        json!("x".repeat(256)),
    ] {
        let token = stage.token(&json!({ "sub": wrong }));
        bad(stage.check(&token).await, &wrong.to_string());
    }
    // Two names that read alike would be two people, or one in logs.
    let hidden = "\n\u{ad}\u{34f}\u{61c}\u{115f}\u{17b4}\u{180b}\u{200b}\u{202e}\
        \u{3164}\u{fe0f}\u{ffa0}\u{fffb}\u{e0041}\u{e0100}";
    for hidden in hidden.chars() {
        let name = format!("a{hidden}b");
        for claims in [
            json!({ "sub": name }),
            json!({ "client_id": name }),
            json!({ "client_id": null, "azp": name }),
        ] {
            bad(
                stage.check(&stage.token(&claims)).await,
                &claims.to_string(),
            );
        }
    }
    let azp = stage.token(&json!({ "client_id": null, "azp": "app" }));
    assert_eq!(
        stage.check(&azp).await.unwrap().client.as_deref(),
        Some("app")
    );
}

#[tokio::test]
async fn it_is_the_tokens_time() {
    let stage = Stage::new().await;
    let now = Timestamp::now().as_second();
    for good in [
        json!({ "exp": now - 50 }),
        json!({ "exp": now as f64 + 99.5 }),
        json!({ "nbf": now + 50, "iat": now + 50 }),
        json!({ "iat": null }),
        json!({ "iat": 0, "nbf": 0 }),
    ] {
        assert!(stage.check(&stage.token(&good)).await.is_ok(), "{good}");
    }
    for expired in [
        json!({ "exp": now - 61 }),
        json!({ "exp": 0 }),
        json!({ "exp": 1 }),
    ] {
        let verdict = stage.check(&stage.token(&expired)).await;
        assert_eq!(verdict, Err(Denied::Expired), "{expired}");
    }
    for wrong in [
        json!({ "exp": null }),
        json!({ "exp": (now + 99).to_string() }),
        json!({ "exp": 1e308 }),
        json!({ "exp": -1 }),
        json!({ "exp": u64::MAX }),
        json!({ "exp": 253_402_207_200_u64 }),
        json!({ "exp": true }),
        json!({ "exp": [now + 99] }),
        json!({ "exp": {} }),
        json!({ "nbf": now + 90 }),
        json!({ "nbf": "0" }),
        json!({ "nbf": 1e308 }),
        json!({ "iat": now + 90 }),
        json!({ "iat": 1e300 }),
        json!({ "iat": -5 }),
        json!({ "iat": "now" }),
    ] {
        bad(stage.check(&stage.token(&wrong)).await, &wrong.to_string());
    }
    let text = stage
        .claims()
        .to_string()
        .replacen('{', r#"{"nbf":1e999,"#, 1);
    let token = stage
        .signer
        .sign_text(&stage.signer.header().to_string(), &text);
    bad(stage.check(&token).await, "a number beyond numbers");
}

#[tokio::test]
async fn an_access_token_calls_itself_one() {
    let strict = Stage::new().await;
    let any = Stage::with(|settings| settings.issuers[0].token_type = TokenType::Any).await;
    let check = async |stage: &Stage, kind: Value, claims: Value| {
        let header = changed(stage.signer.header(), &json!({ "typ": kind }));
        let token = stage
            .signer
            .sign(&header, &changed(stage.claims(), &claims));
        stage.check(&token).await
    };
    for kind in [
        json!("at+jwt"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
    ] {
        assert!(
            check(&strict, kind.clone(), json!({})).await.is_ok(),
            "{kind}"
        );
        assert!(check(&any, kind.clone(), json!({})).await.is_ok(), "{kind}");
    }
    for kind in [json!("JWT"), json!("jwt"), json!(null)] {
        bad(
            check(&strict, kind.clone(), json!({})).await,
            &kind.to_string(),
        );
        assert!(check(&any, kind.clone(), json!({})).await.is_ok(), "{kind}");
    }
    for kind in [
        json!("id_token"),
        json!("logout+jwt"),
        json!("oauth-id-jag+jwt"),
        json!("dpop+jwt"),
        json!("application/application/at+jwt"),
        json!(""),
        json!(1),
    ] {
        bad(
            check(&strict, kind.clone(), json!({})).await,
            &kind.to_string(),
        );
        bad(
            check(&any, kind.clone(), json!({})).await,
            &kind.to_string(),
        );
    }
    for of_id_tokens in [
        json!({ "nonce": "n" }),
        json!({ "at_hash": "h" }),
        json!({ "c_hash": "h" }),
        json!({ "s_hash": "h" }),
        json!({ "typ": "ID" }),
        json!({ "typ": "Refresh" }),
        json!({ "token_use": "id" }),
    ] {
        let verdict = check(&any, json!("JWT"), of_id_tokens.clone()).await;
        bad(verdict, &of_id_tokens.to_string());
    }
    assert!(
        check(&any, json!("JWT"), json!({ "typ": "Bearer" }))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_verdict_is_kept_for_the_whole_token_only() {
    let stage = Stage::new().await;
    let ada = stage.token(&json!({}));
    let bob = stage.token(&json!({ "sub": "bob" }));
    assert_eq!(ada[..60], bob[..60]);
    for (token, name) in [
        (&ada, "staff/ada"),
        (&bob, "staff/bob"),
        (&ada, "staff/ada"),
    ] {
        assert_eq!(stage.check(token).await.unwrap().name(), name);
    }
    // Known ones are answered at once, whatever else is going on.
    let known = stage.verifier.identify(&bob).now_or_never().unwrap();
    assert_eq!(known.unwrap().name(), "staff/bob");
    let (start, _) = ada.split_at(ada.len() - 1);
    bad(stage.check(start).await, "cut");
    bad(stage.check(&format!("{ada}A")).await, "longer");
    stage.counted(r#"waypost_token_checks_total{outcome="known"} 2"#);
}

#[tokio::test]
async fn a_verdict_is_kept_no_longer_than_a_minute_or_the_token() {
    let stage = Stage::new().await;
    let now = Timestamp::now().as_second();
    let (long, short) = (
        stage.token(&json!({})),
        stage.token(&json!({ "exp": now + 20 })),
    );
    let over = stage.token(&json!({ "exp": now - 20 }));
    for token in [&long, &short, &over] {
        assert!(stage.check(token).await.is_ok());
    }
    let is_known = |token: &str| {
        let digest = *blake3::hash(token.as_bytes()).as_bytes();
        stage.verifier.known(&digest).is_some()
    };
    assert!(is_known(&long) && is_known(&short) && !is_known(&over));
    later(21).await;
    assert!(is_known(&long) && !is_known(&short));
    later(40).await;
    assert!(!is_known(&long));
}

#[tokio::test]
async fn people_of_two_issuers_are_two() {
    let (first, second) = (Peer::start().await, Peer::start().await);
    let signer = Signer::p256("one");
    first.publishes(&[&signer]);
    second.publishes(&[&signer]);
    let mut both = settings(&first);
    let mut other = settings(&second).issuers.remove(0);
    other.name = Some("guests".into());
    both.issuers.push(other);
    let verifier = verifier(both, &Ledger::start(None));
    let name = async |idp: &Peer| {
        let token = signer.token(&claims(idp));
        verifier.identify(&token).await.unwrap().name()
    };
    assert_eq!(name(&first).await, "staff/ada");
    assert_eq!(name(&second).await, "guests/ada");
}
