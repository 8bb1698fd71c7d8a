//! Finding an issuer's keys by its metadata.

use super::*;

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

async fn stage() -> Stage {
    Stage::with(|settings| settings.issuers[0].jwks = None).await
}

fn metadata(idp: &Peer) -> Value {
    json!({ "issuer": idp.url(""), "jwks_uri": idp.url("/keys") })
}

#[tokio::test]
async fn metadata_is_found_in_either_place_and_kept() {
    for (place, asked) in [
        (OAUTH, vec![OAUTH, "/keys"]),
        (OPENID, vec![OAUTH, OPENID, "/keys"]),
    ] {
        let stage = stage().await;
        stage.idp.says(place, 200, metadata(&stage.idp));
        assert!(
            stage.check(&stage.token(&json!({}))).await.is_ok(),
            "{place}"
        );
        let paths: Vec<String> = stage.idp.asked().into_iter().map(|it| it.path).collect();
        assert_eq!(paths, asked);
        later(5 * 60).await;
        assert!(
            stage
                .check(&stage.token(&json!({ "sub": "bob" })))
                .await
                .is_ok()
        );
        assert_eq!((stage.idp.count(place), stage.idp.count("/keys")), (1, 2));
        later(60 * 60).await;
        assert!(
            stage
                .check(&stage.token(&json!({ "sub": "eve" })))
                .await
                .is_ok()
        );
        assert_eq!((stage.idp.count(place), stage.idp.count("/keys")), (2, 3));
    }
}

#[tokio::test]
async fn metadata_of_a_path_stands_behind_the_well_known_place() {
    let idp = Peer::start().await;
    let signer = Signer::p256("one");
    idp.publishes(&[&signer]);
    let issuer = idp.url("/realms/staff");
    let mut settings = settings(&idp);
    settings.issuers[0].jwks = None;
    settings.issuers[0].issuer = issuer.clone();
    let document = json!({ "issuer": issuer, "jwks_uri": idp.url("/keys") });
    idp.says(
        "/realms/staff/.well-known/openid-configuration",
        200,
        document,
    );
    let token = signer.token(&changed(claims(&idp), &json!({ "iss": issuer })));
    assert!(
        verifier(settings, &Ledger::start(None))
            .identify(&token)
            .await
            .is_ok()
    );
    let paths: Vec<String> = idp.asked().into_iter().map(|it| it.path).collect();
    let expected = [
        "/.well-known/oauth-authorization-server/realms/staff",
        "/.well-known/openid-configuration/realms/staff",
        "/realms/staff/.well-known/openid-configuration",
        "/keys",
    ];
    assert_eq!(paths, expected);
}

/// What a fresh verifier makes of a token when the issuer's metadata is this document.
async fn with_metadata(stage: &Stage, document: &Value, token: &str) -> Result<(), Denied> {
    stage.idp.says(OAUTH, 200, document);
    let mut settings = settings(&stage.idp);
    settings.issuers[0].jwks = None;
    let verifier = verifier(settings, &stage.ledger);
    verifier.identify(token).await.map(drop)
}

#[tokio::test]
async fn metadata_of_another_issuer_is_not_believed() {
    let stage = stage().await;
    let theirs = Signer::p256("one");
    let token = theirs.token(&stage.claims());
    let keys = stage.idp.url("/theirs");
    stage
        .idp
        .says("/theirs", 200, json!({ "keys": [theirs.jwk()] }));
    for document in [
        json!({ "jwks_uri": keys }),
        json!({ "issuer": "https://other.example", "jwks_uri": keys }),
        json!({ "issuer": stage.idp.url("/"), "jwks_uri": keys }),
        json!({ "issuer": [stage.idp.url("")], "jwks_uri": keys }),
    ] {
        let verdict = with_metadata(&stage, &document, &token).await;
        assert_eq!(verdict, Err(Denied::NoTell), "{document}");
    }
    assert_eq!(stage.idp.count("/theirs"), 0);
    // The issuer's name is all that was missing.
    let document = json!({ "issuer": stage.idp.url(""), "jwks_uri": keys });
    assert_eq!(with_metadata(&stage, &document, &token).await, Ok(()));
}

#[tokio::test]
async fn metadata_leads_to_nothing_that_is_not_allowed() {
    let stage = stage().await;
    let other = Peer::start().await;
    other.publishes(&[&stage.signer]);
    let token = stage.token(&json!({}));
    let elsewhere = other.url("/keys");
    for place in [
        json!(null),
        json!(1),
        json!("/keys"),
        json!("file:///etc/passwd"),
        // Another port, another name, another machine.
        json!(elsewhere),
        json!(elsewhere.replace("127.0.0.1", "localhost")),
        json!("http://169.254.169.254/keys"),
    ] {
        let document = json!({ "issuer": stage.idp.url(""), "jwks_uri": place });
        let verdict = with_metadata(&stage, &document, &token).await;
        assert_eq!(verdict, Err(Denied::NoTell), "{document}");
    }
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn metadata_that_leads_nowhere_is_read_again() {
    let stage = stage().await;
    let moved = json!({ "issuer": stage.idp.url(""), "jwks_uri": stage.idp.url("/moved") });
    stage.idp.says(OAUTH, 200, moved);
    let token = stage.token(&json!({}));
    assert_eq!(stage.check(&token).await, Err(Denied::NoTell));
    stage.idp.says(OAUTH, 200, metadata(&stage.idp));
    assert_eq!(
        stage.check(&token).await,
        Err(Denied::NoTell),
        "it is left alone for a while"
    );
    later(10).await;
    assert!(stage.check(&token).await.is_ok());
}

#[test]
fn places_that_would_never_be_fetched_are_problems() {
    let issuer = |issuer: &str, jwks: Option<&str>, allow: &[&str]| OAuth {
        resource: RESOURCE.into(),
        issuers: vec![Issuer {
            issuer: issuer.into(),
            jwks: jwks.map(str::to_owned),
            allow_private: allow.iter().map(|&entry| entry.into()).collect(),
            ..Issuer::default()
        }],
        ..OAuth::default()
    };
    let check = |settings: OAuth, expected: &[&str]| {
        let problems = crate::identity::problems(&settings);
        let paths: Vec<_> = problems.iter().map(|it| it.path.join(".")).collect();
        assert_eq!(paths, expected, "{problems:#?}");
    };
    check(issuer("https://id.example", None, &[]), &[]);
    check(issuer("https://id.example:9443", None, &[]), &[]);
    check(issuer("http://id.internal", None, &["id.internal"]), &[]);
    check(
        issuer("http://id.internal", None, &[]),
        &["issuers.0.issuer"],
    );
    check(issuer("https://10.0.0.1", None, &[]), &["issuers.0.issuer"]);
    // Nobody fetches anything from an issuer whose keys are elsewhere.
    let elsewhere = Some("https://keys.example/keys");
    check(issuer("http://id.internal", elsewhere, &[]), &[]);
    check(
        issuer("https://id.example", Some("http://keys.example"), &[]),
        &["issuers.0.jwks"],
    );
    check(
        issuer("https://id.example", None, &["10.0.0.0/1"]),
        &["issuers.0.allow_private.0"],
    );
    check(issuer("id.example", None, &[]), &["issuers.0.issuer"]);
}
