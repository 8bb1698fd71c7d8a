//! What reaches a server of whoever calls with a token.

use serde_json::json;

use super::{
    fake::{Era, Fake},
    kind::{call, until_listed},
};
use crate::{
    mcp::peer::{Modern, Session},
    oauth::issuer::Issuer,
    support::Gateway,
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
