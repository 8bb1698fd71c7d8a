//! What is recorded of other servers: who asked for what of them, with whose token, and what was refused.

use rmcp::model::CallToolRequestParams;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};
use waypost::{
    federation::{Bearer, Credentials, Outgoing, Question},
    secret::Secret,
    telemetry::{Identity, Proof},
};

use super::{
    Caller, PATIENCE, empty,
    fake::{Era, Fake},
    specs, until,
};
use crate::{
    mcp::peer::{Modern, Session},
    support::{Gateway, metrics::sum},
};

const ALICE: &str = "wp-alice-0123456789";
const FEW: &str = "wp-few-0123456789abc";

/// Alice may use everything, another one twice a minute, and none of the server's tools.
const ACCESS: &str = "
providers: { p: { dialect: simulated } }
access:
  keys:
    - { name: alice, key: wp-alice-0123456789 }
    - { name: few, key: wp-few-0123456789abc, rpm: 2, tools: [], prompts: [own, s.*], resources: [mine, s.note] }
    - { name: none, key: wp-none-0123456789ab, resources: [] }
";

/// A gateway before a server, with a prompt and a resource of its own.
async fn gateway(fake: &Fake) -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let pins = folder.path().join("pins.json");
    let own = "prompts: { own: { messages: [{ text: a }] } }, resources: { mine: { uri: 'mine://1', text: a } }";
    let yaml = format!(
        "{ACCESS}mcp: {{ builtin: false, pins: {pins:?}, {own} }}
tools: {{ s: {{ kind: mcp, url: '{}', approve: first_use }} }}
",
        fake.url
    );
    let gateway = Gateway::start(&yaml).await;
    gateway
        .until("it is offered", |hall| {
            let server = hall.face().fleet.server("s");
            server.is_some_and(|it| it.offered().resources.len() == 1)
        })
        .await;
    let alice = modern(&gateway, ALICE);
    // What is offered is put in place a moment later.
    let listed = async {
        loop {
            let listed = alice.result("resources/list", json!({})).await;
            if listed["resources"].as_array().unwrap().len() == 2 {
                break;
            }
        }
    };
    timeout(PATIENCE, listed).await.expect("it is listed");
    (gateway, folder)
}

fn modern<'a>(gateway: &'a Gateway, key: &'a str) -> Modern<'a> {
    Modern {
        gateway,
        key: Some(key),
    }
}

/// Asks under this id, and gives the code of the error, where the answer is one.
async fn ask(client: &Modern<'_>, id: &str, method: &str, params: Value) -> Value {
    let request = client.request(method, params).header("x-request-id", id);
    let answer = client.gateway.send(request).await;
    let answer = match answer.events().last() {
        Some(event) => serde_json::from_str(event).unwrap(),
        None => answer.json(),
    };
    answer["error"]["code"].clone()
}

fn completion() -> Value {
    let prompt = json!({ "type": "ref/prompt", "name": "s.hello" });
    json!({ "ref": prompt, "argument": { "name": "a", "value": "" } })
}

