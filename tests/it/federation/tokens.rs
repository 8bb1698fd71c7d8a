//! What reaches a server of whoever calls with a token.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use super::{
    fake::{Era, Fake},
    kind::{call, until_listed},
    later,
};
use crate::{
    mcp::peer::{Modern, Session},
    oauth::issuer::Issuer,
    support::{
        Gateway,
        web::{self, Web},
    },
};

#[tokio::test]
async fn a_callers_token_reaches_no_server() {
    let issuer = Issuer::start().await;
    let token = issuer.token("ann");
    for era in [Era::Old, Era::New] {
        let fake = Fake::start(era).await;
        fake.lists(&[("who", "Says who.")]);
        let folder = tempfile::tempdir().unwrap();
        let pins = folder.path().join("pins.json");
        let tools = format!(
            "tools: {{ s: {{ kind: mcp, url: '{}', approve: first_use }} }}
mcp: {{ builtin: false, pins: {pins:?} }}
",
            fake.url
        );
        let gateway = Gateway::start(&(issuer.config("tools: ['s.*']") + &tools)).await;
        let client = Modern {
            gateway: &gateway,
            key: Some(&token),
        };
        until_listed(&client, &["s__who"]).await;
        let answer = call(&client, "s__who").await;
        assert_eq!(answer["content"][0]["text"], "", "{answer}");
        let session = Session::begin(&gateway, Some(&token)).await;
        let params = json!({ "name": "s__who", "arguments": {} });
        let answer = session.ask("tools/call", params).await;
        assert_eq!(answer["result"]["content"][0]["text"], "", "{answer}");
        let signature = token.rsplit_once('.').unwrap().1;
        let got = fake.book.got.lock().unwrap();
        assert!(got.iter().any(|got| got.method == "tools/call"));
        for got in got.iter() {
            assert!(!format!("{got:?}").contains(signature), "{got:?}");
        }
    }
}

#[tokio::test]
async fn a_token_that_does_not_suffice_is_kept_and_one_that_is_refused_is_not() {
    let fake = Fake::start(Era::New).await;
    fake.lists(&[("forbidden", "Is refused."), ("sign_in", "Is refused too.")]);
    let issued = Arc::new(AtomicUsize::new(0));
    let counted = issued.clone();
    let issuer = Web::start("127.0.0.1:0", move |_| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        let token = json!({
            "access_token": format!("own.{number}"), "token_type": "Bearer", "expires_in": 300,
        });
        web::json(200, &token.to_string())
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let (secret, pins) = (
        folder.path().join("secret"),
        folder.path().join("pins.json"),
    );
    std::fs::write(&secret, "a secret of ours").unwrap();
    let yaml = format!(
        "providers: {{ p: {{ dialect: simulated }} }}
access: {{ keys: [{{ name: alice, key: wp-alice-0123456789 }}] }}
mcp: {{ builtin: false, pins: {pins:?} }}
tools:
  s:
    kind: mcp
    url: '{}'
    approve: first_use
    credentials:
      kind: client_credentials
      token_url: 'http://{}/token'
      client_id: gateway
      client_secret: 'file:{}'
",
        fake.url,
        issuer.address,
        secret.display(),
    );
    let gateway = Gateway::start(&yaml).await;
    let client = Modern {
        gateway: &gateway,
        key: Some("wp-alice-0123456789"),
    };
    until_listed(&client, &["s__forbidden", "s__sign_in"]).await;
    let number = || issued.load(Ordering::SeqCst);
    let refused = async |tool: &str| {
        // A token is kept a second, whatever is said of it.
        later(Duration::from_secs(2)).await;
        let before = number();
        let answer = call(&client, tool).await;
        assert_eq!(answer["isError"], true, "{answer}");
        number() - before
    };
    assert_eq!(refused("s__forbidden").await, 0);
    assert_eq!(refused("s__forbidden").await, 0);
    assert_eq!(refused("s__sign_in").await, 1);
}
