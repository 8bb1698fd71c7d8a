//! Servers elsewhere exchange the ticket of a call for a key (RFC 8693).

use std::time::Duration;

use tokio::time::Instant;

use super::{ALICE, Call, ask, terms};
use crate::support::{Answer, Gateway, Provider, completion};

const CRM: &str = "wp-crm-0123456789abcdef";
const MAIL: &str = "wp-mail-0123456789abcdef";
/// As base64 may come out, with more that forms encode.
const SIGNS: &str = "c2ln+nMtMDEyMzQ1%41Nzg5YQ==";

async fn gateway(provider: &Provider) -> Gateway {
    let server = |name: &str, key: &str| {
        format!(
            "  {name}: {{ kind: mcp, url: 'http://127.0.0.1:9/mcp', allow_private: [127.0.0.1], model: {{ client_key: {key} }} }}\n"
        )
    };
    Gateway::start(&format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{}\", models: {{ m: {{ price: {{ input: 1, output: 1 }} }} }} }}
routes: {{ cheap: {{ targets: [a/m] }} }}
access: {{ keys: [{{ name: alice, key: {ALICE} }}] }}
tools:
{}{}{}",
        provider.url,
        server("crm", CRM),
        server("mail", MAIL),
        server("signs", SIGNS)
    ))
    .await
}

fn form(ticket: &str) -> String {
    let grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    format!(
        "grant_type={grant}&subject_token={ticket}&subject_token_type=urn:waypost:token-type:ticket"
    )
}

async fn exchange(gateway: &Gateway, authorization: &str, form: String) -> Answer {
    let request = gateway.client.post(format!("{}/oauth/token", gateway.url));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("authorization", authorization).body(form);
    gateway.send(request).await
}

fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.json()["error"], error);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.json()["error_description"].is_string());
}

fn basic(user: &str, password: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    )
}

#[tokio::test]
async fn a_key_with_signs_is_taken_as_it_is_and_encoded_as_in_forms() {
    let provider = Provider::start([]).await;
    let gateway = gateway(&provider).await;
    let encoded = SIGNS
        .replace('%', "%25")
        .replace('+', "%2B")
        .replace('=', "%3D");
    for password in [SIGNS, &encoded] {
        let answer = exchange(&gateway, &basic("signs", password), form("wpx-guessed")).await;
        refused(&answer, 400, "invalid_grant");
    }
    for password in [&SIGNS.replace('+', " "), &encoded.replace("%2B", "+")] {
        let answer = exchange(&gateway, &basic("signs", password), form("wpx-guessed")).await;
        refused(&answer, 401, "invalid_client");
    }
}

#[tokio::test]
async fn a_ticket_is_exchanged_once_by_the_server_it_was_sent_to() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let call = Call::of(&gateway, ALICE, "call-1", terms(Some("cheap")));
    let mint = gateway.hall.face().access.mint().clone();
    let until = Instant::now() + Duration::from_secs(60);
    let ticket = mint.ticket(call.caller.clone(), until);
    let text = ticket.ticket.reveal().to_owned();
    let bearer = |key: &str| format!("Bearer {key}");

    for nobody in [
        &bearer(ALICE),
        &bearer(""),
        &bearer("wp-crm"),
        &basic("mail", CRM),
        "Digest x",
    ] {
        let answer = exchange(&gateway, nobody, form(&text)).await;
        refused(&answer, 401, "invalid_client");
        assert!(answer.header("www-authenticate").starts_with("Basic"));
    }
    // Another server's ticket is none, and is not used up by the try.
    refused(
        &exchange(&gateway, &bearer(MAIL), form(&text)).await,
        400,
        "invalid_grant",
    );
    let crm = bearer(CRM);
    for (bad, error) in [
        (String::new(), "invalid_request"),
        (
            form(&text).replace("token-exchange", "jwt-bearer"),
            "unsupported_grant_type",
        ),
        (form(&text).replace(":ticket", ":jwt"), "invalid_request"),
        (form(&text) + "&subject_token=again", "invalid_request"),
        (
            form(&text) + "&requested_token_type=urn:ietf:params:oauth:token-type:jwt",
            "invalid_request",
        ),
        (form(&"x".repeat(9_000)), "invalid_request"),
        (form("wpx-guessed"), "invalid_grant"),
    ] {
        refused(&exchange(&gateway, &crm, bad).await, 400, error);
    }

    let answer = exchange(&gateway, &crm, form(&text)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    let given = answer.json();
    assert_eq!(given["token_type"], "Bearer");
    assert_eq!(
        given["issued_token_type"],
        "urn:ietf:params:oauth:token-type:access_token"
    );
    let lasts = given["expires_in"].as_u64().unwrap();
    assert!((1..=60).contains(&lasts), "{lasts}");
    let key = given["access_token"].as_str().unwrap();
    assert_eq!(ask(&gateway, key, "x").await.status, 200);
    assert_eq!(call.completions().len(), 1);
    for again in [&crm, &basic("crm", CRM)] {
        refused(
            &exchange(&gateway, again, form(&text)).await,
            400,
            "invalid_grant",
        );
    }

    // With the call everything ends.
    drop(ticket);
    assert_eq!(ask(&gateway, key, "x").await.status, 401);
    let second = mint.ticket(call.caller.clone(), until);
    let text = second.ticket.reveal().to_owned();
    call.serving.end();
    refused(
        &exchange(&gateway, &basic("crm", CRM), form(&text)).await,
        400,
        "invalid_grant",
    );
}
