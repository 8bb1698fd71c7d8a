//! Keys that are made for one call of a tool: what the tool's server can do with one, and what it cannot.
//!
//! The server is a plain HTTP client here, and the call is whoever made the key.

mod budget;
mod tickets;

use std::{collections::HashSet, sync::Arc};

use http::Method;
use serde_json::{Value, json};
use waypost::{
    access::{Made, Serving, Terms},
    catalog::NanoDollars,
    telemetry::{Completion, Notes, Serves},
};

use crate::support::{
    Act, Answer, Gateway, Provider, chat, completion, provider::usage, role, streamed, text,
};

const ALICE: &str = "wp-0123456789abcdef-alice";
const BOB: &str = "wp-0123456789abcdef-bob";

/// A gateway over two providers; Alice may use everything, Bob one route.
async fn gateway(provider: &Provider) -> Gateway {
    Gateway::start(&format!(
        "
providers:
  a: {{ dialect: openai, base_url: \"{0}\", models: {{ m: {{ price: {{ input: 1, output: 1 }} }}, v: {{ mode: embedding }} }} }}
  b: {{ dialect: openai, base_url: \"{0}\", models: {{ n: {{}} }} }}
routes:
  cheap: {{ targets: [a/m] }}
  other: {{ targets: [b/n] }}
  vectors: {{ targets: [a/v] }}
access:
  keys:
    - {{ name: alice, key: {ALICE}, rpm: 1 }}
    - {{ name: bob, key: {BOB}, routes: [other] }}
",
        provider.url
    ))
    .await
}

/// Ten completions for a dollar, by this route.
fn terms(route: Option<&str>) -> Terms {
    Terms {
        route: route.map(Into::into),
        completions: 10,
        cost: NanoDollars(1_000_000_000),
    }
}

/// A call of `crm.search` that runs, under the id `call-N`.
struct Call {
    serving: Arc<Serving>,
    notes: Arc<Notes>,
    caller: waypost::access::Caller,
}

impl Call {
    fn of(gateway: &Gateway, key: &str, request: &str, terms: Terms) -> Self {
        let caller = gateway.hall.face().access.identify(Some(key)).unwrap();
        let notes: Arc<Notes> = Arc::default();
        let serves = Serves {
            server: "crm".into(),
            tool: "crm.search".into(),
            request: request.to_owned(),
            notes: notes.clone(),
        };
        let serving = Serving::open(serves, terms);
        Self {
            caller: caller.lend(&serving),
            serving,
            notes,
        }
    }

    fn key(&self, gateway: &Gateway) -> Made {
        gateway.hall.face().access.mint().make(self.caller.clone())
    }

    fn completions(&self) -> Vec<Completion> {
        self.notes.completions()
    }
}

async fn ask(gateway: &Gateway, key: &str, model: &str) -> Answer {
    let request = gateway.post("/v1/chat/completions", chat(model, false));
    gateway.send(request.bearer_auth(key)).await
}

#[tokio::test]
async fn every_surface_is_answered_by_the_route_and_is_the_calls_own() {
    let vectors = r#"{"object":"list","model":"v","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#;
    let provider = Provider::start([
        completion("Hi"),
        streamed("Hi"),
        completion("Hi"),
        Act::Answer(
            200,
            vec![("content-type".to_owned(), "application/json".to_owned())],
            vectors.to_owned(),
        ),
        completion("Hi"),
    ])
    .await;
    let gateway = gateway(&provider).await;
    let call = Call::of(&gateway, ALICE, "call-1", terms(Some("cheap")));
    let made = call.key(&gateway);
    let key = made.key.reveal();

    // Whatever model it names, and under whatever id.
    let request = gateway.post("/v1/chat/completions", chat("gpt-4o-mini", false));
    let named = request.bearer_auth(key).header("x-request-id", "mine");
    let whole = gateway.send(named).await;
    assert_eq!(whole.status, 200, "{}", whole.body);
    assert_eq!(whole.header("x-waypost-route"), "cheap");
    assert_eq!(whole.header("x-request-id"), "call-1.1");
    let request = gateway.post("/v1/chat/completions", chat("b/n", true));
    let stream = gateway.send(request.bearer_auth(key)).await;
    assert_eq!((stream.status, stream.text().as_str()), (200, "Hi"));
    let body =
        json!({"model": "claude", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]});
    let request = gateway.post("/v1/messages", body.to_string());
    let message = gateway.send(request.header("x-api-key", key)).await;
    assert_eq!(message.status, 200, "{}", message.body);

    let embedder = Call::of(&gateway, ALICE, "call-2", terms(Some("vectors")));
    let other = embedder.key(&gateway);
    let request = gateway.post("/v1/embeddings", r#"{"model":"x","input":"y"}"#);
    let embedded = gateway.send(request.bearer_auth(other.key.reveal())).await;
    assert_eq!(embedded.status, 200, "{}", embedded.body);

    // Alice may send one request a minute, and has sent none: these belong to her call.
    let record = gateway.record("call-1.1").await;
    assert_eq!((&*record.caller, &*record.model), ("alice", "gpt-4o-mini"));
    assert_eq!(record.tool.as_deref(), Some("crm.search"));
    gateway.record("call-1.2").await;
    let shown = gateway.admin("/admin/requests/call-1.2").await.json();
    assert_eq!(
        shown["serves"],
        json!({"server": "crm", "tool": "crm.search", "request": "call-1"})
    );
    let noted = call.completions();
    let ids: Vec<_> = noted.iter().map(|made| made.id.as_str()).collect();
    assert_eq!(ids, ["call-1.1", "call-1.2", "call-1.3"]);
    for made in &noted {
        assert_eq!(made.target.as_deref(), Some("a/m"));
        assert!(
            made.cost.dollars().is_some() && made.usage.is_some(),
            "{made:?}"
        );
    }
    assert_eq!(embedder.completions().len(), 1);
    assert_eq!(ask(&gateway, ALICE, "cheap").await.status, 200);
}

#[tokio::test]
async fn a_key_is_worth_nothing_once_its_call_is_over() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let call = Call::of(&gateway, ALICE, "call-1", terms(None));
    let made = call.key(&gateway);
    let key = made.key.reveal().to_owned();
    assert_eq!(ask(&gateway, &key, "cheap").await.status, 200);
    call.serving.end();
    let check = async |what: &str| {
        let answer = ask(&gateway, &key, "cheap").await;
        assert_eq!(answer.status, 401, "{what}");
        let message = answer.json()["error"]["message"].clone();
        assert!(message.as_str().unwrap().contains("is over"), "{message}");
    };
    check("the call has ended").await;
    drop(made);
    check("the key is gone").await;
    assert_eq!(provider.asked().len(), 1);
}

#[tokio::test]
async fn what_still_runs_when_the_call_ends_is_called_off_and_paid_for() {
    let provider =
        Provider::start([Act::Hang, Act::Stall(vec![role(), text("Hel"), usage()])]).await;
    let gateway = gateway(&provider).await;
    for (request, stream) in [("call-1", false), ("call-2", true)] {
        let call = Call::of(&gateway, ALICE, request, terms(Some("cheap")));
        let made = call.key(&gateway);
        let body = chat("x", stream);
        let sent = gateway.post("/v1/chat/completions", body);
        let sent = sent.bearer_auth(made.key.reveal()).send();
        let running = tokio::spawn(sent);
        let id = format!("{request}.1");
        gateway
            .until("the completion is noted", |_| {
                !call.completions().is_empty()
            })
            .await;
        // Its price is not known yet, which is not nothing.
        assert_eq!(
            call.completions()[0].cost,
            waypost::telemetry::Cost::Unknown
        );
        if stream {
            // The head has come, and the first words.
            let response = running.await.unwrap().unwrap();
            call.serving.end();
            let _ = response.bytes().await;
        } else {
            call.serving.end();
            assert_eq!(running.await.unwrap().unwrap().status(), 401);
        }
        assert_eq!(gateway.record(&id).await.end.label(), "cancelled");
    }
}

#[tokio::test]
async fn a_made_key_opens_completions_and_nothing_else() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let narrow = Call::of(&gateway, ALICE, "call-1", terms(Some("cheap")));
    let made = narrow.key(&gateway);
    let get = |path: &str, key: &str| gateway.send(gateway.get(path).bearer_auth(key));
    let ids = |answer: Answer| -> HashSet<String> {
        let data = answer.json()["data"].as_array().unwrap().clone();
        let id = |model: &Value| model["id"].as_str().unwrap().to_owned();
        data.iter().map(id).collect()
    };
    let listed = ids(get("/v1/models", made.key.reveal()).await);
    assert_eq!(listed, HashSet::from(["cheap".to_owned()]));
    let body = json!({"model": "x", "models": ["b/n", "other"], "messages": [{"role": "user", "content": "x"}]});
    let request = gateway.post("/v1/chat/completions", body.to_string());
    let hinted = gateway.send(request.bearer_auth(made.key.reveal())).await;
    // A wish for more is refused as everybody's is.
    assert_eq!(hinted.status, 403, "{}", hinted.body);

    // Where no route is named, its caller's rights are its own: all of them, and no more.
    let bobs = Call::of(&gateway, BOB, "call-2", terms(None));
    let made = bobs.key(&gateway);
    let key = made.key.reveal();
    assert_eq!(
        ids(get("/v1/models", key).await),
        HashSet::from(["other".to_owned()])
    );
    assert_eq!(ask(&gateway, key, "other").await.status, 200);
    assert_eq!(ask(&gateway, key, "cheap").await.status, 403);
    assert_eq!(ask(&gateway, key, "a/m").await.status, 403);
    // The operator's route is not Bob's, so for Bob there is none.
    let bobs = Call::of(&gateway, BOB, "call-3", terms(Some("cheap")));
    let made = bobs.key(&gateway);
    assert_eq!(ask(&gateway, made.key.reveal(), "other").await.status, 403);
    let noted = bobs.completions();
    let noted: Vec<_> = noted
        .iter()
        .map(|it| (it.id.as_str(), it.refused))
        .collect();
    assert_eq!(noted, [("call-3.1", true)], "nobody was asked");
}

#[tokio::test]
async fn a_made_key_has_no_way_into_mcp() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let call = Call::of(&gateway, ALICE, "call-1", terms(None));
    let made = call.key(&gateway);
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).to_string();
    let open = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "crm", "version": "1"},
    }});
    let open = open.to_string();
    let session = gateway.post("/mcp", open.clone()).bearer_auth(ALICE);
    let session = session.header("accept", "application/json, text/event-stream");
    let session = gateway
        .send(session)
        .await
        .header("mcp-session-id")
        .to_owned();
    assert!(!session.is_empty());
    let url = format!("{}/mcp", gateway.url);
    let ways = [Method::POST, Method::GET, Method::DELETE, Method::OPTIONS];
    for (method, revision) in ways.iter().flat_map(|way| {
        ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"].map(|revision| (way, revision))
    }) {
        for (body, session) in [(&list, None), (&list, Some(&session)), (&open, None)] {
            for header in ["authorization", "x-api-key"] {
                let key = made.key.reveal();
                let key = match header {
                    "authorization" => format!("Bearer {key}"),
                    _ => key.to_owned(),
                };
                let request = gateway.client.request(method.clone(), &url);
                let request = request
                    .header(header, key)
                    .header("content-type", "application/json")
                    .header("accept", "application/json, text/event-stream")
                    .header("mcp-protocol-version", revision)
                    .header("mcp-method", "tools/list")
                    .body(body.clone());
                let request = session.iter().fold(request, |request, session| {
                    request.header("mcp-session-id", session.as_str())
                });
                no_tools(
                    &gateway.send(request).await,
                    &format!("{method} {revision}"),
                );
            }
        }
    }
    let socket = gateway.get("/mcp").bearer_auth(made.key.reveal());
    let socket = socket
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "mcp");
    no_tools(&gateway.send(socket).await, "WebSocket");
    // Alice's session stands, and is hers alone.
    let hers = gateway.client.delete(&url).bearer_auth(ALICE);
    let hers = hers.header("mcp-session-id", &session);
    assert!(gateway.send(hers).await.status < 300);
    // Only the door to tools is shut.
    assert_eq!(ask(&gateway, made.key.reveal(), "cheap").await.status, 200);
}

