//! Two servers: the identity provider's assertion, and the token on its word.

use super::*;

/// The issuer of the server's authorization server.
const AUDIENCE: &str = "https://login.crm.example";

const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// An assertion with these claims in place of the right ones.
fn assertion(kind: &str, claims: Value) -> Value {
    let mut all = json!({
        "aud": AUDIENCE,
        "client_id": "gateway-at-crm",
        "resource": RESOURCE,
        "sub": "alice",
        "exp": now() + 60,
        "jti": "once",
    });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let assertion = signed(&json!({"alg": "RS256", "typ": kind}), &all.to_string());
    json!({"access_token": assertion, "issued_token_type": ID_JAG, "token_type": "N_A", "expires_in": 60})
}

fn good() -> Value {
    assertion("oauth-id-jag+jwt", json!({}))
}

async fn crm() -> Server {
    let answer =
        json!({"access_token": token(json!({})), "token_type": "Bearer", "expires_in": 300});
    Server::saying(vec![(200, answer)]).await
}

fn by(idp: &Server, crm: &Server) -> Wanted {
    Wanted::IdJag {
        idp: Box::new(idp.client("gateway")),
        at: crm.client("gateway-at-crm"),
        audience: AUDIENCE.to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: vec!["crm:read".to_owned()],
    }
}

#[tokio::test]
async fn a_token_is_had_on_the_identity_providers_word() {
    let good = good();
    let idp = Server::saying(vec![(200, good.clone())]).await;
    let crm = crm().await;
    let (broker, wanted) = (broker(), by(&idp, &crm));
    for _ in 0..2 {
        get(&broker, &wanted, Some(&caller("alice"))).await.unwrap();
    }
    let first = &idp.forms()[0];
    for (name, value) in [
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("requested_token_type", ID_JAG),
        ("subject_token", "canary-token-of-alice"),
        ("subject_token_type", ACCESS_TOKEN),
        ("audience", AUDIENCE),
        ("resource", RESOURCE),
        ("scope", "crm:read"),
    ] {
        assert_eq!(first[name], value);
    }
    let second = &crm.forms()[0];
    let members: Vec<_> = second.keys().map(String::as_str).collect();
    assert_eq!(members, ["assertion", "grant_type"]);
    assert_eq!(
        second["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    assert_eq!(second["assertion"], good["access_token"].as_str().unwrap());
    assert!(!crm.web.last().contains("canary"), "{}", crm.web.last());
    assert_eq!((idp.count(), crm.count()), (1, 1));
    // An assertion is good once: another caller's token is had with another.
    get(&broker, &wanted, Some(&caller("bob"))).await.unwrap();
    assert_eq!((idp.count(), crm.count()), (2, 2));
}

#[tokio::test]
async fn an_assertion_that_others_could_use_is_shown_to_nobody() {
    let right = "oauth-id-jag+jwt";
    let mut answers = vec![
        (
            "another server",
            assertion(right, json!({"aud": "https://other.example"})),
        ),
        (
            "two servers",
            assertion(right, json!({"aud": [AUDIENCE, "https://other.example"]})),
        ),
        (
            "another client",
            assertion(right, json!({"client_id": "other"})),
        ),
        ("any client", assertion(right, json!({"client_id": null}))),
        (
            "another resource",
            assertion(right, json!({"resource": "https://mail.example/mcp"})),
        ),
        (
            "two resources",
            assertion(
                right,
                json!({"resource": [RESOURCE, "https://mail.example/mcp"]}),
            ),
        ),
        ("an old one", assertion(right, json!({"exp": now() - 120}))),
        ("an access token", assertion("at+jwt", json!({}))),
        ("an ID token", assertion("JWT", json!({}))),
    ];
    for (name, value) in [
        ("access_token", json!("opaque")),
        ("token_type", json!("Bearer")),
        ("issued_token_type", json!(ACCESS_TOKEN)),
        ("scope", json!("crm:read crm:write")),
    ] {
        let mut answer = good();
        answer[name] = value;
        answers.push((name, answer));
    }
    for (what, answer) in answers {
        let (idp, crm) = (Server::saying(vec![(200, answer)]).await, crm().await);
        let got = get(&broker(), &by(&idp, &crm), Some(&caller("alice"))).await;
        assert!(matches!(got, Err(NoToken::Unfit(_))), "{what}: {got:?}");
        assert_eq!(crm.count(), 0, "{what}");
    }
}

#[tokio::test]
async fn either_servers_refusal_is_told() {
    let no = |code: &str| (400, json!({ "error": code }));
    let (idp, server) = (
        Server::saying(vec![no("invalid_target")]).await,
        crm().await,
    );
    let got = get(&broker(), &by(&idp, &server), Some(&caller("alice"))).await;
    let code = "invalid_target".to_owned();
    assert_eq!(got, Err(NoToken::Refused { code }));
    assert_eq!(server.count(), 0);
    let idp = Server::saying(vec![(200, good())]).await;
    let crm = Server::saying(vec![no("invalid_grant")]).await;
    let got = get(&broker(), &by(&idp, &crm), Some(&caller("alice"))).await;
    let code = "invalid_grant".to_owned();
    assert_eq!(got, Err(NoToken::Refused { code }));
}
