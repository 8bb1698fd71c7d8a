//! Data of strangers read, data sent: over the wire, by clients that can ask their users and clients that cannot.

use serde_json::{Value, json};

use super::{post, request, result, text};
use crate::support::Gateway;

const TOOLS: &str = "
access: { keys: [ { name: alice, key: wp-alice-0123456789 }, { name: bob, key: wp-bob-0123456789ab } ] }
tools:
  inbox.read: { kind: fixture, does: text, description: d, untrusted: true }
  mail.send: { kind: fixture, does: arguments, description: d, sends_out: true, input_schema: { additionalProperties: true } }
";

const ALICE: &str = "wp-alice-0123456789";
const BOB: &str = "wp-bob-0123456789ab";

/// Makes a call with a key; `more` are members of its parameters.
async fn made(gateway: &Gateway, key: &str, tool: &str, (able, more): (bool, Value)) -> Value {
    let capabilities = match able {
        true => json!({"elicitation": {"form": {}}}),
        false => json!({}),
    };
    let meta = json!({"io.modelcontextprotocol/clientCapabilities": capabilities});
    let mut request = request(tool, json!({}), meta);
    let more = more.as_object().cloned().unwrap_or_default();
    request["params"].as_object_mut().unwrap().extend(more);
    let request = post(gateway, tool, &request).bearer_auth(key);
    result(&gateway.send(request).await)
}

#[tokio::test]
async fn who_has_read_what_strangers_wrote_sends_with_the_users_word_only() {
    let gateway = Gateway::start(TOOLS).await;
    let plain = || (false, json!({}));
    let sent = made(&gateway, ALICE, "mail__send", plain()).await;
    assert_ne!(sent["isError"], true, "{sent}");
    let read = made(&gateway, ALICE, "inbox__read", plain()).await;
    assert_eq!(read["_meta"]["dev.waypost/untrusted"], true, "{read}");

    let refused = made(&gateway, ALICE, "mail__send", plain()).await;
    assert_eq!(refused["isError"], true);
    assert!(text(&refused).contains("`inbox.read`"), "{refused}");
    let others = made(&gateway, BOB, "mail__send", plain()).await;
    assert_ne!(others["isError"], true, "{others}");

    let asked = made(&gateway, ALICE, "mail__send", (true, json!({}))).await;
    let question = &asked["inputRequests"]["dev.waypost/approval"];
    assert_eq!(question["method"], "elicitation/create", "{asked}");
    for (approve, is_refused) in [(false, true), (true, false)] {
        let answer = json!({"action": "accept", "content": {"approve": approve}});
        let more = json!({
            "requestState": asked["requestState"],
            "inputResponses": {"dev.waypost/approval": answer},
        });
        let sent = made(&gateway, ALICE, "mail__send", (true, more)).await;
        assert_eq!(sent["isError"] == true, is_refused, "{sent}");
    }
}

#[tokio::test]
async fn one_yes_lets_one_call_pass() {
    let gateway = Gateway::start(TOOLS).await;
    made(&gateway, ALICE, "inbox__read", (false, json!({}))).await;
    let answer = json!({"action": "accept", "content": {"approve": true}});
    let unasked = json!({"inputResponses": {"dev.waypost/approval": answer}});
    let asked = made(&gateway, ALICE, "mail__send", (true, unasked)).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let more = json!({
        "requestState": asked["requestState"],
        "inputResponses": {"dev.waypost/approval": answer},
    });
    let sent = made(&gateway, ALICE, "mail__send", (true, more.clone())).await;
    assert!(sent["content"].is_array(), "{sent}");
    for _ in 0..2 {
        let again = made(&gateway, ALICE, "mail__send", (true, more.clone())).await;
        let question = &again["inputRequests"]["dev.waypost/approval"];
        assert_eq!(question["method"], "elicitation/create", "{again}");
        assert!(again.get("content").is_none(), "{again}");
    }
}

#[tokio::test]
async fn the_operator_may_say_yes_or_no_for_everybody() {
    for (rule, is_refused) in [("deny", true), ("allow", false)] {
        let yaml = format!("{TOOLS}mcp: {{ untrusted: {{ approval: {rule} }} }}\n");
        let gateway = Gateway::start(&yaml).await;
        made(&gateway, ALICE, "inbox__read", (true, json!({}))).await;
        let sent = made(&gateway, ALICE, "mail__send", (true, json!({}))).await;
        assert_eq!(sent["isError"] == true, is_refused, "{rule}: {sent}");
    }
}