#[tokio::test]
async fn prompts_and_resources_are_limited_and_recorded_as_calls_are() {
    let fake = Fake::start(Era::New).await;
    let (gateway, _folder) = gateway(&fake).await;
    let few = modern(&gateway, FEW);
    let read = |uri: &str| json!({ "uri": uri });
    let prompt = |name: &str| json!({ "name": name });
    for _ in 0..3 {
        // The gateway's own cost nothing.
        assert!(
            ask(&few, "own", "resources/read", read("mine://1"))
                .await
                .is_null()
        );
        assert!(
            ask(&few, "own", "prompts/get", prompt("own"))
                .await
                .is_null()
        );
    }
    assert!(
        ask(&few, "p", "prompts/get", prompt("s.hello"))
            .await
            .is_null()
    );
    assert!(
        ask(&few, "r", "resources/read", read("note://1"))
            .await
            .is_null()
    );
    for (id, method, params) in [
        ("p2", "prompts/get", prompt("s.hello")),
        ("r2", "resources/read", read("note://1")),
        ("c", "completion/complete", completion()),
    ] {
        assert_eq!(ask(&few, id, method, params).await, -32000, "{id}");
    }
    let asked = ["prompts/get", "resources/read", "completion/complete"];
    assert_eq!(asked.map(|method| fake.count(method)), [1, 1, 0]);

    let ids = ["p", "r", "p2", "r2", "c"];
    let known = |hall: &waypost::http::Hall| {
        let ledger = &hall.ledger;
        ids.iter().all(|id| ledger.find_tool_call(id).is_some())
    };
    gateway.until("all records", known).await;
    assert!(gateway.hall.ledger.find_tool_call("own").is_none());
    for (id, what, name, outcome) in [
        ("p", "prompt", "s.hello", "asks"),
        ("r", "resource", "s.note", "asks"),
        ("p2", "prompt", "s.hello", "rate_limited"),
        ("c", "completion", "s.hello", "rate_limited"),
    ] {
        let record = gateway.admin(&format!("/admin/requests/{id}")).await.json();
        let told = &record["tool_call"];
        for (member, expected) in [
            ("id", id),
            ("what", what),
            ("tool", name),
            ("kind", "mcp"),
            ("server", "s"),
            ("caller", "few"),
            ("surface", "http"),
            ("outcome", outcome),
        ] {
            assert_eq!(told[member], expected, "{member}: {record}");
        }
        let upstream = json!([{
            "replica": fake.url, "credentials": "none", "requests": 1, "outcome": "answered",
        }]);
        match outcome {
            "asks" => assert_eq!(told["upstream"], upstream),
            _ => assert!(told["upstream"].is_null(), "nothing was sent: {record}"),
        }
    }

    let text = gateway.admin("/metrics").await.body;
    let reads = |what, outcome| {
        let labels = [("server", "s"), ("what", what), ("outcome", outcome)];
        sum(&text, "waypost_upstream_mcp_reads_total", &labels)
    };
    assert_eq!(
        (reads("prompt", "asks"), reads("resource", "asks")),
        (1.0, 1.0)
    );
    assert_eq!(reads("completion", "rate_limited"), 1.0);
    assert!(
        text.contains(r#"{outcome="done",server="s",what="completion"} 0"#),
        "{text}"
    );
    assert_eq!(
        sum(&text, "waypost_limited_total", &[("limit", "requests")]),
        3.0
    );
    gateway.stop();
    let log = gateway.ended().await;
    assert!(
        log.contains(r#""what":"resource","tool":"s.note","kind":"mcp","server":"s","#),
        "{log}"
    );
}

#[tokio::test]
async fn what_is_refused_leaves_a_line_with_what_was_asked_for() {
    let fake = Fake::start(Era::New).await;
    let (gateway, _folder) = gateway(&fake).await;
    let session = Session::begin(&gateway, Some(FEW)).await;
    let odd = format!("a\u{202E}\n{}", "x".repeat(100));
    for (name, code) in [("s__echo", -32602), (&*odd, -32602), ("again", 0)] {
        let answer = session.ask("tools/call", json!({ "name": name })).await;
        match code {
            // The third is one too many.
            0 => assert_eq!(answer["result"]["isError"], true, "{answer}"),
            code => assert_eq!(answer["error"]["code"], code, "{answer}"),
        }
    }
    let text = gateway.admin("/metrics").await.body;
    assert!(
        !text.contains("s__echo") && !text.contains("again"),
        "{text}"
    );
    let other = |outcome| {
        let labels = [("tool", "other"), ("outcome", outcome)];
        sum(&text, "waypost_tool_calls_total", &labels)
    };
    assert_eq!((other("unknown_tool"), other("rate_limited")), (2.0, 1.0));
    gateway.stop();
    let log = gateway.ended().await;
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines: Vec<_> = lines
        .filter(|line| line["message"] == "tool_call")
        .collect();
    let cut = format!("a\\u{{202e}}\\n{}…", "x".repeat(61));
    let told = [
        ("s__echo", "unknown_tool"),
        (&cut, "unknown_tool"),
        ("again", "rate_limited"),
    ];
    assert_eq!(lines.len(), told.len(), "{log}");
    for (line, (tool, class)) in lines.iter().zip(told) {
        assert_eq!(
            (&line["tool"], &line["error_class"]),
            (&json!(tool), &json!(class))
        );
        assert_eq!(
            (&line["caller"], &line["kind"]),
            (&json!("few"), &json!("unknown"))
        );
        assert_eq!(line["outcome"], "failed");
    }
}

#[tokio::test]
async fn an_answer_has_no_more_values_than_the_protocol_lets_it_have() {
    let fake = Fake::start(Era::New).await;
    let (gateway, _folder) = gateway(&fake).await;
    let alice = modern(&gateway, ALICE);
    let completed = alice.result("completion/complete", completion()).await;
    let completed = &completed["completion"];
    assert_eq!(completed["values"].as_array().unwrap().len(), 100);
    assert_eq!(
        (&completed["total"], &completed["hasMore"]),
        (&json!(100_000), &json!(true))
    );
}

#[tokio::test]
async fn what_nobody_has_or_the_caller_may_not_read_cannot_be_followed() {
    let fake = Fake::start(Era::New).await;
    let (gateway, _folder) = gateway(&fake).await;
    let (yes, no) = (json!(null), json!(-32002));
    for (key, uri, code) in [
        (ALICE, "zip://none", &no),
        (ALICE, "note://1", &yes),
        (ALICE, "mine://1", &yes),
        ("wp-none-0123456789ab", "note://1", &no),
        ("wp-none-0123456789ab", "mine://1", &no),
    ] {
        let session = Session::begin(&gateway, Some(key)).await;
        let answer = session
            .ask("resources/subscribe", json!({ "uri": uri }))
            .await;
        assert_eq!(&answer["error"]["code"], code, "{uri}: {answer}");
    }
}

#[tokio::test]
async fn it_is_noted_which_replica_was_sent_whose_token_and_never_the_token() {
    let fakes = [Fake::start(Era::New).await, Fake::start(Era::New).await];
    let urls = format!("urls: ['{}', '{}']", fakes[0].url, fakes[1].url);
    let mut specs = specs(&format!("  s: {{ kind: mcp, {urls} }}\n")).unwrap();
    specs[0].settings.credentials = Credentials::TokenExchange {
        token_url: "https://login.example/token".to_owned(),
        client_id: "gateway".to_owned(),
        client_secret: "env:SECRET".to_owned(),
        resource: None,
        scopes: Vec::new(),
    };
    let fleet = empty();
    fleet.settle(specs);
    let server = fleet.server("s").unwrap();
    until("both are there", || {
        let standing = server.standing();
        standing.replicas.iter().all(|it| it.state == "ready")
    })
    .await;
    let caller = Caller::default();
    let token = Secret::new("a-token-of-alice");
    for (tool, outcome) in [
        ("who", "answered"),
        ("who", "answered"),
        ("sign_in", "unauthorized"),
    ] {
        let params = CallToolRequestParams::new(tool).with_arguments(Map::new());
        let answer = server.ask(Outgoing {
            question: Question::Call(params),
            relay: &caller,
            bearer: Some(Bearer {
                token: &token,
                person: None,
            }),
            meta: Map::new(),
            deadline: Instant::now() + PATIENCE,
            repeatable: false,
            serving: None,
        });
        assert_eq!(answer.await.is_ok(), outcome == "answered");
    }
    let alice = Identity {
        issuer: "corp".into(),
        subject: "alice".into(),
        client: None,
    };
    let noted = caller.notes.upstreams(Some(&alice));
    let reached: usize = fakes.iter().map(|fake| fake.calls().len()).sum();
    let requests: u32 = noted.iter().map(|upstream| upstream.requests).sum();
    assert_eq!((reached, requests), (3, 3));
    let digest = blake3::hash(b"a-token-of-alice").to_hex();
    for upstream in &noted {
        let fake = fakes
            .iter()
            .find(|fake| fake.url == upstream.replica)
            .unwrap();
        assert_eq!(fake.calls().len(), upstream.requests as usize);
        assert_eq!(upstream.credentials, Proof::TokenExchange);
        assert_eq!(upstream.on_behalf_of.as_ref(), Some(&alice));
        assert_eq!(upstream.token.as_deref(), Some(&digest[..12]));
    }
    assert!(
        noted
            .iter()
            .any(|upstream| upstream.outcome == "unauthorized")
    );
    assert!(!format!("{noted:?}").contains("a-token-of-alice"));
}
