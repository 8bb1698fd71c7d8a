//! A server's tools, prompts and resources from end to end: through a whole gateway, to clients of both revisions.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::fake::{Era, Fake};
use crate::{
    mcp::{
        peer::{Modern, Session},
        speaker,
    },
    support::{
        Gateway,
        gateway::PATIENCE,
        web::{self, Web},
    },
};

const ALICE: &str = "wp-alice-0123456789";
const BOB: &str = "wp-bob-0123456789";

const ADMIN: &str = "adm-key-0123456789";

/// Alice may call everything, Bob one tool.
const ACCESS: &str = "
server: { admin_key: adm-key-0123456789 }
providers: { p: { dialect: simulated } }
access:
  keys:
    - { name: alice, key: wp-alice-0123456789 }
    - { name: bob, key: wp-bob-0123456789, tools: [s.who] }
";

/// A gateway with approvals of its own.
struct Scene {
    gateway: Gateway,
    _folder: TempDir,
}

impl Scene {
    /// With a server `s` at this address, and more in its entry.
    async fn of(url: &str, more: &str) -> Self {
        let tools = format!("tools: {{ s: {{ kind: mcp, url: '{url}'{more} }} }}");
        Self::with(&tools).await
    }

    async fn with(rest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pins = folder.path().join("pins.json");
        let yaml = format!("{ACCESS}{rest}\nmcp: {{ builtin: false, pins: {pins:?} }}\n");
        Self {
            gateway: Gateway::start(&yaml).await,
            _folder: folder,
        }
    }

    fn alice(&self) -> Modern<'_> {
        modern(&self.gateway, ALICE)
    }

    /// What waits of the server.
    async fn held(&self) -> Vec<Value> {
        let url = format!("{}/admin/servers/s", self.gateway.admin);
        let asking = self.gateway.client.get(url).bearer_auth(ADMIN);
        let shown = self.gateway.send(asking).await.json();
        shown["held"].as_array().unwrap().clone()
    }
}

fn modern<'a>(gateway: &'a Gateway, key: &'a str) -> Modern<'a> {
    Modern {
        gateway,
        key: Some(key),
    }
}

fn names(list: &Value) -> Vec<&str> {
    let tools = list["tools"].as_array().unwrap().iter();
    tools.map(|tool| tool["name"].as_str().unwrap()).collect()
}

