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

#[tokio::test]
async fn metadata_that_is_not_the_issuers_leads_nowhere() {
    let stage = stage().await;
    let other = Peer::start().await;
    let theirs = Signer::p256("one");
    other.publishes(&[&theirs]);
    let token = theirs.token(&stage.claims());
    let keys = other.url("/keys");
    for document in [
        json!({ "jwks_uri": keys }),
        json!({ "issuer": other.url(""), "jwks_uri": keys }),
        json!({ "issuer": stage.idp.url("/"), "jwks_uri": keys }),
        json!({ "issuer": [stage.idp.url("")], "jwks_uri": keys }),
        json!({ "issuer": stage.idp.url("") }),
        json!({ "issuer": stage.idp.url(""), "jwks_uri": 1 }),
        json!({ "issuer": stage.idp.url(""), "jwks_uri": "/keys" }),
        json!({ "issuer": stage.idp.url(""), "jwks_uri": "file:///etc/passwd" }),
        // What is not listed in allow_private is not reached, whoever names it: another port, another name.
        json!({ "issuer": stage.idp.url(""), "jwks_uri": keys }),
        json!({ "issuer": stage.idp.url(""), "jwks_uri": keys.replace("127.0.0.1", "localhost") }),
        json!({ "issuer": stage.idp.url(""), "jwks_uri": "http://169.254.169.254/keys" }),
        json!([]),
    ] {
        stage.idp.says(OAUTH, 200, &document);
        let mut settings = settings(&stage.idp);
        settings.issuers[0].jwks = None;
        let verifier = verifier(settings, &stage.ledger);
        assert_eq!(
            verifier.identify(&token).await,
            Err(Denied::NoTell),
            "{document}"
        );
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
