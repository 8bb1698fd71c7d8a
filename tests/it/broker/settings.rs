//! What is written of credentials, and what of it could not work.

use waypost::{
    app::wire,
    config::{File, parse},
};

use super::*;

const OAUTH: &str = "access: { keys: [{ name: ci, key: env:KEY }], oauth: { resource: 'https://gateway.example/mcp', issuers: [{ issuer: 'https://login.example' }], scopes: { all: { tools: ['*'] } } } }";

const EXCHANGE: &str = "kind: token_exchange, token_url: 'https://login.example/token', client_id: gateway, client_secret: env:SECRET";

fn read(access: &str, entry: &str) -> File {
    let text = format!("{access}\ntools: {{ crm: {{ kind: mcp, {entry} }} }}\n");
    match parse::<File>("waypost.yaml", &text) {
        Ok(loaded) => loaded.value,
        Err(malformed) => panic!("{:#?}\n{text}", malformed.diagnostics),
    }
}

fn environment(name: &str) -> Option<String> {
    Some(format!("a-long-secret-of-{name}"))
}

/// What the server of this entry wants.
fn wanted(access: &str, entry: &str) -> Option<Wanted> {
    match wire(&read(access, entry), &environment) {
        Ok(wired) => {
            let mut servers = wired.servers.into_iter();
            let crm = servers.find(|(spec, _)| &*spec.name == "crm");
            crm.and_then(|(_, entry)| entry.credentials)
        }
        Err(problems) => panic!("{problems:#?}"),
    }
}

#[track_caller]
fn assert_problem(access: &str, entry: &str, expected: &str) {
    let problems = wire(&read(access, entry), &environment).err();
    let problems = problems.unwrap_or_default();
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let found = texts.iter().any(|text| text.starts_with(expected));
    assert!(found, "{expected}\n{texts:#?}");
}

#[test]
fn what_is_not_written_follows_from_the_server() {
    let entry = format!(
        "url: 'https://crm.example/mcp', credentials: {{ {EXCHANGE}, scopes: ['crm:read'] }}"
    );
    let Some(Wanted::TokenExchange {
        at,
        resource,
        scopes,
    }) = wanted(OAUTH, &entry)
    else {
        panic!("no exchange");
    };
    assert_eq!(at.token_url.as_str(), "https://login.example/token");
    assert_eq!(
        (at.id.as_str(), at.secret.reveal()),
        ("gateway", "a-long-secret-of-SECRET")
    );
    assert_eq!(
        (resource.as_str(), scopes),
        (RESOURCE, vec!["crm:read".to_owned()])
    );
    let own = "url: 'http://127.0.0.1:9/mcp', credentials: { kind: client_credentials, token_url: 'http://127.0.0.1:9/token', client_id: gateway, client_secret: env:SECRET, resource: 'https://crm.example' }";
    let Some(Wanted::ClientCredentials { resource, .. }) = wanted("access: open", own) else {
        panic!("no credentials");
    };
    assert_eq!(resource, "https://crm.example");
    assert!(wanted(OAUTH, "url: 'https://crm.example/mcp'").is_none());
}

#[test]
fn an_assertion_needs_two_servers() {
    let entry = |token_url: &str| {
        format!(
            "url: 'https://crm.example/mcp', credentials: {{ kind: id_jag, idp_token_url: 'https://login.example/token', idp_client_id: gateway, idp_client_secret: env:A, audience: 'https://login.crm.example', token_url: '{token_url}', client_id: at-crm, client_secret: env:B }}"
        )
    };
    let Some(Wanted::IdJag {
        idp, at, audience, ..
    }) = wanted(OAUTH, &entry("https://login.crm.example/token"))
    else {
        panic!("no assertion");
    };
    assert_eq!((idp.id.as_str(), at.id.as_str()), ("gateway", "at-crm"));
    assert_eq!(
        (idp.secret.reveal(), at.secret.reveal()),
        ("a-long-secret-of-A", "a-long-secret-of-B")
    );
    assert_eq!(audience, "https://login.crm.example");
    assert_problem(
        OAUTH,
        &entry("https://login.example/token"),
        "tools.crm.credentials.token_url: it is the identity provider's own",
    );
}

#[test]
fn what_nobody_could_call_is_a_problem() {
    let entry = format!("url: 'https://crm.example/mcp', credentials: {{ {EXCHANGE} }}");
    for access in [
        "",
        "access: open",
        "access: { keys: [{ name: ci, key: env:KEY }] }",
    ] {
        assert_problem(
            access,
            &entry,
            "tools.crm.credentials.kind: nobody could call it: only a caller who comes with a token has one to exchange; expected `access.oauth`, or `client_credentials`",
        );
    }
}

#[test]
fn every_mistake_is_told_at_its_key() {
    let with = |credentials: &str| {
        format!(
            "url: 'https://crm.example/mcp', credentials: {{ kind: token_exchange, client_secret: env:S, {credentials} }}"
        )
    };
    let good = "client_id: a, token_url: 'https://login.example/token'";
    for (credentials, expected) in [
        (
            "client_id: a, token_url: 'http://login.example/token'",
            "token_url: `http://login.example/token` may not be asked: it is http",
        ),
        (
            "client_id: a, token_url: 'https://169.254.169.254/token'",
            "token_url: `https://169.254.169.254/token` may not be asked: its address",
        ),
        (
            "client_id: a, token_url: 'https://10.0.0.1/token'",
            "token_url: `https://10.0.0.1/token` may not be asked: its address",
        ),
        (
            "client_id: a, token_url: 'https://me:you@login.example/token'",
            "token_url: `https://me:you@login.example/token` may not be asked: it has a user name",
        ),
        (
            "client_id: a, token_url: 'file:///etc/passwd'",
            "token_url: `file:///etc/passwd` may not be asked",
        ),
        (
            "client_id: a, token_url: login",
            "token_url: `login` is no URL",
        ),
        (
            "client_id: '', token_url: 'https://login.example/token'",
            "client_id: the gateway has no name there",
        ),
        (
            &format!("{good}, resource: crm"),
            "resource: `crm` is no URL",
        ),
        (
            &format!("{good}, resource: 'https://crm.example/#mcp'"),
            "resource: `https://crm.example/#mcp` is no URL",
        ),
        (
            &format!("{good}, scopes: [a, 'b c']"),
            "scopes.1: `b c` is no scope",
        ),
        (&format!("{good}, scopes: ['']"), "scopes.0: `` is no scope"),
    ] {
        assert_problem(
            OAUTH,
            &with(credentials),
            &format!("tools.crm.credentials.{expected}"),
        );
    }
    let two = format!(
        "urls: ['https://a.example/mcp', 'https://b.example/mcp'], credentials: {{ {EXCHANGE} }}"
    );
    assert_problem(
        OAUTH,
        &two,
        "tools.crm.credentials.resource: it is not said what tokens are for",
    );
    let program = format!(
        "command: [/bin/true], credentials: {{ {EXCHANGE}, resource: 'https://crm.example' }}"
    );
    assert_problem(
        OAUTH,
        &program,
        "tools.crm.credentials: a program takes no tokens",
    );
    let headers = format!(
        "url: 'https://crm.example/mcp', headers: {{ Authorization: env:H }}, credentials: {{ {EXCHANGE} }}"
    );
    assert_problem(
        OAUTH,
        &headers,
        "tools.crm.headers.Authorization: `credentials` bring this header",
    );
}