/// Waits until the client is listed these tools.
pub(super) async fn until_listed(client: &Modern<'_>, expected: &[&str]) {
    let listed = async {
        while names(&client.result("tools/list", json!({})).await) != expected {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let listed = timeout(PATIENCE, listed).await;
    assert!(listed.is_ok(), "never listed: {expected:?}");
}

pub(super) async fn call(client: &Modern<'_>, tool: &str) -> Value {
    let params = json!({ "name": tool, "arguments": {} });
    client.result("tools/call", params).await
}

#[tokio::test]
async fn what_waits_is_approved_and_called_in_both_revisions_by_whoever_may() {
    let fake = Fake::start(Era::Both).await;
    fake.lists(&[("who", "Says who."), ("steps", "Takes steps.")]);
    let scene = Scene::of(&fake.url, "").await;
    let (gateway, client) = (&scene.gateway, scene.alice());
    gateway
        .until("its list is read", |hall| {
            let standing = hall.face().fleet.server("s").map(|it| it.standing());
            standing.is_some_and(|standing| standing.held.len() == 4)
        })
        .await;
    assert_eq!(
        names(&client.result("tools/list", json!({})).await),
        [""; 0]
    );
    let refused = client.error("tools/call", json!({ "name": "s__steps", "arguments": {} }));
    assert_eq!(refused.await.0, -32602);

    let digests: Vec<Value> = scene
        .held()
        .await
        .iter()
        .map(|it| it["digest"].clone())
        .collect();
    let wish = json!({ "all": true, "digests": digests }).to_string();
    let url = format!("{}/admin/servers/s/approve", gateway.admin);
    let answer = gateway
        .send(gateway.client.post(url).bearer_auth(ADMIN).body(wish))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    until_listed(&client, &["s__steps", "s__who"]).await;

    let answer = call(&client, "s__steps").await;
    assert_eq!(answer["content"][0]["text"], "done", "{answer}");
    let session = Session::begin(gateway, Some(ALICE)).await;
    let params = json!({ "name": "s__steps", "arguments": {} });
    let answer = session.ask("tools/call", params).await;
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");

    let other = modern(gateway, BOB);
    assert_eq!(
        names(&other.result("tools/list", json!({})).await),
        ["s__who"]
    );
    let refused = other.error("tools/call", json!({ "name": "s__steps", "arguments": {} }));
    assert_eq!(refused.await.0, -32602);
    // Bob's own key is not the server's business.
    let answer = call(&other, "s__who").await;
    assert_eq!(answer["content"][0]["text"], "", "{answer}");
}

#[tokio::test]
async fn clients_hear_of_what_a_server_announces_and_drift_is_taken_out() {
    let fake = Fake::start(Era::Old).await;
    fake.lists(&[("who", "Says who."), ("steps", "Takes steps.")]);
    let scene = Scene::of(&fake.url, ", approve: first_use").await;
    let client = scene.alice();
    until_listed(&client, &["s__steps", "s__who"]).await;
    super::until("the server is listened to", || fake.is_heard()).await;

    let wanted = json!({ "toolsListChanged": true, "promptsListChanged": true });
    let mut events = client.listen(wanted).await;
    // Nothing is other: it only says so.
    fake.say("notifications/prompts/list_changed");
    assert_eq!(
        events.methods(1).await,
        ["notifications/prompts/list_changed"]
    );
    fake.lists(&[
        ("who", "Says who. Now also reads files."),
        ("steps", "Takes steps."),
    ]);
    fake.say("notifications/tools/list_changed");
    assert_eq!(
        events.methods(1).await,
        ["notifications/tools/list_changed"]
    );
    until_listed(&client, &["s__steps"]).await;
    let held = scene.held().await;
    assert_eq!(held[0]["tool"], "who");
    assert_ne!(held[0]["change"]["kind"], "new");
    let refused = client.error("tools/call", json!({ "name": "s__who", "arguments": {} }));
    assert_eq!(refused.await.0, -32602);
}

#[tokio::test]
async fn prompts_and_resources_whose_server_asks_come_back_to_it_with_the_answer() {
    let fake = Fake::start(Era::New).await;
    fake.lists(&[("who", "Says who.")]);
    let scene = Scene::of(&fake.url, ", approve: first_use").await;
    let client = scene.alice();
    until_listed(&client, &["s__who"]).await;
    let prompt = (
        "prompts/get",
        json!({ "name": "s.hello" }),
        "/messages/0/content/text",
    );
    let resource = (
        "resources/read",
        json!({ "uri": "note://1" }),
        "/contents/0/text",
    );
    for (method, mut params, place) in [prompt, resource] {
        let asked = client.result(method, params.clone()).await;
        assert_eq!(asked["resultType"], "input_required", "{asked}");
        let state = asked["requestState"].as_str().unwrap();
        assert!(!state.contains("state of the server"), "it travels sealed");
        params["requestState"] = state.into();
        params["inputResponses"] =
            json!({ "who": { "action": "accept", "content": { "name": "Ada" } } });
        let answer = client.result(method, params).await;
        let said = answer.pointer(place).unwrap_or(&Value::Null);
        assert_eq!(said, "Ada state of the server", "{answer}");
    }
}

#[tokio::test]
async fn a_server_is_told_what_this_client_can_do_and_its_check_comes_through() {
    let fake = Fake::start(Era::New).await;
    fake.lists(&[
        ("able", "Says what it was told."),
        ("lacks", "Lacks something."),
    ]);
    let scene = Scene::of(&fake.url, ", approve: first_use").await;
    let client = scene.alice();
    until_listed(&client, &["s__able", "s__lacks"]).await;
    let answer = call(&client, "s__able").await;
    let said: Value = serde_json::from_str(answer["content"][0]["text"].as_str().unwrap()).unwrap();
    assert!(said[0]["elicitation"].is_object(), "{said}");
    assert!(said[0]["sampling"].is_null(), "{said}");
    assert!(said[1].is_null(), "it wants no log messages: {said}");
    let params = json!({ "name": "s__lacks", "arguments": {} });
    let answer = client.ask("tools/call", params).await;
    assert_eq!(answer["error"]["code"], -32021, "{answer}");
    let data = json!({ "requiredCapabilities": { "sampling": {} } });
    assert_eq!(answer["error"]["data"], data);
}

#[tokio::test]
async fn a_task_begins_once_it_was_asked_and_is_what_it_is_at_the_server() {
    let behind = Gateway::start(
        "
access: open
mcp: { builtin: false }
providers: { p: { dialect: simulated } }
tools:
  first: { kind: fixture, does: name_first_job, description: Asks., task: optional }
  breaks: { kind: fixture, does: broken_job, description: Breaks., task: optional }
",
    )
    .await;
    let url = format!("{}/mcp", behind.url);
    let scene = Scene::of(&url, ", approve: first_use, task: optional").await;
    until_listed(&scene.alice(), &["s__breaks", "s__first"]).await;
    let client = speaker::Modern::new(&scene.gateway, ALICE);
    let state = client.state_of("s__first", json!({})).await;
    let ada = json!({ "user_name": { "action": "accept", "content": { "name": "Ada" } } });
    let begun = client.back("s__first", &state, ada).await;
    let id = begun.result()["taskId"].as_str().unwrap();
    let task = client.task_when(id, "completed").await;
    assert_eq!(task["result"]["content"][0]["text"], "Hello, Ada!");

    let id = client.begin("s__breaks", json!({})).await;
    let task = client.task_when(&id, "failed").await;
    assert_eq!(task["error"]["code"], -32603, "{task}");
    assert!(task["result"].is_null(), "{task}");
}

#[tokio::test]
async fn lists_are_read_with_the_gateways_own_token() {
    let fake = Fake::start(Era::New).await;
    fake.lists(&[("who", "Says who.")]);
    let issued = json!({
        "access_token": "own-token-of-the-gateway", "token_type": "Bearer", "expires_in": 300,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    });
    let issuer = Web::start("127.0.0.1:0", move |_| web::json(200, &issued.to_string())).await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret of ours").unwrap();
    let yaml = format!(
        "  oauth:
    resource: http://127.0.0.1:8080/mcp
    issuers: [{{ issuer: 'https://corp.example', name: corp }}]
    scopes: {{ all: {{ tools: ['*'] }} }}
tools:
  s:
    kind: mcp
    url: '{}'
    approve: first_use
    credentials:
      kind: token_exchange
      token_url: 'http://{}/token'
      client_id: gateway
      client_secret: 'file:{}'
",
        fake.url,
        issuer.address,
        secret.display(),
    );
    let scene = Scene::with(&yaml).await;
    let client = scene.alice();
    until_listed(&client, &["s__who"]).await;
    assert!(
        issuer.last().contains("client_credentials"),
        "{}",
        issuer.last()
    );
    let got = fake.book.got.lock().unwrap().clone();
    let lists: Vec<_> = got
        .iter()
        .filter(|got| got.method == "tools/list")
        .collect();
    assert!(!lists.is_empty());
    for got in got {
        let token = got
            .headers
            .get("authorization")
            .map(|it| it.to_str().unwrap());
        assert_eq!(
            token,
            Some("Bearer own-token-of-the-gateway"),
            "{}",
            got.method
        );
    }
    // On behalf of Alice it is not asked: she has no token to exchange.
    let answer = call(&client, "s__who").await;
    assert_eq!(answer["isError"], true, "{answer}");
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn many_calls_lost_with_their_server_do_not_rest_their_tool() {
    let fake = Fake::start(Era::Old).await;
    fake.lists(&[("hang", "Hangs."), ("who", "Says who.")]);
    let scene = Scene::of(&fake.url, ", approve: first_use").await;
    let client = scene.alice();
    until_listed(&client, &["s__hang", "s__who"]).await;
    let lost = join_all((0..30).map(|_| call(&client, "s__hang")));
    let dies = async {
        super::until("all are under way", || fake.calls().len() == 30).await;
        super::until("all are hung up", || {
            fake.hang_up();
            fake.book.dropped.load(Ordering::SeqCst) == 30
        })
        .await;
    };
    let (lost, ()) = tokio::join!(lost, dies);
    for lost in lost {
        let said = lost["content"][0]["text"].as_str().unwrap();
        assert!(said.contains("broke before it answered"), "{said}");
    }
    let url = format!("{}/metrics", scene.gateway.admin);
    let scraping = scene.gateway.client.get(url).bearer_auth(ADMIN);
    let metrics = scene.gateway.send(scraping).await.body;
    let closed = "waypost_tool_circuit{tool=\"s.hang\"} 0\n";
    assert!(metrics.contains(closed), "{metrics}");
}
