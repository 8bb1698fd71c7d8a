//! What is told of the resource, and configurations that are wrong.

use serde_json::json;
use waypost::{
    app::wire,
    config::{File, parse},
};

use super::stage::{CONFIG, Stage};

#[tokio::test]
async fn everybody_may_read_whose_tokens_are_good() {
    let stage = Stage::start().await;
    let get = |path: &str| stage.send(stage.request(reqwest::Method::GET, path, None));
    for path in ["", "/mcp"] {
        let answer = get(&format!("/.well-known/oauth-protected-resource{path}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        let expected = json!({
            "resource": "http://127.0.0.1:8080/mcp",
            "authorization_servers": ["https://corp.example", "https://labs.example"],
            "scopes_supported": ["read", "write"],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(answer.json(), expected);
    }
    for path in ["/other", "/mcp/", "/mcp/more", "/MCP"] {
        let answer = get(&format!("/.well-known/oauth-protected-resource{path}")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    stage.reload(CONFIG.split("  oauth:").next().unwrap());
    for path in ["", "/mcp"] {
        let answer = get(&format!("/.well-known/oauth-protected-resource{path}")).await;
        assert_eq!(answer.status, 404);
    }
}

#[tokio::test]
async fn tokens_alone_are_enough() {
    let alone = CONFIG.replace("  keys: [{ name: ci, key: wp-0123456789abcdef }]\n", "");
    let stage = Stage::with(&alone).await;
    assert_eq!(stage.chat(None, "chat").await.status, 401);
    assert_eq!(
        stage.chat(Some(super::stage::ANN), "chat").await.status,
        200
    );
}

#[test]
fn wrong_papers_are_told_with_their_place() {
    let check = |from: &str, to: &str, expected: &[&str]| {
        assert!(CONFIG.contains(from), "{from}");
        let file: File = parse("test", &CONFIG.replace(from, to)).unwrap().value;
        let problems = match wire(&file, &|_| None) {
            Ok(wired) => wired.warnings,
            Err(problems) => problems,
        };
        let texts: Vec<String> = problems.iter().map(|it| it.to_string()).collect();
        for text in expected {
            assert!(
                texts.iter().any(|it| it.starts_with(text)),
                "{text}: {texts:#?}"
            );
        }
    };
    let labs = "{ issuer: 'https://labs.example' }";
    check(
        "resource: http://127.0.0.1:8080/mcp",
        "resource: http://gw.example/mcp",
        &["access.oauth.resource: "],
    );
    check(
        "    resource: http://127.0.0.1:8080/mcp\n",
        "",
        &["access.oauth.resource: "],
    );
    check(
        labs,
        "{ issuer: 'https://labs.example', name: corp }",
        &["access.oauth.issuers.1.name: "],
    );
    check(
        "name: corp",
        "name: a/b",
        &["access.oauth.issuers.0.name: "],
    );
    check(
        "name: ci",
        "name: corp/ann",
        &["access.keys.0.name: `corp/ann` could be the holder"],
    );
    check(
        "name: ci",
        "name: labs.example/ann",
        &["access.keys.0.name: `labs.example/ann` could"],
    );
    check(
        "routes: [chat]",
        "routes: [caht]",
        &["access.oauth.scopes.read.routes.0: there is no route `caht`"],
    );
    check(
        "write: {}",
        "write: { implies: [raed] }",
        &["access.oauth.scopes.write.implies.0: "],
    );
    check(
        "scopes: [write]",
        "scopes: [wriet]",
        &["tools.docs.write.scopes.0: the scope `wriet` is not among"],
    );
    check(
        "access:\n",
        "  crm: { kind: mcp, url: 'https://crm.example/mcp', policy: { add: { scopes: [write, raed] } } }\naccess:\n",
        &["tools.crm.policy.add.scopes.1: the scope `raed` is not among"],
    );
    check(
        "    scopes:\n      read",
        "    rpm: 0\n    scopes:\n      read",
        &["access.oauth.rpm: "],
    );
    let scopes = CONFIG.split("    scopes:\n      read").nth(1).unwrap();
    check(
        &format!("    scopes:\n      read{scopes}"),
        "",
        &["access.oauth.scopes: there are no scopes"],
    );
    let asks = "{ issuer: 'https://labs.example', introspection: { client_id: a, client_secret: 'env:NOWHERE' } }";
    check(
        labs,
        asks,
        &["access.oauth.issuers.1.introspection.client_secret: "],
    );
}