fn no_tools(answer: &Answer, way: &str) {
    assert_eq!(answer.status, 401, "{way}: {}", answer.body);
    let why = "made for the completions of one call of a tool, and calls no tools";
    assert!(answer.body.contains(why), "{way}: {}", answer.body);
}

#[tokio::test]
async fn calls_at_once_on_two_processes_are_told_apart() {
    let provider = Provider::start([completion("Hi")]).await;
    let gateway = gateway(&provider).await;
    let mint = gateway.hall.face().access.mint().clone();
    let slots = [mint.slot(), mint.slot()];
    let turns = slots.iter().enumerate().map(|(process, slot)| {
        let (gateway, slot) = (&gateway, slot.clone());
        async move {
            for turn in 0..10 {
                let request = format!("call-{process}-{turn}");
                let call = Call::of(gateway, ALICE, &request, terms(Some("cheap")));
                let filled = slot.fill(call.caller.clone()).unwrap();
                for number in 1..=2 {
                    let answer = ask(gateway, slot.key.reveal(), "x").await;
                    assert_eq!(answer.header("x-request-id"), format!("{request}.{number}"));
                }
                assert_eq!(call.completions().len(), 2);
                drop(filled);
            }
        }
    });
    futures_util::future::join_all(turns).await;
    assert_eq!(ask(&gateway, slots[0].key.reveal(), "x").await.status, 401);
}
